"""The webhooks of several Stripe accounts: each door opens to its own account's secrets alone."""

from dataclasses import replace

import pytest

from local import books
from local.stripe.delivery import signature
from local.world import Options, World
from shared import bootstrap
from shared.services.ingest.ingest import BODY_BYTES_MAX
from tests.functions.webhook_rig import BODY, answered, depth, nothing_came_of_it
from tests.unit.services.fakes import RecordingQueue
from tests.world import WEBHOOK, ask, everything, live

EU = "shop-eu"
SECRETS = {"default": books.SIGNING_SECRETS[0], EU: books.signing_secret(EU)}
OPTIONS = Options(accounts={EU: ["eur"]})


async def deliver(world: World, path: str, secret: str) -> tuple[int, str]:
    header = signature(BODY, world.clock.now(), (secret,))
    return answered(await ask(world, "POST", path, BODY, {"Stripe-Signature": header}))


@pytest.mark.parametrize(
    ("path", "account"),
    [(WEBHOOK, "default"), (f"{WEBHOOK}/default", "default"), (f"{WEBHOOK}/{EU}", EU)],
)
def test_an_event_is_queued_for_the_account_of_its_address(path: str, account: str) -> None:
    async def story(world: World) -> None:
        queue = RecordingQueue()
        world.host.context.run(bootstrap.use, replace(world.app, queue=queue))
        assert await deliver(world, path, SECRETS[account]) == (202, "accepted")
        ((_, message),) = queue.sent
        assert message.body["account"] == account
        assert message.session.rpartition("~")[0] == ("" if account == "default" else EU)

    live(story, OPTIONS)


@pytest.mark.parametrize(("path", "other"), [(WEBHOOK, EU), (f"{WEBHOOK}/{EU}", "default")])
def test_another_accounts_signature_is_refused(path: str, other: str) -> None:
    async def story(world: World) -> None:
        before = everything(world)
        assert await deliver(world, path, SECRETS[other]) == (400, "bad_signature")
        await nothing_came_of_it(world, before)

    live(story, OPTIONS)


@pytest.mark.parametrize("alias", ["other", "SHOP-EU", "shop-eu~0", "%20", "a" * 3_000, "..%2Fx"])
@pytest.mark.parametrize("account", ["default", EU])
def test_an_alias_that_nobody_set_up_is_404_whoever_signed(alias: str, account: str) -> None:
    async def story(world: World) -> None:
        answer = await deliver(world, f"{WEBHOOK}/{alias}", SECRETS[account])
        assert answer == (404, "unknown_account")
        assert depth(world) == 0

    live(story, OPTIONS)


def test_an_unknown_alias_is_refused_before_the_body_is_looked_at() -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", f"{WEBHOOK}/other", b"{" * (BODY_BYTES_MAX + 1))
        assert answered(answer) == (404, "unknown_account")

    live(story, OPTIONS)
