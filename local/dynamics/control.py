"""Routes under `/_peer/`: what a test, a demo or a person does to the peer itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.dynamics.books import Books
from local.dynamics.errors import Refusal
from local.dynamics.faults import Faults
from local.dynamics.posting import JournalResult, PostingJob
from local.dynamics.values import read_json, to_json
from local.dynamics.wire import Request, Response


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _PostJournals(_Body):
    company: str | None = None


class _ClosePeriod(_Body):
    company: str
    year: int = Field(ge=1900, le=9999)
    month: int = Field(ge=1, le=12)
    open: bool = False


class Control:
    """Answers the control routes. `set_faults` gives the peer new faults."""

    def __init__(
        self,
        books: Books,
        job: PostingJob,
        set_faults: Callable[[Faults], None],
        counts: Callable[[], Mapping[str, int]],
    ) -> None:
        self._books = books
        self._job = job
        self._set_faults = set_faults
        self._counts = counts
        self._routes: Mapping[tuple[str, str], Callable[[bytes], Any]] = {
            ("POST", "faults"): self._faults,
            ("POST", "post_journals"): self._post_journals,
            ("POST", "close_period"): self._close_period,
            ("GET", "ledger"): lambda _: asdict(self._job.ledger()),
            ("GET", "infolog"): lambda _: [asdict(r) for r in self._job.infolog.values()],
            ("GET", "requests"): lambda _: dict(self._counts()),
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

    def _faults(self, body: bytes) -> object:
        faults = Faults.model_validate(_numbers(read_json(body)))
        self._set_faults(faults)
        return faults.model_dump()

    def _post_journals(self, body: bytes) -> object:
        asked = _PostJournals.model_validate(read_json(body) if body.strip() else {})
        if asked.company is not None:
            self._need_company(asked.company)
        results: list[JournalResult] = self._job.run(asked.company)
        return [asdict(result) for result in results]

    def _close_period(self, body: bytes) -> object:
        asked = _ClosePeriod.model_validate(_numbers(read_json(body)))
        self._need_company(asked.company)
        self._books.closed[(asked.company, asked.year, asked.month)] = not asked.open
        return asked.model_dump()

    def _need_company(self, company: str) -> None:
        if self._books.store.find("LegalEntities", company) is None:
            raise Refusal(400, f"Company '{company}' does not exist.")


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
