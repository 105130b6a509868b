"""API keys: the secret key of the account, and restricted keys that may do less.

https://docs.stripe.com/keys#limit-access
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from local.stripe.errors import ApiError, key_missing, key_wrong, not_permitted

ALL = "*"
NAMED_OTHERWISE: Mapping[str, str] = {"webhook_endpoints": "webhook"}
"""First segments of paths whose permission has another name."""


@dataclass(frozen=True, slots=True)
class RestrictedKey:
    """A key and what it may read and write: resources such as `customer` or `checkout_session`, or
    `*` for all. Who may write may read."""

    key: str
    read: tuple[str, ...] = (ALL,)
    write: tuple[str, ...] = ()

    def may(self, resource: str, *, write: bool) -> bool:
        """Whether a request on the resource is allowed."""
        allowed = self.write if write else (*self.read, *self.write)
        return ALL in allowed or resource in allowed


class Keys:
    """The keys of an account."""

    def __init__(self, secret: str, account: str) -> None:
        self._account = account
        self._keys = {secret: RestrictedKey(secret, write=(ALL,))}

    def issue(self, key: RestrictedKey) -> None:
        """Make a restricted key valid. Raises `ValueError` for one that is taken."""
        if key.key in self._keys:
            raise ValueError("this key is in use already")
        self._keys[key.key] = key

    def withdraw(self, key: str) -> None:
        """Make a key invalid at once. Raises `KeyError` for one that is not valid."""
        del self._keys[key]

    def authenticate(self, headers: Mapping[str, str]) -> RestrictedKey:
        """The key of a request (header names in lower case). Raises `ApiError`."""
        given = _given(headers)
        found = None
        for key in self._keys.values():
            if hmac.compare_digest(given.encode(), key.key.encode()):
                found = key
        if found is None:
            raise key_wrong(given)
        account = headers.get("stripe-account", self._account)
        if account != self._account:
            raise ApiError(
                403,
                f"The provided key does not have access to account '{account}' (or that account "
                "does not exist). Application access may have been revoked.",
                code="account_invalid",
            )
        return found

    def permit(self, key: RestrictedKey, method: str, path: str) -> None:
        """Raise `ApiError` 403 unless the key may make a request on this route."""
        resource, write = resource_of(path), method != "GET"
        if not key.may(resource, write=write):
            needed = f"rak_{resource}_{'write' if write else 'read'}"
            raise not_permitted(key.key, self._account, needed)


def _given(headers: Mapping[str, str]) -> str:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    elif scheme.lower() != "bearer":
        raise key_missing()
    if not key:
        raise key_missing()
    return key


def resource_of(path: str) -> str:
    """What a route is about, as permissions name it: `/v1/checkout/sessions/{}` is about a
    `checkout_session`."""
    first, *rest = path.removeprefix("/v1/").split("/")
    name = f"{first}_{rest[0]}" if first == "checkout" and rest else first
    return NAMED_OTHERWISE.get(name, name.removesuffix("s"))
