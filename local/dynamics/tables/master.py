"""The master data of a fresh tenant: two companies with what an integration needs to run."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import simplejson

from local.dynamics.odata import COMPANY, DATA, RecordStore, plain
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables.accounts import DELIMITERS, join
from local.dynamics.tables.assortment import Record, company_setup, release_items, shared_setup
from local.dynamics.tables.dimensions import formats

RATES_FROM = datetime(2015, 1, 1, 12, tzinfo=UTC)
HUNDRED = Decimal(100)
SAMPLE_CUSTOMERS = 3


@dataclass(frozen=True, slots=True)
class Tenant:
    """Set-up that no entity set shows.

    `customer_prefixes`: company -> prefix of its customer numbers. `sales_accounts`: product group
    -> main accounts of revenue and of returns. `tax_rates`: percentages by tax code;
    `tax_account`: the main account of sales tax; `reverse_charges`: by tax code of a reverse
    charge, the main account of its input tax.
    `model_groups`, `storage_groups`: what products must name.
    """

    customer_prefixes: Mapping[str, str]
    sales_accounts: Mapping[str, tuple[str, str]]
    tax_rates: Mapping[str, Decimal]
    tax_account: str
    reverse_charges: Mapping[str, str]
    model_groups: tuple[str, ...]
    storage_groups: tuple[str, ...]


def fill(store: RecordStore, settings: DynamicsSettings, client_id: str) -> Tenant:
    """Insert the master data."""
    data = simplejson.loads((DATA / "master.json").read_text("utf-8"), use_decimal=True)
    global_parts = (
        _currencies(data),
        _chart(data),
        _periods(data),
        _tenant(settings, client_id),
        _intercompany(data, settings.delimiter),
        shared_setup(data),
    )
    for part in global_parts:
        _insert(store, part)
    for company, entry in data["companies"].items():
        _insert(store, _company(company, entry, data, settings.delimiter))
        _insert(store, _ledger_periods(company, data))
        _insert(store, company_setup(company, data))
        release_items(store, company, data)
    companies = data["companies"].items()
    return Tenant(
        customer_prefixes={company: entry["customer_prefix"] for company, entry in companies},
        sales_accounts={
            group: (sales, returns) for group, _, sales, returns in data["product_groups"]
        },
        tax_rates={code: Decimal(rate) for code, rate in data["tax_codes"].items()},
        tax_account=data["sales_tax_account"],
        reverse_charges=data["reverse_charge_codes"],
        model_groups=tuple(data["model_groups"]),
        storage_groups=tuple(data["storage_groups"]),
    )


def _insert(store: RecordStore, records: Iterator[Record]) -> None:
    for name, fields in records:
        entity_set = store.schema.set_of(name)
        for key in fields:
            entity_set.type_of(key)  # a misspelt property is a fault of the data file
        store.insert(entity_set, {**entity_set.blank, **fields})


def _currencies(data: Mapping[str, Any]) -> Iterator[Record]:
    whole, thousandths = data["whole_unit_currencies"], data["thousandth_currencies"]
    rates = {code: Decimal(rate) for code, rate in data["rates_usd_per_100"].items()}
    for code in rates:
        unit = "1" if code in whole.split() else "0.001" if code in thousandths.split() else "0.01"
        yield (
            "Currencies",
            {"CurrencyCode": code, "Name": code, "GeneralRoundingRule": Decimal(unit)},
        )
    for target in {entry["currency"]: None for entry in data["companies"].values()}:
        for code, rate in rates.items():
            if code != target:
                fields = {"FromCurrency": code, "ToCurrency": target, "StartDate": RATES_FROM}
                fields |= {"RateTypeName": data["rate_type"], "ConversionFactor": "Hundred"}
                yield "ExchangeRates", fields | {"Rate": plain(rate * HUNDRED / rates[target])}


def _chart(data: Mapping[str, Any]) -> Iterator[Record]:
    chart = data["chart"]
    yield "ChartOfAccounts", {"ChartOfAccounts": chart, "Description": "Shared chart of accounts"}
    account, name, kind = data["clearing_of_other_currencies"]
    others = [(f"{account}{code}", f"{name} - {code}", kind) for code in data["rates_usd_per_100"]]
    for account, name, kind in [*data["main_accounts"], *others]:
        fields = {"ChartOfAccounts": chart, "MainAccountId": account, "Name": name}
        yield "MainAccounts", fields | {"MainAccountType": kind}


def _periods(data: Mapping[str, Any]) -> Iterator[Record]:
    first, last = data["fiscal_years"]
    for year in range(first, last + 1):
        for month in range(1, 13):
            end = monthrange(year, month)[1]
            yield (
                "FiscalPeriods",
                {
                    "Calendar": data["calendar"],
                    "FiscalYear": str(year),
                    "PeriodName": f"Period {month}",
                    "ShortName": f"P{month}",
                    "StartDate": datetime(year, month, 1, 12, tzinfo=UTC),
                    "EndDate": datetime(year, month, end, 12, tzinfo=UTC),
                    "Type": "Operating",
                    "Month": f"Month{month}",
                    "Quarter": f"Q{(month + 2) // 3}",
                    "Days": end,
                },
            )


def _ledger_periods(company: str, data: Mapping[str, Any]) -> Iterator[Record]:
    levels = ("Bank", "Cust", "Ledger", "Tax", "Vend")
    first, last = data["fiscal_years"]
    for year in range(first, last + 1):
        for month in range(1, 13):
            fields = {"LedgerName": company.upper(), "Calendar": data["calendar"]}
            fields |= {"YearName": str(year), "PeriodName": f"Period {month}"}
            fields |= {"LegalEntityId": company, "PeriodStatus": "Open"}
            yield "LedgerFiscalPeriods", fields | {f"{name}AccessLevel": "All" for name in levels}


def _tenant(settings: DynamicsSettings, client_id: str) -> Iterator[Record]:
    symbol = DELIMITERS[settings.delimiter]
    yield "DimensionParameters", {"Key": 0, "DimensionSegmentDelimiter": symbol}
    yield from formats(settings.delimiter)
    yield "SysAADClients", {"AADClientId": client_id, "Name": "Tieout", "UserId": "tieout"}


def _intercompany(data: Mapping[str, Any], delimiter: str) -> Iterator[Record]:
    """Both accounts of each pair of companies, from either side."""
    accounts = {company: entry["intercompany"] for company, entry in data["companies"].items()}
    for company, partners in accounts.items():
        for partner, account in partners.items():
            fields = {"OriginatingLegalEntityId": company, "DestinationLegalEntityId": partner}
            for end, number in (
                ("Originating", account),
                ("Destination", accounts[partner][company]),
            ):
                for side in ("Debit", "Credit"):
                    fields[f"{end}{side}AccountDisplayValue"] = join([number], delimiter)
            yield "LedgerInterCompanyAccounts", fields


def _company(
    company: str, entry: Mapping[str, Any], data: Mapping[str, Any], delimiter: str
) -> Iterator[Record]:
    name, language = entry["name"], entry["language"]
    yield (
        "LegalEntities",
        {
            "LegalEntityId": company,
            "Name": name,
            "CompanyName": name,
            "LanguageId": language,
            "AddressCountryRegionId": entry["country"],
        },
    )
    yield "Companies", {"DataArea": company, "Name": name, "LanguageId": language}
    yield (
        "Ledgers",
        {
            "LegalEntityId": company,
            "Name": company.upper(),
            "Description": name,
            "ChartOfAccounts": data["chart"],
            "AccountingCurrency": entry["currency"],
            "ReportingCurrency": entry["currency"],
            "FiscalCalendar": data["calendar"],
            "ExchangeRateType": data["rate_type"],
        },
    )
    for bank, currency, account, title in entry["banks"]:
        fields = {COMPANY: company, "BankAccountId": bank, "CurrencyCode": currency, "Name": title}
        display = join([account], delimiter)
        yield "BankAccounts", fields | {"BankMainAccountIdDisplayValue": display}
    for code, kind, title in data["journal_names"]:
        fields = {COMPANY: company, "Name": code, "Type": kind, "Description": title}
        fields |= {"NewVoucher": "BalanceSheet", "VoucherSeriesCode": code[:8].upper()}
        yield "JournalNames", fields | {"OffsetAccountType": "Ledger"}
    yield from _receivables(company, entry, data)


def _receivables(
    company: str, entry: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[Record]:
    for term, days in data["payment_terms"]:
        yield "PaymentTerms", {COMPANY: company, "Name": term, "NumberOfDays": days}
    for method, title in data["payment_methods"]:
        fields = {COMPANY: company, "Name": method, "Description": title}
        yield "CustomerPaymentMethods", fields | {"PaymentType": "ElectronicPayment"}
    for group, title in data["customer_groups"]:
        fields = {COMPANY: company, "CustomerGroupId": group, "Description": title}
        yield "CustomerGroups", fields | {"PaymentTermId": "Net30"}
    for vendor, title in data["vendors"]:
        fields = {COMPANY: company, "VendorAccountNumber": vendor}
        fields |= {"VendorOrganizationName": title, "VendorSearchName": title}
        yield "VendorsV3", fields | {"CurrencyCode": entry["currency"]}
    posting = {COMPANY: company, "PostingProfile": "GEN", "Description": "General posting profile"}
    yield "CustomerPostingProfiles", posting
    prefix = entry["customer_prefix"]
    samples = [
        (f"{prefix}-{n:03d}", f"Sample customer {n}") for n in range(1, SAMPLE_CUSTOMERS + 1)
    ]
    for account, name in [(data["one_time_customer"], "Stripe one-time customer"), *samples]:
        once = account == data["one_time_customer"]
        yield (
            "CustomersV3",
            {
                COMPANY: company,
                "CustomerAccount": account,
                "OrganizationName": name,
                "NameAlias": name[:20],
                "PartyType": "Organization",
                "CustomerGroupId": data["customer_groups"][0][0],
                "SalesCurrencyCode": entry["currency"],
                "LanguageId": entry["language"],
                "IsOneTimeCustomer": "Yes" if once else "No",
            },
        )
