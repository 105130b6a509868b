"""The application's identity in Azure.

https://learn.microsoft.com/python/api/azure-identity/azure.identity.aio.defaultazurecredential
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncTokenCredential


class LazyCredential:
    """A token credential that is made when the first token is asked for.

    Building the application must not read the environment of an identity nor load
    `azure.identity` (three quarters of a second of a cold start): an application on connection
    strings never needs it. `make` returns a credential of `azure.identity.aio`, used for the
    rest of the process. Raises what that credential raises; the clients translate.
    """

    def __init__(self, make: Callable[[], AsyncTokenCredential]) -> None:
        self._make = make
        self._made: AsyncTokenCredential | None = None

    def _credential(self) -> Any:  # noqa: ANN401 - two protocols of azure-core in one object
        if self._made is None:
            self._made = self._make()
        return self._made

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,  # noqa: ANN401 - azure-core's protocol
    ) -> AccessToken:
        """A token for `scopes`, from the credential's own cache where it is still good."""
        token: AccessToken = await self._credential().get_token(
            *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **kwargs
        )
        return token

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """The same with the moment to refresh it, as azure-core prefers it."""
        token: AccessTokenInfo = await self._credential().get_token_info(*scopes, options=options)
        return token

    async def close(self) -> None:
        """Close the credential when there is one; a later token makes a new one."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def azure_credential(managed_identity_client_id: str | None = None) -> LazyCredential:
    """The managed identity in Azure, the signed-in developer elsewhere.

    `managed_identity_client_id` names a user-assigned identity; None is the system-assigned one.
    """

    def make() -> AsyncTokenCredential:
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(managed_identity_client_id=managed_identity_client_id)

    return LazyCredential(make)
