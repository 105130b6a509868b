"""Routes under `/_peer/`: what a test, a demo or a person does to the peer itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.dynamics.faults import DynamicsFaults
from local.dynamics.jobs import InvoiceSelection, Jobs
from local.dynamics.odata import Refusal, Request, Response, read_json, to_json

CHOSEN_MAX = 10_000  # documents or lines that one request names


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _PostJournals(_Body):
    company: str | None = None


class _Choice(_Body):
    company: str | None = None
    numbers: list[str] | None = Field(default=None, max_length=CHOSEN_MAX)


class _OrderChoice(_Choice):
    lines: list[str] | None = Field(default=None, max_length=CHOSEN_MAX)


class _Merge(_Body):
    company: str
    loser: str
    winner: str


class _Block(_Body):
    company: str
    account: str
    status: str


class _ClosePeriod(_Body):
    company: str
    year: int = Field(ge=1900, le=9999)
    month: int = Field(ge=1, le=12)
    open: bool = False


class DynamicsControl:
    """Answers the control routes. `set_faults` gives the peer new faults, `faults` tells them.

    Bodies are JSON objects; a job without a body takes everything. Answers stand in `value`.
    """

    def __init__(
        self,
        jobs: Jobs,
        set_faults: Callable[[DynamicsFaults], None],
        counts: Callable[[], Mapping[str, int]],
        faults: Callable[[], DynamicsFaults],
    ) -> None:
        self._jobs = jobs
        self._books = jobs.books
        self._set_faults = set_faults
        self._routes: Mapping[tuple[str, str], Callable[[bytes], Any]] = {
            ("POST", "faults"): self._faults,
            ("GET", "faults"): lambda _: faults().model_dump(),
            ("POST", "post_journals"): self._post_journals,
            ("POST", "invoice_orders"): self._invoice_orders,
            ("POST", "post_free_text_invoices"): self._post_free_text_invoices,
            ("POST", "invoice_returns"): self._invoice_returns,
            ("POST", "post_price_journals"): self._post_price_journals,
            ("POST", "run_jobs"): self._run_jobs,
            ("POST", "merge_customers"): self._merge_customers,
            ("POST", "block_customer"): self._block_customer,
            ("POST", "close_period"): self._close_period,
            ("GET", "ledger"): lambda _: asdict(jobs.journals.ledger()),
            ("GET", "customer_transactions"): lambda _: _dicts(jobs.subledger.all()),
            ("GET", "infolog"): lambda _: _dicts(jobs.journals.infolog.values()),
            ("GET", "document_infolog"): lambda _: _dicts(jobs.invoicing.infolog.values()),
            ("GET", "requests"): lambda _: dict(counts()),
        }

    def answer(self, request: Request, route: str) -> Response:
        """The answer of one route, JSON in and out."""
        handle = self._routes.get((request.method, route))
        if handle is None:
            known = ", ".join(f"{method} /_peer/{name}" for method, name in self._routes)
            return _json(404, {"error": f"No such route: {request.method} {route}. Known: {known}"})
        try:
            return _json(200, handle(request.body))
        except Refusal as refusal:
            return _json(400, {"error": refusal.text})
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            return _json(400, {"error": "; ".join(problems)})
        except (KeyError, ValueError) as error:
            return _json(400, {"error": str(error.args[0])})

    def _faults(self, body: bytes) -> object:
        """The fields of `DynamicsFaults`: these faults from now on, no others."""
        faults = DynamicsFaults.model_validate(_numbers(read_json(body)))
        self._set_faults(faults)
        return faults.model_dump()

    def _post_journals(self, body: bytes) -> object:
        """`{"company"}`: the job "Post journals", of one company or of all."""
        asked = self._asked(_PostJournals, body)
        return _dicts(self._jobs.journals.run(asked.company))

    def _invoice_orders(self, body: bytes) -> object:
        """`{"company", "numbers", "lines"}`: invoice sales orders, or only these lines."""
        asked = self._asked(_OrderChoice, body)
        wanted = InvoiceSelection(asked.company, asked.numbers, asked.lines)
        return _dicts(self._jobs.invoicing.orders(wanted))

    def _post_free_text_invoices(self, body: bytes) -> object:
        """`{"company", "numbers"}`: post free text invoices; numbers are external ids."""
        asked = self._asked(_Choice, body)
        wanted = InvoiceSelection(asked.company, asked.numbers)
        return _dicts(self._jobs.invoicing.free_text(wanted))

    def _invoice_returns(self, body: bytes) -> object:
        """`{"company", "numbers"}`: credit notes of return orders."""
        asked = self._asked(_Choice, body)
        wanted = InvoiceSelection(asked.company, asked.numbers)
        return _dicts(self._jobs.invoicing.returns(wanted))

    def _post_price_journals(self, body: bytes) -> object:
        """`{"company"}`: post trade agreement journals."""
        asked = self._asked(_PostJournals, body)
        return _dicts(self._jobs.prices.run(asked.company))

    def _run_jobs(self, body: bytes) -> object:
        """All jobs once, in the order of a night."""
        self._asked(_Body, body)
        documents, journals = self._jobs.run_all()
        return {"documents": _dicts(documents), "journals": _dicts(journals)}

    def _merge_customers(self, body: bytes) -> object:
        """`{"company", "loser", "winner"}`: what people do to duplicates."""
        asked = self._asked(_Merge, body)
        self._jobs.office.merge(asked.company, asked.loser, asked.winner)
        return asked.model_dump()

    def _block_customer(self, body: bytes) -> object:
        """`{"company", "account", "status"}`: a hold of `CustVendorBlocked`, or `No`."""
        asked = self._asked(_Block, body)
        self._jobs.office.block(asked.company, asked.account, asked.status)
        return asked.model_dump()

    def _asked[Asked: _Body](self, model: type[Asked], body: bytes) -> Asked:
        asked = model.model_validate(read_json(body) if body.strip() else {})
        company = getattr(asked, "company", None)
        if company is not None:
            self._need_company(company)
        return asked

    def _close_period(self, body: bytes) -> object:
        """`{"company", "year", "month", "open"}`: close a month for posting, or reopen it."""
        asked = _ClosePeriod.model_validate(_numbers(read_json(body)))
        self._need_company(asked.company)
        status = "Open" if asked.open else "Closed"
        try:
            self._books.set_period(asked.company, asked.year, asked.month, status)
        except KeyError as error:
            raise Refusal(400, str(error)) from error
        return asked.model_dump()

    def _need_company(self, company: str) -> None:
        if self._books.store.find("LegalEntities", company) is None:
            raise Refusal(400, f"Company '{company}' does not exist.")


def _dicts(found: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(each) for each in found]


def _numbers(payload: dict[str, Any]) -> dict[str, Any]:
    """Rates and seconds are plain floats, unlike amounts."""
    return {name: _float(value) for name, value in payload.items()}


def _float(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    if isinstance(value, list):
        return [_float(item) for item in value]
    return value if isinstance(value, bool | int | str) or value is None else float(value)


def _json(status: int, value: object) -> Response:
    return Response(status, to_json({"value": _plain(value)}), {"Content-Type": "application/json"})


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case datetime() | date():
            return value.isoformat()
        case _:
            return value
