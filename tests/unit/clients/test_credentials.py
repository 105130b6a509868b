import subprocess
import sys
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

from shared.clients.credentials import LazyCredential, azure_credential


class Made:
    """A credential that answers and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.is_closed = False

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        self.asked.append((*scopes, claims, tenant_id, enable_cae, kwargs))
        return AccessToken("token", 1)

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        self.asked.append((*scopes, options))
        return AccessTokenInfo("token", 2)

    async def close(self) -> None:
        self.is_closed = True

    async def __aenter__(self) -> "Made":
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.close()


class Maker:
    def __init__(self) -> None:
        self.made: list[Made] = []

    def __call__(self) -> "Made":
        self.made.append(Made())
        return self.made[-1]


async def test_nothing_is_made_before_the_first_token() -> None:
    make = Maker()
    credential = LazyCredential(make)
    assert make.made == []
    await credential.get_token("scope")
    await credential.get_token("scope")
    assert len(make.made) == 1


async def test_what_is_asked_for_is_passed_on() -> None:
    make = Maker()
    credential = LazyCredential(make)
    token = await credential.get_token("a", "b", claims="c", tenant_id="t", enable_cae=True, x=1)
    assert (token.token, token.expires_on) == ("token", 1)
    info = await credential.get_token_info("a", options={"claims": "c"})
    assert info.expires_on == 2
    assert make.made[0].asked == [("a", "b", "c", "t", True, {"x": 1}), ("a", {"claims": "c"})]


async def test_closing_closes_what_was_made_and_only_that() -> None:
    make = Maker()
    async with LazyCredential(make):
        pass
    assert make.made == []
    async with LazyCredential(make) as credential:
        await credential.get_token("scope")
    assert make.made[0].is_closed


async def test_a_token_after_closing_makes_a_new_credential() -> None:
    make = Maker()
    credential = LazyCredential(make)
    await credential.get_token("scope")
    await credential.close()
    await credential.get_token("scope")
    assert [made.is_closed for made in make.made] == [True, False]


async def test_the_default_credential_takes_the_identity_that_is_named() -> None:
    credential = azure_credential("11111111-2222-3333-4444-555555555555")
    made = credential._make()
    names = [type(link).__name__ for link in made.credentials]  # type: ignore[attr-defined]
    assert "ManagedIdentityCredential" in names
    await made.close()


@pytest.mark.parametrize("build", ["azure_credential()", "azure_credential('id')"])
def test_building_a_credential_does_not_load_the_identity_library(build: str) -> None:
    code = (
        "import sys; from shared.clients.credentials import azure_credential; "
        f"{build}; print('azure.identity' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
