"""What a replay says in place of what an app says that asks Stripe: there are only the files."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clients.stripe.gateway import RESOURCES

PAGE = "-d limit=100"
NOUNS = {"balance_transaction": "balance transaction", "checkout.session": "Checkout Session"}


def noun(kind: str) -> str:
    """A type as people write it."""
    return NOUNS.get(kind, kind.replace("_", " "))


def export_of(kind: str, id: str, *, livemode: bool) -> str:
    """The command of the Stripe CLI that exports an object."""
    return command(f"{RESOURCES[kind]}/{id}", f"{id}.json", livemode=livemode)


def command(path: str, file: str, *options: str, livemode: bool) -> str:
    """A request of the Stripe CLI, its answer in a file."""
    live = ("--live",) if livemode else ()
    return " ".join(("stripe", "get", path, *options, *live, ">", file))


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one mode. `lacked`: the entity of each id that was asked for in vain."""

    lacked: Mapping[str, str]
    livemode: bool

    def text(self, cause: str, text: str) -> str:
        """What happened, told of files."""
        if cause == "object_missing":
            for id, entity in self.lacked.items():
                told = f"Stripe has no {entity} {id}"
                if text.endswith(told):
                    return text.replace(told, f"the files lack the {noun(entity)} {id}")
        if cause == "transaction_not_made":
            return text.replace("Stripe has not made", "The files do not show").removesuffix(" yet")
        return text

    def remedy(self, cause: str, text: str, remedy: str) -> str:
        """What to do about the files. `text`: as the app says it."""
        if cause == "object_missing":
            for id, entity in self.lacked.items():
                if text.endswith(f"Stripe has no {entity} {id}"):
                    export = export_of(entity, id, livemode=self.livemode)
                    return f"The files lack {id}: export it (`{export}`), then replay again."
        if cause == "transaction_not_made":
            return (
                "Export the object as it is now, and its balance transaction; then replay again. "
                "If Stripe shows none either, there is nothing to book yet."
            )
        return remedy.replace("then retry", "then replay again")
