"""The application: the services, each with the parts that it uses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from shared.app_parts import AppParts
from shared.converge.active_rules import ActiveRules
from shared.converge.commands import Commands
from shared.converge.deciding import Decider
from shared.converge.disputes import DisputeBooks
from shared.converge.isolation import Isolation
from shared.converge.origins import Origins
from shared.converge.phases import Phases
from shared.converge.pipeline import Converge
from shared.converge.reading import Reader
from shared.converge.recording import Recorder
from shared.converge.refusals import PostingRefusals
from shared.domain.books import Books
from shared.ports import Flows
from shared.registry import INGRESS_QUEUE
from shared.services.audit import Audit, PostingWatch
from shared.services.inbox import (
    Accepted,
    Correct,
    Corrected,
    FeeDocuments,
    Healing,
    Inbox,
    Resolve,
    WaitingList,
)
from shared.services.operations import (
    CustomerDecisions,
    CutOff,
    Health,
    Measure,
    ReadyAccount,
    WaysIn,
    check_books,
)
from shared.services.privacy import Erase, Purge
from shared.services.probing import Probing
from shared.services.publishing import Publish, Published, Reapply
from shared.services.readiness import DynamicsSetup
from shared.services.reconciliation import OpenReceipts, Prover, Reconcile, prove_each
from shared.services.setup import SetupNote, WebhookSetup, note_setup, webhook_setup
from shared.services.work import AccountSweeps, Backfill, DeadLetters, Sweep, Work
from shared.stores import fees
from shared.stores.disputes import DisputeList
from shared.stores.items import places
from shared.stores.receipts import ReceiptList
from shared.stores.unposted import Unposted


@dataclass(frozen=True, slots=True, kw_only=True)
class App(AppParts):
    """The services, for the Stripe account of `of(alias)` or for all of them."""

    def provers(self) -> dict[str, Prover]:
        """The clearing proof of each Stripe account, by alias."""
        return {alias: app.prover() for alias, app in self._each_account().items()}

    def prover(self) -> Prover:
        """The clearing proof of one account."""
        return Prover(
            self.stripe,
            self.dynamics,
            self.clock,
            self.rng,
            resolved=Accepted(self._items(), self._links(), self.registry).transactions,
            corrected=Corrected(self.tables, self._links()).all,
            books=self._books().of_account,
            ledger_entity=self.settings.ledger_entity,
            journal_lines=self.registry.entity_sets.journal_lines,
        )

    def converge(self, flows: Flows) -> Converge:
        """The one way in which anything is written to Dynamics."""
        settings, tables, clock = self.settings, self.tables, self.clock
        links, sets = self._links(), self.registry.entity_sets
        origins = Origins(tables, links, clock, settings.lease_seconds)
        disputes = DisputeBooks(tables, links, clock, settings.stripe_alias)
        phases = Phases(self.dynamics, clock, links, self._journals, settings, sets)
        flows, dispatch = self.flows or flows, self._dispatch()
        delimiter = settings.dynamics_dimension_delimiter
        refusals = partial(PostingRefusals, self.dynamics, delimiter=delimiter)
        return Converge(
            ActiveRules(self.registry, settings, self.mappings.active, clock),
            Reader(self.stripe, links, origins, disputes, partial(fees.confirmed, tables)),
            Decider(self.dynamics, tables, self._periods()),
            Commands(
                self.dynamics,
                tables,
                sets,
                phases,
                Isolation(self.dynamics, tables, refusals, delimiter),
            ),
            Recorder(self.stripe, tables, flows, clock, settings, links, dispatch),
        )

    def work(self, flows: Flows) -> Work:
        """What the queue functions call."""
        return Work(
            converge=lambda alias: self.of(alias).converge(flows),
            items=self._items(),
            queue=self.queue,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            registry=self.registry,
        )

    def sweep(self, flows: Flows) -> AccountSweeps:
        """What the timers call."""
        accounts = self._each_account()
        return AccountSweeps(
            {alias: app.sweep_of_account(flows) for alias, app in accounts.items()},
            DeadLetters(
                self.queue, self._items(), self.clock, self.registry, event_grid=self.event_grid()
            ),
        )

    def sweep_of_account(self, flows: Flows) -> Sweep:
        """The sweep of one account."""
        return Sweep(
            pages=self._pages(),
            queue=self.queue,
            flows=self.flows or flows,
            tables=self.tables,
            links=self._links(),
            items=self._items(),
            dispatch=self._dispatch(),
            clock=self.clock,
            settings=self.settings,
            registry=self.registry,
        )

    def reconcile(self) -> Reconcile:
        """What the activities of the payout flow call."""
        links, dispatch = self._links(), self._dispatch()
        account = self.settings.stripe_alias
        return Reconcile(self.stripe, self.tables, links, dispatch, self.clock, account=account)

    def audit(self) -> Audit:
        """The nightly comparison with Dynamics."""
        return Audit(
            pages={alias: app._pages() for alias, app in self._each_account().items()},
            dynamics=self.dynamics,
            tables=self.tables,
            links=self._links(),
            maintenance=self._maintenance(),
            entity_sets=self.registry.entity_sets,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            books=self._books().of_all,
        )

    def posting_watch(self) -> PostingWatch:
        """Which journals are posted, and which ones are refused."""
        return PostingWatch(
            dynamics=self.dynamics,
            tables=self.tables,
            maintenance=self._maintenance(),
            entity_sets=self.registry.entity_sets,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            books=self._books().of_all,
            mappings=self.mappings,
        )

    def backfill(self, flows: Flows) -> Backfill:
        """The first run over an account's past."""
        sweep, account = self.sweep_of_account(flows), self.settings.stripe_alias
        ports = (sweep, self.flows or flows, self.tables, self.clock)
        return Backfill(*ports, account=account, audit_log=self.audit_log())

    def inbox(self) -> Inbox:
        """The inbox of parked items."""
        return Inbox(
            items=self._items(),
            links=self._links(),
            queue=self.queue,
            registry=self.registry,
            rng=self.rng,
            audit_log=self.audit_log(),
            settings=self.settings,
        )

    def healing(self) -> Healing:
        """Trying parked items again whose cause may have gone away, and orders that were lost."""
        orders = (self.correct().go_on, self.fees().go_on)
        return Healing(self.inbox(), self._items(), self.tables, self.clock, orders)

    def resolve(self) -> Resolve:
        """Taking parked objects out of the inbox by hand."""
        return Resolve(
            items=self._items(),
            links=self._links(),
            stripe={alias: app.stripe for alias, app in self._each_account().items()},
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            audit_log=self.audit_log(),
            books=self._books().of_all,
        )

    def correct(self) -> Correct:
        """Clearing suspense and taking back posted lines, because a person said so."""
        return Correct(
            items=self._items(),
            links=self._links(),
            dispatch=lambda alias: self.of(alias)._dispatch(),
            dynamics=self.dynamics,
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            audit_log=self.audit_log(),
            books=self._books().of_all,
            followed=self._periods().days,
            time_zone=self.settings.time_zone,
        )

    def disputes(self) -> DisputeList:
        """Open disputes, and those that are over while money stands on `disputes`."""
        return DisputeList(self.tables)

    def fees(self) -> FeeDocuments:
        """Fees that wait for Stripe's tax document, and its confirmation."""
        ports = (self.tables, self.clock, self.mappings, self.settings, self.audit_log())
        links, inbox = self._links(), self.inbox()
        books = self._books().of_all
        return FeeDocuments(
            *ports,
            links=links,
            inbox=inbox,
            dispatch=self._dispatch(),
            books=books,
            followed=self._periods().days,
        )

    def receipts(self) -> OpenReceipts:
        """Receipts of which something is open."""
        return OpenReceipts(ReceiptList(self.tables), self.dynamics, self._books().of_all)

    def waiting(self) -> WaitingList:
        """What waits, and what is scheduled to be tried again."""
        return WaitingList(self._items(), self.registry.queues)

    def customers(self) -> CustomerDecisions:
        """Decisions about customers."""
        return CustomerDecisions(
            inbox=self.inbox(),
            links=self._links(),
            dispatch=lambda alias: self.of(alias)._dispatch(),
            items=self._items(),
            dynamics=self.dynamics,
            tables=self.tables,
            clock=self.clock,
            audit_log=self.audit_log(),
            books=self._books().of_all,
            customer_id_property=self.settings.customer_id_property,
        )

    def _dynamics_setup(self) -> Callable[[Books], DynamicsSetup]:
        ports = (self.dynamics, self.settings, self.mappings, self.clock)
        return partial(DynamicsSetup, *ports)

    def publish(self) -> Publish:
        """Submitting, previewing and publishing mappings."""
        recent = self._recent().objects
        ports = (self.mappings, self.settings, self.clock, recent, self.dynamics)
        check = partial(check_books, self._dynamics_setup())
        return Publish(*ports, audit_log=self.audit_log(), check_books=check)

    def reapply(self) -> Reapply:
        """Rendering drafts as the active mapping says."""
        recent = self._recent().objects
        ports = (self.mappings.store, recent, self._maintenance(), self.clock)
        return Reapply(*ports, self.audit_log())

    def published(self) -> Published:
        """What of mappings is and was published."""
        return Published(self.mappings)

    def measure(self) -> Measure:
        """The gauges, and the nightly proof."""
        return Measure(
            items=self._items(),
            unposted=Unposted(self.tables, self.clock),
            tables=self.tables,
            clock=self.clock,
            prove=partial(prove_each, self.provers()),
            queues=self.registry.all_queues,
            books=self._books().of_all,
        )

    def erase(self) -> Erase:
        """Taking a person out of what is stored."""
        accounts = self._each_account()
        return Erase(
            links=self._links(),
            items=self._items(),
            stripe={alias: app.stripe for alias, app in accounts.items()},
            pages={alias: app._pages() for alias, app in accounts.items()},
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            audit_log=self.audit_log(),
            places=places(self.registry.queues),
        )

    def purge(self, flows: Flows) -> Purge:
        """Deleting what is older than its retention."""
        return Purge(
            items=self._items(),
            tables=self.tables,
            flows=self.flows or flows,
            clock=self.clock,
            audit_log=self.audit_log(),
            places=places(self.registry.queues),
            retention_days=self.settings.retention_days,
        )

    def health(self, flows: Flows) -> Health:
        """Readiness and counters."""
        return Health(
            accounts={
                alias: ReadyAccount(
                    app.stripe, app.settings.stripe_livemode, app.settings.stripe_account_id
                )
                for alias, app in self._each_account().items()
            },
            setup=self._dynamics_setup(),
            books=self._books(),
            tables=self.tables,
            queue=self.queue,
            flows=self.flows or flows,
            items=self._items(),
            mappings=self.mappings,
            queues=(*self.registry.queues, INGRESS_QUEUE),
            ways_in=WaysIn(self.doors, self.settings),
            cut_off=CutOff(self.settings.time_zone, self.clock),
        )

    async def webhook_setup(self) -> WebhookSetup:
        """What to set up at Stripe."""
        settings = {alias: app.settings for alias, app in self._each_account().items()}
        return await webhook_setup(settings, self.mappings, self.registry)

    async def note_setup(self, who: str, note: SetupNote) -> None:
        """Put on record what a person changed at Stripe. Raises `ValueError`."""
        await note_setup(self.audit_log(), self.settings.stripe_aliases, who, note)

    def probing(self) -> Probing:
        """Finding out how this Dynamics behaves."""
        ports = (self.dynamics, self.clock, self.rng)
        log, books = self.audit_log(), self._books().of_all
        return Probing(*ports, self.settings, log, books=books)
