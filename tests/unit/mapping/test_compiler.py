import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.mapping_fields import page
from shared.domain.values import Symbol
from shared.entities.common.journal_lines import PaymentMethod
from shared.errors import Parked
from shared.mapping.compiler import compile_mapping
from shared.mapping.finance import Target, render
from shared.mapping.loader import load
from shared.mapping.problems import MappingRefused
from shared.mapping.schema import SOURCES, Table, parse, title_of
from shared.mapping.transforms import TRANSFORMS
from shared.packaged import packaged_mapping, packaged_templates, packaged_vocabulary
from shared.targets.finance import FINANCE
from tests.unit.entities.objects import BOOKS
from tests.unit.mapping.rules import compiled, refused
from tests.unit.mapping.test_finance import FEES, line, person, receipt

ROOT = Path(__file__).parents[3]
TABLE = "kind: table\nname: brands\nrows: {visa: CC-VISA, amex: CC-AMEX}\n"


def mapping(body: str, template: str = "customer_payment_line", name: str = "ours") -> str:
    return f"kind: mapping\nname: {name}\nextends: {template}\n{body}\n"


def fields_of(*changes: str, template: str = "customer_payment_line", **values: Any) -> Any:
    target = Target(BOOKS, "StripeCustomerId", 20, {}, compiled(*changes))
    if template == "customer":
        return render(person(**values), target).fields
    if "payment_method" in values:
        values["payment_method"] = PaymentMethod(**values["payment_method"])
    made = line if template == "general_line" else receipt
    return render(made(account=FEES, **values), target).fields


def test_a_mapping_adds_a_field_and_leaves_the_rest() -> None:
    before = fields_of()
    after = fields_of(mapping("fields: {PaymentReference: {value: STRIPE}}"))
    assert after == {**before, "PaymentReference": "STRIPE"}


def test_a_mapping_replaces_a_field() -> None:
    after = fields_of(mapping("fields: {PaymentNotes: {concat: [category, source]}}"))
    assert after["PaymentNotes"] == "chargech_1"


def test_a_mapping_changes_a_named_rule_of_its_template() -> None:
    changed = mapping("rules: {line_text: {from: category, do: [upper]}}")
    assert fields_of(changed)["TransactionText"] == "CHARGE"


def test_no_named_rule_reaches_the_amounts() -> None:
    changed = mapping("rules: {debit: {value: '1'}, credit: {value: '1'}}")
    assert fields_of(changed)["CreditAmount"] == Decimal("50.00")


METHODS = mapping(
    """
fields:
  PaymentMethodName:
    cases:
      - {when: {payment_method.wallet: {present: true}}, value: CC-WALLET}
      - when: {payment_method.type: card}
        from: payment_method.brand
        do: [{lookup: {table: brands, miss: CC-OTHER}}]
      - {when: {payment_method.type: [sepa_debit, us_bank_account]}, value: DIRECTDEB}
      - {value: OTHER}
"""
)


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ({"type": "card", "brand": "visa", "wallet": "apple_pay"}, "CC-WALLET"),
        ({"type": "card", "brand": "visa", "wallet": ""}, "CC-VISA"),
        ({"type": "card", "brand": "jcb"}, "CC-OTHER"),
        ({"type": "sepa_debit"}, "DIRECTDEB"),
        ({"type": "klarna"}, "OTHER"),
        ({}, "OTHER"),
    ],
)
def test_a_payment_method_follows_wallet_brand_and_type(
    method: dict[str, str], wanted: str
) -> None:
    assert fields_of(METHODS, TABLE, payment_method=method)["PaymentMethodName"] == wanted


def test_a_custom_field_is_declared_with_its_size() -> None:
    custom = "custom: {Shop_Custom: {type: String, size: 5}, Done_Custom: {type: NoYes}}\n"
    body = f"{custom}fields: {{Shop_Custom: {{from: name}}, Done_Custom: {{value: 'Yes'}}}}"
    found = fields_of(mapping(body, "customer"), template="customer", name="Ada")
    assert (found["Shop_Custom"], found["Done_Custom"]) == ("Ada", Symbol("NoYes", "Yes"))
    with pytest.raises(Parked) as caught:
        fields_of(mapping(body, "customer"), template="customer", name="Ada Lovelace")
    assert caught.value.cause == "value_too_long"
    assert str(caught.value) == (
        "customer, Shop_Custom: Shop_Custom holds 5 characters, the value has 12"
    )


