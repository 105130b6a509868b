"""Accounts, currencies and periods: what a journal line refers to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from local.dynamics.odata import Fields, Infolog, RecordStore, StoredRow, plain, unsupported
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables.accounts import join, split
from local.dynamics.tables.dimensions import DEFAULT, LEDGER, check_combination
from local.dynamics.tables.subledger import Subledger

TYPE_NAMES = {"Ledger": "Ledger", "Cust": "Customer", "Bank": "Bank", "Vend": "Vendor"}
HUNDRED = Decimal(100)
WHOLE, CENT = Decimal(1), Decimal("0.01")
AMOUNT_MAX = Decimal(10) ** 20
PAYMENT_HOLDS = ("All", "Payment")
INVOICE_HOLDS = ("All", "Invoice")
FACTORS = {
    "One": Decimal(1),
    "Ten": Decimal(10),
    "Hundred": HUNDRED,
    "Thousand": Decimal(1_000),
    "TenThousand": Decimal(10_000),
}
LEDGER_SEGMENTS_MAX = 5  # main account and up to four dimensions
CUSTOMER_MAIN_ACCOUNT = "130100"  # summary account of posting profile GEN
VENDOR_MAIN_ACCOUNT = "200100"  # that of vendors


@dataclass(frozen=True, slots=True)
class JournalAccount:
    """An account of a journal line. `id` un-escaped, as its master record spells it."""

    company: str
    type: str
    id: str
    main_account: str
    display: str
    fields: Fields


@dataclass(slots=True)
class TenantBooks:
    """Look-ups over the store with the refusals of F&O's journals, as `Infolog`.

    `vendors`: the vendor transactions. `reverse_charges`: by tax code of a reverse charge, the main
    account of its input tax. `sales_accounts`: the main accounts of a product group, for revenue
    and for returns. `tax_rates`: percentages by tax code; `tax_account`: the main account of sales
    tax. `secrets`: why the posting job refuses an account, by company and number, where no entity
    set tells.
    """

    store: RecordStore
    settings: DynamicsSettings
    sales_accounts: Mapping[str, tuple[str, str]]
    tax_rates: Mapping[str, Decimal]
    tax_account: str
    reverse_charges: Mapping[str, str]
    vendors: Subledger
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)

    def account(self, company: str, kind: str, display: str) -> JournalAccount:
        """The account that a display value names. Escapes matter: see `accounts`."""
        if kind not in TYPE_NAMES:
            raise unsupported(f"Account type '{kind}' on journal lines")
        segments = split(display, self.settings.delimiter)
        if kind == "Ledger":
            return self._ledger_account(company, display, segments)
        set_name, key = ("CustomersV3", "CustomerAccount")
        if kind == "Bank":
            set_name, key = ("BankAccounts", "BankAccountId")
        elif kind == "Vend":
            set_name, key = ("VendorsV3", "VendorAccountNumber")
        row = self.store.find(set_name, company, segments[0]) if len(segments) == 1 else None
        if row is None:
            raise Infolog(
                f"Account number {display} for transaction type {TYPE_NAMES[kind]} does not exist."
            )
        main = VENDOR_MAIN_ACCOUNT if kind == "Vend" else CUSTOMER_MAIN_ACCOUNT
        account_id = row.fields[key]
        if kind == "Bank":
            main_display = row.fields["BankMainAccountIdDisplayValue"]
            main = split(main_display, self.settings.delimiter)[0]
        shown = join([account_id], self.settings.delimiter)
        return JournalAccount(company, kind, account_id, main, shown, row.fields)

    def _ledger_account(self, company: str, display: str, segments: list[str]) -> JournalAccount:
        row = self.main_account(company, segments[0])
        if row is None:
            raise Infolog(f"Main account {segments[0]} does not exist in the chart of accounts.")
        if len(segments) > LEDGER_SEGMENTS_MAX:
            raise Infolog(f"The account combination {display} is not valid.")
        shown = join([row["MainAccountId"], *segments[1:]], self.settings.delimiter)
        main = row["MainAccountId"]
        return JournalAccount(company, "Ledger", main, main, shown, row)

    def main_account(self, company: str, account: str) -> Fields | None:
        """The main account in the company's chart of accounts, or None."""
        row = self.store.find("MainAccounts", self.ledger(company)["ChartOfAccounts"], account)
        return row.fields if row else None

    def ledger(self, company: str) -> Fields:
        """The ledger of a company."""
        row = self.store.find("Ledgers", company)
        if row is None:
            raise Infolog(f"Company '{company}' has no ledger.")
        return row.fields

    def check_usable(self, account: JournalAccount) -> None:
        """Refuse what F&O refuses when it posts: suspended, locked, on hold."""
        main = self.main_account(account.company, account.main_account)
        if main is None:
            raise Infolog(f"Main account {account.main_account} does not exist.")
        key = (main["MainAccountId"], main["ChartOfAccounts"], account.company)
        own = self.store.find("MainAccountLegalEntities", *key)
        if "Yes" in (main["IsSuspended"], own.fields["IsSuspended"] if own else "No"):
            raise Infolog(f"Main account {account.main_account} is suspended.")
        if account.type == "Ledger" and main["DoNotAllowManualEntry"] == "Yes":
            raise Infolog(f"Manual entry is not allowed on main account {account.main_account}.")
        if (account.company, account.id) in self.secrets:
            raise Infolog(self.secrets[account.company, account.id])
        if account.type == "Cust" and account.fields["OnHoldStatus"] == "All":
            raise Infolog(hold_text(account.id, "All"))
        if (
            account.type == "Bank"
            and account.fields["BankAccountStatus"] != "ActiveForAllTransactions"
        ):
            raise Infolog(f"Bank account {account.id} is not active.")

    def check_dimensions(self, account: JournalAccount, default: str) -> None:
        """Refuse an account that lacks a dimension which its structure demands. `default`: the
        default dimensions of the line for it, which count where it is no ledger account."""
        is_ledger = account.type == "Ledger"
        display = account.display if is_ledger else default
        values = split(display, self.settings.delimiter)[1 if is_ledger else 0 :]
        kind = LEDGER if is_ledger else DEFAULT
        delimiter = self.settings.delimiter
        check_combination(self.store, account.main_account, kind, values, delimiter)

    def check_payable(self, account: JournalAccount) -> None:
        """Refuse a payment line on a customer that takes none, when it is written."""
        if account.type == "Cust" and account.fields["OnHoldStatus"] in PAYMENT_HOLDS:
            raise Infolog(hold_text(account.id, account.fields["OnHoldStatus"]))

    def check_invoiceable(self, account: JournalAccount) -> None:
        """Refuse an order or invoice of a customer that takes none."""
        if account.fields["OnHoldStatus"] in INVOICE_HOLDS:
            raise Infolog(hold_text(account.id, account.fields["OnHoldStatus"]))

    def customer(self, company: str, account: str) -> JournalAccount:
        """The customer of that number, as an account."""
        return self.account(company, "Cust", join([account], self.settings.delimiter))

    def need_currency(self, currency: str) -> None:
        """Refuse a currency that has no record (any more)."""
        if self.store.find("Currencies", currency) is None:
            raise Infolog(f"Currency {currency} does not exist.")

    def check_currency(self, account: JournalAccount, currency: str) -> None:
        """A bank account takes its own currency only, unless it says otherwise."""
        if account.type != "Bank":
            return
        own = account.fields["CurrencyCode"]
        if account.fields["AllowTransactionsInAdditionalCurrencies"] != "Yes" and own != currency:
            raise Infolog(
                f"Bank account {account.id} is in currency {own} and does not allow transactions "
                f"in currency {currency}."
            )

    def rate(self, company: str, currency: str, moment: datetime) -> Decimal:
        """Accounting currency for 100 units of a currency at a date."""
        ledger = self.ledger(company)
        target = ledger["AccountingCurrency"]
        if currency == target:
            return HUNDRED
        best: Fields | None = None
        for row in self.store.group("ExchangeRates", currency, target).values():
            starts = row.fields["StartDate"]
            if row.fields["RateTypeName"] != ledger["ExchangeRateType"] or starts > moment:
                continue
            if best is None or starts > best["StartDate"]:
                best = row.fields
        if best is None:
            raise Infolog(
                f"Exchange rate from {currency} to {target} does not exist on {moment:%Y-%m-%d}."
            )
        return Decimal(best["Rate"]) * HUNDRED / FACTORS[best["ConversionFactor"]]

    def accounting_amount(self, company: str, amount: Decimal, rate: Decimal) -> Decimal:
        """An amount in the company's accounting currency, rounded half up to its unit."""
        return self.rounded(amount * rate / HUNDRED, self.ledger(company)["AccountingCurrency"])

    def rounded(self, amount: Decimal, currency: str) -> Decimal:
        """An amount rounded half up to the unit of its currency."""
        if abs(amount) >= AMOUNT_MAX:
            raise Infolog("The amount is too large.")
        found = self.store.find("Currencies", currency)
        unit = found.fields["GeneralRoundingRule"] if found else CENT
        return plain((amount / (unit or CENT)).quantize(WHOLE, ROUND_HALF_UP) * (unit or CENT))

    def check_period(self, company: str, moment: datetime, module: str) -> None:
        """Refuse a date whose period is missing, closed, or closed to a module (`Cust`, `Ledger`,
        ...). Only posting asks this."""
        calendar = self.ledger(company)["FiscalCalendar"]
        name, year = f"Period {moment.month}", str(moment.year)
        known = any(
            row.fields["FiscalYear"] == year and row.fields["PeriodName"] == name
            for row in self.store.group("FiscalPeriods", calendar, year).values()
        )
        if not known:
            raise Infolog(f"There is no fiscal period for {moment:%Y-%m-%d} in {company}.")
        row = self._ledger_period(company, moment.year, moment.month)
        if row is None or row.fields["PeriodStatus"] != "Open":
            raise Infolog(
                f"The fiscal period for {moment:%Y-%m-%d} is not open in company {company}."
            )
        if row.fields[f"{module}AccessLevel"] == "None":
            raise Infolog(
                f"Module {module} may not post in the fiscal period for {moment:%Y-%m-%d} in "
                f"company {company}."
            )

    def set_period(self, company: str, year: int, month: int, status: str) -> None:
        """Give a month of a company a status. Raises `KeyError` for one that it does not have."""
        row = self._ledger_period(company, year, month)
        if row is None:
            raise KeyError(f"{company} has no period {year}-{month:02}")
        self.store.update(row, {"PeriodStatus": status})

    def set_access(self, company: str, year: int, month: int, module: str, level: str) -> None:
        """Give a module another access (`All`, `None`, `User`) to a month of a company. Raises
        `KeyError` for one that it does not have."""
        row = self._ledger_period(company, year, month)
        if row is None:
            raise KeyError(f"{company} has no period {year}-{month:02}")
        self.store.update(row, {f"{module}AccessLevel": level})

    def _ledger_period(self, company: str, year: int, month: int) -> StoredRow | None:
        calendar = self.ledger(company)["FiscalCalendar"]
        key = (company.upper(), calendar, str(year), f"Period {month}")
        return self.store.find("LedgerFiscalPeriods", *key)


def hold_text(customer: str, status: str) -> str:
    """The reason of a refusal because a customer is on hold."""
    what = {"All": "all transactions", "Invoice": "invoices", "Payment": "payments"}[status]
    return f"Customer {customer} is on hold for {what}."
