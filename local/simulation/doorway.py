"""Where Stripe delivers to: an endpoint that is set up some day, behind a gateway."""

from collections.abc import Callable
from dataclasses import dataclass, field

from local.simulation.faults import Injector
from local.stripe import WebhookTarget
from local.transport import Asgi, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Endpoint(WebhookTarget):
    """An endpoint that gets nothing before it is set up."""

    is_up: Callable[[], bool] = field(kw_only=True)

    def wants(self, type: str) -> bool:
        """Whether events of this type are sent there now."""
        return self.is_up() and WebhookTarget.wants(self, type)


def gateway(app: Asgi, injector: Injector) -> Asgi:
    """What stands before the webhook, and may answer for it and forget."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if not injector.strikes("webhook_swallowed"):
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer
