"""What F&O does when a customer is written: number, name, alias, party, address line."""

from collections.abc import Mapping
from typing import Any, override

from local.dynamics.odata import COMPANY, Fields, Infolog, RecordStore, StoredRow, fold, numbered
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables.rules import Hooks
from local.dynamics.tables.subledger import Subledger

NAME_ALIAS_CHARS = 20
PARTY_DIGITS = 9
PARTY_TYPES = ("Organization", "Person")
PERSON_NAMES = ("PersonFirstName", "PersonMiddleName", "PersonLastName")
CUSTOMER_FIELDS: Mapping[str, tuple[str, ...]] = {
    "SalesOrderHeadersV2": ("OrderingCustomerAccountNumber", "InvoiceCustomerAccountNumber"),
    "ReturnOrderHeadersV2": ("CustomerAccountNumber", "InvoiceCustomerAccountNumber"),
    "ReturnOrderLinesV2": ("CustomerAccountNumber", "InvoiceCustomerAccountNumber"),
    "CDSFreeTextInvoiceHeaders": ("CustomerAccount", "InvoiceAccount"),
    "FreeTextInvoiceHeaders": ("CustomerAccount", "InvoiceAccount"),
    "SalesInvoiceHeadersV2": ("InvoiceCustomerAccountNumber",),
    "OpenSalesPriceJournalLinesV2": ("CustomerAccountNumber",),
    "SalesPriceAgreements": ("CustomerAccountNumber",),
    "CustomersV3": ("InvoiceAccount",),
}
"""Where records name a customer, journal lines apart."""
ADDRESS_PARTS = ("AddressStreet", "AddressZipCode", "AddressCity", "AddressState")


class CustomerHooks(Hooks):
    """Hooks of `CustomersV3`. `prefixes`: of the customer numbers, by company."""

    def __init__(
        self,
        store: RecordStore,
        settings: DynamicsSettings,
        prefixes: Mapping[str, str],
        subledger: Subledger,
    ) -> None:
        self._store = store
        self._settings = settings
        self._prefixes = prefixes
        self._subledger = subledger

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        fields["PartyType"] = fields["PartyType"] or "Organization"
        if fields["PartyType"] not in PARTY_TYPES:
            raise Infolog(f"Party type '{fields['PartyType']}' is not valid.")
        if fields["PartyType"] == "Person":
            fields["OrganizationName"] = fields["OrganizationName"] or _full_name(fields)
        if not fields["OrganizationName"]:
            raise Infolog("Field 'Name' must be filled in.")
        fields["NameAlias"] = fields["NameAlias"] or fields["OrganizationName"][:NAME_ALIAS_CHARS]
        company = fields[COMPANY]
        if not fields["CustomerAccount"]:
            fields["CustomerAccount"] = self._next_account(company)
        elif not self._settings.manual_numbers:
            raise Infolog("The number sequence of customers does not allow manual numbers.")
        if not fields["LanguageId"]:
            entity = self._store.find("LegalEntities", company)
            fields["LanguageId"] = entity.fields["LanguageId"] if entity else ""
        if not fields["PaymentTerms"]:
            group = self._store.find("CustomerGroups", company, fields["CustomerGroupId"])
            fields["PaymentTerms"] = group.fields["PaymentTermId"] if group else ""
        fields["PartyNumber"] = f"{self._store.next_number('party'):0{PARTY_DIGITS}d}"
        fields["FullPrimaryAddress"] = _address(fields)

    def _next_account(self, company: str) -> str:
        prefix = self._prefixes.get(company, company.upper())
        while True:
            account = numbered(prefix, self._store.next_number(f"customer {company}"))
            if self._store.find("CustomersV3", company, account) is None:
                return account

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        merged = {**row.fields, **changes}
        renamed = any(name in changes for name in PERSON_NAMES)
        if row.fields["PartyType"] == "Person" and renamed and "OrganizationName" not in changes:
            changes["OrganizationName"] = merged["OrganizationName"] = _full_name(merged)
        if not merged["OrganizationName"]:
            raise Infolog("Field 'Name' must be filled in.")
        changes["FullPrimaryAddress"] = _address(merged)

    @override
    def on_remove(self, row: StoredRow) -> None:
        company, account = row.fields[COMPANY], row.fields["CustomerAccount"]
        refused = "Cannot delete a record in Customers (CustTable). Customer account: " + account
        if self._subledger.has(company, account):
            raise Infolog(f"{refused}. Transactions exist for the customer.")
        for entity_set, names in CUSTOMER_FIELDS.items():
            for other in self._store.of_company(entity_set, company):
                if other is not row and any(fold(other.fields[n]) == fold(account) for n in names):
                    raise Infolog(f"{refused}. Records of {entity_set} refer to the customer.")


def _full_name(fields: Mapping[str, Any]) -> str:
    return " ".join(fields[name] for name in PERSON_NAMES if fields[name])


def _address(fields: Mapping[str, Any]) -> str:
    country = fields["AddressCountryRegionId"] or fields["AddressCountryRegionISOCode"]
    return "\n".join(part for part in [*(fields[name] for name in ADDRESS_PARTS), country] if part)