def test_a_field_that_comes_to_nothing_parks_by_name() -> None:
    body = "fields: {NameAlias: {from: address.city}}"
    with pytest.raises(Parked) as caught:
        fields_of(mapping(body, "customer"), template="customer")
    assert caught.value.cause == "value_missing"
    assert str(caught.value) == "customer, NameAlias: address.city gives nothing"


def test_a_field_with_a_condition_is_left_out() -> None:
    rule = "{when: {payment_method.brand: {present: true}}, from: payment_method.brand}"
    changed = mapping(f"fields: {{PaymentReference: {rule}}}")
    assert "PaymentReference" not in fields_of(changed)
    assert fields_of(changed, payment_method={"brand": "visa"})["PaymentReference"] == "visa"


def test_a_constant_with_a_condition_is_left_out() -> None:
    changed = mapping("fields: {PaymentReference: {when: {category: refund}, value: R}}")
    assert "PaymentReference" not in fields_of(changed)
    assert fields_of(changed, category="refund")["PaymentReference"] == "R"


def test_a_check_parks_with_its_message() -> None:
    check = "{rule: {payment_method.type: {present: true}}, message: no payment method}"
    with pytest.raises(Parked) as caught:
        fields_of(mapping(f"checks: [{check}]"))
    assert caught.value.cause == "mapping_check"
    assert str(caught.value) == "customer_payment_line: no payment method"
    assert fields_of(mapping(f"checks: [{check}]"), payment_method={"type": "card"})


def protected_fields() -> list[tuple[str, str]]:
    names = {"customer": "CustomersV3", "customer_payment_line": "CustomerPaymentJournalLines"}
    names |= {
        "general_line": "LedgerJournalLines",
        "sales_order": "SalesOrderHeadersV2",
        "sales_order_line": "SalesOrderLinesV3",
        "credit_memo": "CDSFreeTextInvoiceHeaders",
        "credit_memo_line": "CDSFreeTextInvoiceLines",
    }
    return [(name, each) for name, found in names.items() for each in FINANCE[found].protected]


@pytest.mark.parametrize(("template", "name"), protected_fields())
def test_no_mapping_sets_keys_amounts_signs_accounts_or_dates(template: str, name: str) -> None:
    found = refused(mapping(f"fields: {{{name}: {{value: '1'}}}}", template))
    assert f"ours: fields.{name}: is protected" in found
    custom = mapping(f"custom: {{{name}: {{type: Decimal}}}}", template)
    assert "the product knows this field" in refused(custom)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "fields: {DEBITAMOUNT: {value: '1'}}",
            "fields.DEBITAMOUNT: is DebitAmount, which is protected (amount): the product",
        ),
        ("fields: {paymentid: {value: x}}", "fields.paymentid: is PaymentId, which is protected"),
        ("fields: {paymentNotes: {value: x}}", "fields.paymentNotes: is written PaymentNotes"),
        ("custom: {debitAmount: {type: Decimal}}", "the product knows this field: DebitAmount"),
        (
            "custom: {paymentnotes: {type: String, size: 9}}",
            "custom.paymentnotes: the product knows this field: PaymentNotes",
        ),
        (
            "custom: {A_Custom: {type: Date}, a_custom: {type: Date}}",
            "custom.a_custom: is already declared as A_Custom",
        ),
        (
            "custom: {A_Custom: {type: String, size: 9}}\nfields: {A_CUSTOM: {value: x}}",
            "fields.A_CUSTOM: is written A_Custom",
        ),
        (
            "custom: {idField: {type: String, size: 9}}\nfields: {idField: {value: x}}",
            "fields.idField: is IdField, which is protected (key)",
        ),
    ],
)
def test_a_name_in_other_letters_says_which_field_it_means(body: str, reason: str) -> None:
    assert reason in refused(mapping(body), reserved=("IdField",))


