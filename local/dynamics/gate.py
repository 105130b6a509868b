"""Everything below `/data`: who may ask, which fault strikes, one operation or a batch."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from local.dynamics.auth import TokenEndpoint
from local.dynamics.faults import (
    BATCHES,
    BEFORE,
    GATEWAY_PAGE,
    MEDDLERS,
    WRITES,
    DynamicsFaults,
    Strikes,
)
from local.dynamics.odata import (
    READS,
    THROTTLED,
    BatchPart,
    RecordStore,
    Refusal,
    Request,
    Response,
    Runner,
    Unit,
    UnitAnswer,
    duplicate_key,
    json_response,
    parse_batch,
    refused,
    render_batch,
    to_json,
    write_failed,
)
from local.dynamics.settings import DynamicsSettings
from local.transport import PeerDropped, PeerTimeout

CONTINUE = ("odata.continue-on-error", "continue-on-error")
TOKEN_BITS = 64  # of a boundary
INTERNAL_ERROR = Refusal(
    500,
    "The service met an unexpected error.",
    type="System.InvalidOperationException",
    hidden=True,
)
BATCH_PATH = "$batch"
KEY_GIVEN = ("CustomerPaymentJournalLines", "CDSFreeTextInvoiceHeaders")
"""Sets whose keys the client gives, so that a repeated create collides."""
TEXT_BEGINS, HALF_PAIR = b'"message": "', b"\\ud83d "


@dataclass(frozen=True, slots=True)
class UnderstoodRequest:
    """A request understood so far: its units and how their answers become one response."""

    units: Sequence[Unit]
    go_on: bool
    render: Callable[[Sequence[UnitAnswer]], Response]


@dataclass(slots=True)
class Gate:
    """Answers the requests below `/data`. Raises `PeerTimeout` and `PeerDropped`.

    `strikes` decides on faults; `post` runs the jobs.
    """

    store: RecordStore
    runner: Runner
    tokens: TokenEndpoint
    settings: DynamicsSettings
    rng: random.Random
    host: str
    faults: DynamicsFaults
    counts: Counter[str]
    strikes: Strikes
    post: Callable[[], object]
    _late: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        """`request.path` is what follows `/data/`, percent-encoded."""
        batch = request.path.replace("%24", "$") == BATCH_PATH
        self.counts["batch" if batch else request.method.lower()] += 1
        free = self.settings.open_reads and request.method == "GET"
        if not free and not self.tokens.accepts(request):
            self.counts["unauthorized"] += 1
            challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/"'
            return Response(401, b"", {"WWW-Authenticate": challenge})
        fault = self._draw(request, batch=batch)
        seconds = self._latency_seconds()
        if fault in BEFORE:
            await self.runner.clock.sleep(seconds)
            return self._spoken(self._instead(fault))
        try:
            job = self._batch(request) if batch else self._single(request)
        except Refusal as refusal:
            return self._spoken(refused(refusal))
        return await self._run(job, fault, seconds)

    def _draw(self, request: Request, *, batch: bool) -> str:
        """The fault that strikes this request, or none."""
        names = BEFORE
        if request.method not in READS:
            names = (*BEFORE, *WRITES, *(BATCHES if batch else ()), *MEDDLERS)
        for name in names:
            rate: float = getattr(self.faults, name)
            if rate and self.strikes(name, rate):
                self.counts[f"fault_{name}"] += 1
                return name
        return ""

    def _latency_seconds(self) -> float:
        low, high = self.faults.latency_seconds
        return low if low == high else low + (high - low) * self.rng.random()

    def _instead(self, fault: str) -> Response:
        if fault == "timeout_before_commit":
            raise PeerTimeout(committed=False)
        if fault == "throttle":
            after = {"Retry-After": str(self.faults.retry_after_seconds)}
            return refused(Refusal(429, THROTTLED, headers=after))
        if fault == "html_error":
            return Response(502, GATEWAY_PAGE, {"Content-Type": "text/html"})
        return refused(INTERNAL_ERROR)

    async def _run(self, job: UnderstoodRequest, fault: str, seconds: float) -> Response:
        if fault == "late_commit":
            self._later(job, seconds + self.faults.late_commit_seconds)
            raise PeerTimeout(committed=False)
        if fault == "drop_mid_batch":
            done = int(self.rng.random() * (len(job.units) + 1))
            await self.runner.run(job.units[:done], seconds=seconds, go_on=job.go_on)
            raise PeerDropped(committed=done > 0)
        answers = await self._answers(job, fault, seconds)
        if fault == "error_after_commit":
            if self.rng.random() < 0.5:  # noqa: PLR2004 - one of two ways to lose an answer
                raise PeerTimeout(committed=True)
            return self._spoken(refused(INTERNAL_ERROR))
        if fault == "key_taken":
            answers = [self._taken(answer) for answer in answers]
        response = job.render([self._heard(answer) for answer in answers])
        if fault == "truncate_batch":
            cut = int(self.rng.random() * len(response.body))
            return Response(response.status, response.body[:cut], response.headers)
        return response

    async def _answers(
        self, job: UnderstoodRequest, fault: str, seconds: float
    ) -> list[UnitAnswer]:
        if fault != "posted_meanwhile":
            meddle = fault == "update_conflict"
            return await self.runner.run(job.units, seconds=seconds, go_on=job.go_on, meddle=meddle)
        middle = int(self.rng.random() * (len(job.units) + 1))
        first = await self.runner.run(job.units[:middle], seconds=seconds, go_on=job.go_on)
        self.post()
        if not job.go_on and any(answer.failed for answer in first):
            return first
        rest = await self.runner.run(job.units[middle:], seconds=seconds, go_on=job.go_on)
        return first + rest

    def _taken(self, answer: UnitAnswer) -> UnitAnswer:
        """What a client hears that repeats a create whose answer was lost."""
        sets = [part.request.path for part in answer.unit.parts if part.request.method == "POST"]
        taken = next((name for name in sets if name in KEY_GIVEN), None)
        if answer.failed or taken is None:
            return answer
        entity = self.store.schema.set_of(taken).entity
        reason = duplicate_key(entity, entity, ())
        refusal = write_failed(self.settings.failure_status, entity, (reason,), deleting=False)
        return UnitAnswer(answer.unit, (refused(refusal),))

    def _heard(self, answer: UnitAnswer) -> UnitAnswer:
        """An answer with its texts as they arrive."""
        if not answer.failed:
            return answer
        return UnitAnswer(
            answer.unit, tuple(self._spoken(response) for response in answer.responses)
        )

    def _spoken(self, response: Response) -> Response:
        """A refusal, perhaps with half a surrogate pair in its reason."""
        rate = self.faults.broken_text
        if response.ok or TEXT_BEGINS not in response.body or not rate:
            return response
        if not self.strikes("broken_text", rate):
            return response
        self.counts["fault_broken_text"] += 1
        body = response.body.replace(TEXT_BEGINS, TEXT_BEGINS + HALF_PAIR)
        return Response(response.status, body, response.headers)

    def _later(self, job: UnderstoodRequest, seconds: float) -> None:
        number = self.counts["fault_late_commit"]

        async def commit() -> None:
            await self.runner.clock.sleep(seconds)
            await self.runner.run(job.units, seconds=0, go_on=job.go_on)
            del self._late[number]

        self._late[number] = asyncio.create_task(commit(), name=f"late-commit-{number}")

    def _single(self, request: Request) -> UnderstoodRequest:
        if not request.path:
            return UnderstoodRequest((), go_on=True, render=lambda _: self._sets())
        unit = Unit((BatchPart(request, ""),), changeset=False)
        return UnderstoodRequest(
            (unit,), go_on=True, render=lambda answers: answers[0].responses[0]
        )

    def _batch(self, request: Request) -> UnderstoodRequest:
        if request.method != "POST":
            raise Refusal(405, f"The HTTP method {request.method} is not allowed for $batch.")
        content_type = request.headers.get("content-type", "")
        units = parse_batch(content_type, request.body, self.settings.batch_operations_max)
        for unit in units:
            self.counts["changeset"] += unit.changeset
            for part in unit.parts:
                self.counts[f"operation_{part.request.method.lower()}"] += 1
        token = f"{self.rng.getrandbits(TOKEN_BITS):016x}"
        go_on = not self.settings.batch_stops or _prefers_to_go_on(request)
        return UnderstoodRequest(
            units, go_on=go_on, render=lambda answers: render_batch(answers, token)
        )

    def _sets(self) -> Response:
        names = sorted(self.store.schema.sets)
        value = [{"name": name, "kind": "EntitySet", "url": name} for name in names]
        return json_response(
            200, to_json({"@odata.context": f"{self.host}/data/$metadata", "value": value})
        )


def _prefers_to_go_on(request: Request) -> bool:
    """`Prefer: odata.continue-on-error`, alone or `=true`, among other preferences."""
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip() in CONTINUE:
            return value.strip().strip('"').lower() != "false"
    return False
