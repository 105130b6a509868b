from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.documents import AccountRole, Create, Follows, Frozen, Open, Party
from shared.domain.erasure import HASH_PREFIX, Eraser
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Record
from shared.domain.values import Value
from shared.entities.common.journal_lines import CustomerPaymentLine
from shared.entities.common.sale_line import SaleLine
from shared.entities.common.sales_documents import CreditMemo, MemoLine, SalesOrder, SalesOrderLine
from shared.entities.customer.records import Address, CustomerRecord

ERASER = Eraser("cus_1")
NOTE = "Gift of Ada Ács"


def customer(**changes: object) -> CustomerRecord:
    given: dict[str, object] = {
        "role": "customer~usmf",
        "company": "usmf",
        "key": "cus_1",
        "later": Follows(),
        "customer": "cus_1",
        "kind": "Person",
        "name": "Ada Ács",
        "first_name": "Ada",
        "last_name": "Ács",
        "currency": "usd",
        "address": Address(line1="Fő utca 1", city="Pécs", country="HU"),
    }
    return CustomerRecord(**(given | changes))  # type: ignore[arg-type]


def test_personal_fields_become_hashes_and_the_rest_stays() -> None:
    erased = ERASER.document(customer())
    assert isinstance(erased, CustomerRecord)
    assert erased.name == ERASER.hashed("Ada Ács")
    assert erased.name.startswith(HASH_PREFIX)
    assert erased.middle_name == ""
    assert erased.address is not None
    assert erased.address.city == ERASER.hashed("Pécs")
    assert (erased.address.country, erased.currency, erased.kind) == ("HU", "usd", "Person")
    assert (erased.key, erased.customer, erased.role) == ("cus_1", "cus_1", "customer~usmf")


def test_an_account_that_followed_stripe_is_frozen() -> None:
    assert ERASER.document(customer()).later == Frozen()


def test_every_text_of_an_accounts_record_is_hashed_but_its_key() -> None:
    fields: dict[str, Value] = {
        "StripeCustomerId": "cus_1",
        "OrganizationName": "ADA ÁCS",
        "Limit": 5,
    }
    record = Record(customer(), "CustomersV3", "StripeCustomerId", fields)
    erased = ERASER.record(record)
    assert erased.fields["StripeCustomerId"] == "cus_1"
    assert str(erased.fields["OrganizationName"]).startswith(HASH_PREFIX)
    assert erased.fields["Limit"] == 5
    assert ERASER.record(erased) == erased


def test_a_description_is_hashed_wherever_lines_and_records_repeat_it() -> None:
    eraser = Eraser("cus_1", (NOTE,))
    sold = SaleLine(1, "sale", 100, listed=100, text=NOTE)
    other = SaleLine(2, "goods", 100, listed=100, text="T-shirt")
    usd = Money(100, "usd")

    def line(sold: SaleLine) -> SalesOrderLine:
        return SalesOrderLine(
            role="line:1", company="demf", key="1", later=Open(), quantity=1, price=usd,
            discount=Money(0, "usd"), amount=usd, sold=sold, kind="sale", text=sold.text,
        )  # fmt: skip

    erased = eraser.document(line(sold))
    assert isinstance(erased, SalesOrderLine)
    assert erased.text == erased.sold.text == eraser.hashed(NOTE)
    assert erased.later == Open()
    assert eraser.document(line(other)) == line(other)
    memo = CreditMemo(
        role="credit:re_1:1", company="demf", key="re_1", currency="usd", customer=Party("cus_1"),
        sale="ch_1", date=date(2026, 10, 1), refund="re_1",
        lines=(MemoLine(1, -100, "sale", text=NOTE), MemoLine(2, -5, "goods", text="T-shirt")),
    )  # fmt: skip
    changed = eraser.document(memo)
    assert isinstance(changed, CreditMemo)
    assert [each.text for each in changed.lines] == [eraser.hashed(NOTE), "T-shirt"]
    order = SalesOrder(
        role="order", company="demf", key="ch_1", currency="usd", customer=Party("cus_1"),
        description=NOTE, action=Create(),
    )  # fmt: skip
    fields = {"Ref": "ch_1", "Name": NOTE.upper()[:9], "Note": f"for {NOTE}!", "Currency": "USD"}
    record = eraser.record(Record(order, "SalesOrderHeadersV2", "Ref", fields))
    assert (record.fields["Ref"], record.fields["Currency"]) == ("ch_1", "USD")
    assert all(str(record.fields[name]).startswith(HASH_PREFIX) for name in ("Name", "Note"))


def test_a_journal_line_is_left_as_it_is() -> None:
    line = CustomerPaymentLine(
        role="gross", company="usmf", key="txn_1:gross", amount=Money(-100, "usd"),
        date=date(2026, 10, 1), account=AccountRole(Role.CUSTOMER, "cus_1"),
        offset=AccountRole(Role.CLEARING), category="charge", source="ch_1",
    )  # fmt: skip
    record = Record(line, "CustomerPaymentJournalLines", "PaymentId", {"PaymentId": "txn_1:gross"})
    assert ERASER.document(line) is line
    assert ERASER.record(record) is record


@given(st.text(), st.text())
def test_hashing_is_stable_and_bound_to_the_customer(one: str, other: str) -> None:
    hashed = ERASER.hashed(one)
    assert ERASER.hashed(hashed) == hashed
    assert ERASER.hashed(one) == hashed
    if one and not one.startswith(HASH_PREFIX):
        assert one not in hashed or len(one) < 8
        assert hashed != Eraser("cus_2").hashed(one)
        assert (ERASER.hashed(other) == hashed) == (one in (other, hashed) or other == hashed)