def test_declaring_and_setting_a_protected_field_in_other_letters_is_refused() -> None:
    body = "custom: {DEBITAMOUNT: {type: Decimal}}\nfields: {DEBITAMOUNT: {value: '1'}}"
    assert len(refused(mapping(body)).splitlines()) == 2


def test_the_field_of_the_stripe_id_is_protected_by_its_setting() -> None:
    body = "custom: {Id_Custom: {type: String, size: 255}}\nfields: {Id_Custom: {value: x}}"
    assert compiled(mapping(body, "customer"))
    found = refused(mapping(body, "customer"), reserved=("Id_Custom",))
    assert "fields.Id_Custom: is protected (key)" in found


def test_the_key_wins_over_a_field_of_its_name() -> None:
    body = "custom: {StripeCustomerId: {type: String, size: 9}}\n"
    changed = mapping(f"{body}fields: {{StripeCustomerId: {{value: x}}}}", "customer")
    assert fields_of(changed, template="customer")["StripeCustomerId"] == "cus_1"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (
            mapping("fields: {TransactionTxt: {value: x}}"),
            "TransactionTxt: Tieout does not know this field",
        ),
        (mapping("fields: {PaymentNotes: {from: sourc}}"), "no field 'sourc'"),
        (mapping("fields: {PaymentNotes: {from: email}}"), "no field 'email'"),
        (mapping("fields: {PaymentNotes: {from: date}}"), "takes text, the rule gives date"),
        (mapping("fields: {PaymentMethodName: {value: LONGER-THAN-TEN}}"), "holds 10 characters"),
        (mapping("fields: {DocumentDate: {value: soon}}", "general_line"), "is not a date"),
        (mapping("fields: {Quantity: {value: many}}", "general_line"), "not a plain number"),
        (mapping("fields: {OnHoldStatus: {value: Maybe}}", "customer"), "takes only No, Invoice"),
        (
            mapping("fields: {SalesCurrencyCode: {when: {email: a}, value: EUR}}", "customer"),
            "must be set: it takes no when",
        ),
        (mapping("fields: {PaymentNotes: {value: x, from: source}}"), "exactly one of"),
        (mapping("fields: {PaymentNotes: {do: [upper]}}"), "exactly one of"),
        (mapping("fields: {PaymentNotes: {value: x, sep: y}}"), "sep belongs to concat"),
        (
            mapping("fields: {PaymentNotes: {value: x, expression: 1 + 1}}"),
            "expression: no such key",
        ),
        (mapping("fields: {PaymentNotes: {form: source}}"), "did you mean from? there are"),
        (
            mapping("fields: {PaymentNotes: {concat: [{vlue: x}]}}"),
            "fields.PaymentNotes.concat.0.vlue: no such key; did you mean value? there are from,",
        ),
        (
            mapping("fields: {PaymentNotes: {each: {in: a, as: b, give: {value: x}}}}"),
            "fields.PaymentNotes.each: no such key; there are from,",
        ),
        (
            mapping("fields: {PaymentNotes: {concat: [[a]]}}"),
            "fields.PaymentNotes.concat.0: Input should be a valid string",
        ),
        (
            "kind: policy\nname: a\nsales: [{when: {curency: [eur]}, book: order}]\n",
            "sales.0.when.curency: no such key; did you mean currency? there are currency, meta",
        ),
        (
            "kind: policy\nname: a\nsales: [{when: {currency: [EUR]}, book: order}]\n",
            "sales.0.when.currency.0: a currency is three lower-case letters, such as eur",
        ),
        (mapping("fields: {'Pay ment': {value: x}}"), "String should match pattern"),
        (mapping("policy: {orders: on}".replace("on", "always")), "policy: no such key"),
        (mapping("protected: {DebitAmount: {value: x}}"), "protected: no such key"),
        (mapping("entity: CustomersV3"), "entity: no such key"),
        (mapping("custom: {A_Custom: {type: String}}"), "String needs it"),
        (mapping("custom: {A_Custom: {type: Date, size: 5}}"), "size belongs to String"),
        (mapping("custom: {A_Custom: {type: Guid}}"), "Input should be"),
        (mapping("checks: [{rule: {nothing: a}, message: m}]"), "checks.0 (path noth"),
        (mapping("fields: {}", "journal_line"), "extends one of customer, customer_link"),
        (mapping("fields: {}", "no_such"), "extends one of"),
        ("kind: template\nname: general_line\n", "only the product has templates"),
        ("kind: policy\nname: a\norder: {}\n", "order: no such key"),
        ("kind: [mapping]\nname: a\n", "must be template, mapping, table or policy"),
        ("name: a\n", "must be template, mapping, table or policy"),
        ("kind: table\nname: a\n", "rows: Field required"),
        ("kind: table\nname: a\nrows: {a: [b]}\n", "rows.a: Input should be a valid string"),
        ("kind: table\nname: Not A Name\nrows: {}\n", "name: String should match pattern"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(document: str, reason: str) -> None:
    assert reason in refused(document)


def test_a_lookup_row_that_no_field_holds_is_refused() -> None:
    table = TABLE.replace("CC-AMEX", "CC-AMERICAN-EXPRESS")
    found = refused(METHODS, table)
    assert "the value 'CC-AMERICAN-EXPRESS' does not fit: PaymentMethodName holds 10" in found


def test_all_problems_are_told_at_once() -> None:
    found = refused(
        mapping("fields: {PaymentId: {value: x}, Nothing: {value: y}}"),
        mapping("fields: {Text: {from: no.path}}", "general_line", "theirs"),
    )
    assert len(found.splitlines()) == 3


def test_one_mistake_in_a_list_is_told_once() -> None:
    found = refused(mapping("fields: {PaymentNotes: {cases: [{form: source}]}}"))
    assert len(found.splitlines()) == 1


def test_one_template_has_one_mapping_and_names_are_used_once() -> None:
    assert "put both into one" in refused(mapping("", name="a"), mapping("", name="b"))
    assert "a second table of this name" in refused(TABLE, TABLE)


def test_a_table_takes_the_place_of_the_products_of_the_same_name() -> None:
    product = (*packaged_templates(), load("brands.yaml", TABLE))
    alone = compile_mapping(product, (), packaged_vocabulary())
    ours = load("ours", TABLE.replace("CC-AMEX", "CC-AX"))
    found = compile_mapping(product, [ours, load("methods", METHODS)], packaged_vocabulary())
    method = dict(found.templates["customer_payment_line"].fields)["PaymentMethodName"]
    assert method({"payment_method": {"type": "card", "brand": "amex"}}) == "CC-AX"
    assert found.documents["table brands"] == ours.sha256 != alone.documents["table brands"]
    with pytest.raises(MappingRefused, match="a second table of this name"):
        compile_mapping(product, [ours, ours], packaged_vocabulary())


def test_the_products_documents_have_names_of_their_own() -> None:
    titles = [title_of(parse(each)) for each in packaged_templates()]
    assert len(dict.fromkeys(titles)) == len(titles)


def test_the_version_follows_every_document() -> None:
    plain, one = compiled(), compiled(METHODS, TABLE)
    assert plain.sha256 == packaged_mapping().sha256
    assert one.sha256 == compiled(TABLE, METHODS).sha256
    other = compiled(METHODS, TABLE.replace("CC-AMEX", "CC-AX"))
    assert len(dict.fromkeys([plain.sha256, one.sha256, other.sha256])) == 3
    assert one.documents["table brands"] == load("t", TABLE).sha256


def product_without(old: str, new: str) -> str:
    """The refusal of the product's own templates after a change of their text."""
    folder = ROOT / "shared/targets/finance/templates"
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
    assert any(old in text for text in texts.values())
    loaded = [load(name, text.replace(old, new)) for name, text in texts.items()]
    with pytest.raises(MappingRefused) as caught:
        compile_mapping(loaded, (), packaged_vocabulary())
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("entity: CustomersV3\n", "", "needs the entity set and the key"),
        ("key: PaymentId #", "about: x #", "needs the entity set and the key"),
        ("  CustomerGroupId: {from: company.customer_group}\n", "", "CustomerGroupId: must be set"),
        ("CurrencyCode: {from", "PaymentReference: {from", "is not a protected field"),
        ("extends: journal_line", "extends: nothing", "no template 'nothing'"),
        ("extends: payment\n", "extends: journal_line\n", "extends too deep"),
    ],
)
def test_a_broken_template_of_the_product_is_refused(old: str, new: str, reason: str) -> None:
    assert reason in product_without(old, new)


def test_a_missing_template_of_the_product_is_refused() -> None:
    kept = [each for each in packaged_templates() if each.where != "customer.yaml"]
    with pytest.raises(MappingRefused, match="no template 'customer'"):
        compile_mapping(kept, (), packaged_vocabulary())


def test_the_metadata_agrees_with_the_embedded_dynamics() -> None:
    data = ROOT / "local/dynamics/data"
    sets = json.loads((data / "entity_sets.json").read_text(encoding="utf-8"))
    enums = json.loads((data / "enums.json").read_text(encoding="utf-8"))
    edm = {"Date": "DateTimeOffset"}
    for found in FINANCE:
        properties = sets[found.name]["properties"]
        types = {p: kind for kind, names in properties.items() for p in names.split()}
        unlike = [
            each.name
            for each in found.fields.values()
            if types.get(each.name) != edm.get(each.type, each.type)
            or (each.members and each.members != tuple(enums[each.type].split()))
        ]
        assert unlike == []
        assert [each for each in found.protected if each not in types] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "shared/targets/finance/templates").rglob("*.yaml"))
)
def test_every_field_of_a_template_is_explained_by_a_comment(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    section = ""
    for index, text in enumerate(lines):
        if text and not text.startswith((" ", "#")):
            section = text.partition(":")[0]
        indented = text.startswith("  ") and not text.startswith(("   ", "  #", "  -"))
        if indented and section in ("fields", "protected"):
            above = index - 1
            while lines[above].startswith("  ") and not lines[above].startswith("  #"):
                above -= 1
            assert lines[above].startswith("  #"), text


def examples() -> list[str]:
    """The documents that docs/mapping.md shows, the tables apart from what needs them."""
    text = (ROOT / "docs/mapping.md").read_text(encoding="utf-8")
    found = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return [each for each in found if each.startswith("kind:")]


ORDER_DAYS = "\nname: our_order_days\n"  # a second mapping of orders: not in the set of the others


def test_the_examples_of_the_documentation_are_valid_together() -> None:
    wanted = [
        *("mapping our_fees", "table card_brands", "mapping our_customers", "table items"),
        *("table payment_methods", "mapping our_receipts", "mapping our_orders", "policy ours"),
        *("table sales_tax_groups", "table item_sales_tax_groups"),
    ]
    together = [each for each in examples() if ORDER_DAYS not in each]
    assert len(together) == len(wanted) == len(examples()) - 1
    assert list(compiled(*together).documents)[: len(wanted)] == wanted


def test_the_custom_fields_of_the_documentation_hold_what_it_says() -> None:
    (customers,) = [each for each in examples() if "\nname: our_customers\n" in each]
    before = fields_of(template="customer", email="Ada@Example.COM ")
    after = fields_of(customers, template="customer", email="Ada@Example.COM ")
    ours = {"WebShop_Custom": "SHOP-1", "MailSearch_Custom": "ada@example.com"}
    assert after == before | ours
    assert "MailSearch_Custom" not in fields_of(customers, template="customer", email="")


def test_the_days_of_the_documentation_are_those_of_its_time_zone() -> None:
    (days,) = [each for each in examples() if ORDER_DAYS in each]
    order = dict(compiled(days).templates["sales_order"].fields)
    scope = {"charged_at": 1_793_489_400}  # 2026-10-31 23:30 UTC, half past midnight in Berlin
    assert order["PaidOn_Custom"](scope) == date(2026, 11, 1)
    assert order["PaidOnText_Custom"](scope) == "01.11.2026"


CARD = {"type": "card", "brand": "visa", "funding": "credit", "wallet": ""}
PAYPAL = {"type": "paypal", "brand": "", "funding": "", "wallet": ""}
METHODS_OF_ALL: tuple[tuple[dict[str, str], str], ...] = (
    (CARD, "STRCARD"),
    (CARD | {"brand": "amex"}, "STRCARD"),
    (CARD | {"wallet": "apple_pay"}, "STRWALLET"),
    (CARD | {"wallet": "new_pay"}, "STRWALLET"),
    (PAYPAL | {"type": "sepa_debit"}, "STRDEBIT"),
    (PAYPAL | {"type": "ideal"}, "STRBANK"),
    (PAYPAL | {"type": "klarna"}, "STRIPE"),
    ({}, "STRIPE"),
)


def method_of(method: dict[str, str], currency: str, *changes: str) -> list[str]:
    """The method of payment of a receipt and of an order."""
    amount = {"minor": -1_000, "currency": currency}
    scope = {"amount": amount, "currency": currency, "payment_method": method}
    found = compiled(*changes).templates
    receipt, order = (dict(found[each].fields) for each in ("customer_payment_line", "sales_order"))
    runs = (receipt["PaymentMethodName"], order["CustomerPaymentMethodName"])
    return [str(run(scope)) for run in runs]


def test_the_table_of_the_documentation_changes_the_method_of_paypal_alone() -> None:
    (table,) = [each for each in examples() if "\nname: payment_methods\n" in each]
    for method, wanted in METHODS_OF_ALL:
        assert method_of(method, "eur") == method_of(method, "eur", table) == [wanted] * 2
    assert method_of(PAYPAL, "eur") == ["STRIPE"] * 2
    assert method_of(PAYPAL, "eur", table) == ["STRPAYPAL"] * 2
    product = next(parse(each) for each in packaged_templates() if "payment_m" in each.where)
    ours = parse(load("table", table))
    assert isinstance(product, Table)
    assert isinstance(ours, Table)
    assert ours.rows == {**product.rows, "paypal": "STRPAYPAL"}


def test_the_rules_of_the_documentation_keep_all_other_methods() -> None:
    rules = [each for each in examples() if "  - {use: payment_method}" in each]
    assert len(rules) == 2
    for method, wanted in METHODS_OF_ALL:
        assert method_of(method, "gbp", *rules) == [wanted] * 2
    assert method_of(PAYPAL, "gbp", *rules) == ["STRPAYGBP"] * 2
    assert method_of(PAYPAL, "eur", *rules) == ["STRIPE"] * 2


def test_the_documentation_names_every_transform() -> None:
    text = (ROOT / "docs/mapping.md").read_text(encoding="utf-8")
    assert [name for name in TRANSFORMS if name not in text] == []


def used_words(tree: object) -> list[str]:
    """All keys, and all texts of lists, of a document."""
    if isinstance(tree, dict):
        return [*tree, *(word for value in tree.values() for word in used_words(value))]
    if isinstance(tree, list):
        return [word for value in tree for word in used_words(value)]
    return [tree] if isinstance(tree, str) else []


def test_a_template_or_an_example_uses_every_source_and_transform() -> None:
    documents = [*packaged_templates(), *(load("example", each) for each in examples())]
    used = [word for document in documents for word in used_words(document.tree)]
    assert [name for name in (*SOURCES, *TRANSFORMS) if name not in used] == []


def test_the_page_of_fields_is_the_one_that_the_types_give() -> None:
    text = (ROOT / "docs/mapping-fields.md").read_text(encoding="utf-8")
    assert text == page(packaged_vocabulary().catalogue), "run make docs"
    paths = [path for sources in packaged_vocabulary().catalogue.values() for path in sources]
    assert [path for path in paths if f"| `{path}` |" not in text] == []


def test_the_catalogue_and_the_templates_have_the_same_names() -> None:
    assert list(packaged_mapping().templates) == list(packaged_vocabulary().catalogue)
