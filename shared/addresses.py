"""Addresses and connection strings of settings: parsed, so that what is wrong is said at start.

Each check raises `ValueError` with a reason that follows the name of the variable ("must ..."),
and never shows what may be secret.

https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string and
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas
"""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
DEVELOPMENT_STORAGE = "usedevelopmentstorage"
STORAGE_KEYS = ("AccountName", "AccountKey", "TableEndpoint", "SharedAccessSignature")
QUEUE_KEYS = ("Endpoint", "SharedAccessKeyName", "SharedAccessKey", "SharedAccessSignature")

_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.IGNORECASE,
)
_ODD = re.compile(
    r"[^\x21-\x7e]|[\\<>\"^`{|}]"
)  # the parser of one client drops what another keeps
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


def check_address(text: str, *, path: bool = False, loopback: bool = True) -> None:
    """Refuse what is no https address. `path`: it may go on after the host. `loopback`: this
    machine may be reached by http."""
    found = _split(text)
    scheme = found.scheme.lower()
    here = loopback and (found.hostname or "").lower() in LOOPBACK_HOSTS
    if scheme != "https" and not (scheme == "http" and here):
        allowed = " (http:// only for localhost, 127.0.0.1 and [::1])" if loopback else ""
        raise ValueError(f"must be an https address{allowed}")
    if not path and found.path.strip("/"):
        raise ValueError("must end after the host: take the path off")


def check_host(text: str) -> None:
    """Refuse what is no fully qualified host name, as `contoso.servicebus.windows.net`."""
    example = "contoso.servicebus.windows.net"
    if "://" in text:
        raise ValueError(f"must be a host name without a scheme, like {example}")
    if "=" in text:
        raise ValueError(f"must be a host name like {example}, not a connection string")
    if "/" in text:
        raise ValueError(f"must be a host name without a path, like {example}")
    if not _HOST.fullmatch(text) or "." not in text:
        raise ValueError(f"must be a full host name, like {example}")


def check_storage_connection(text: str) -> None:
    """Refuse a connection string that leads to no table storage."""
    if text.lower() == f"{DEVELOPMENT_STORAGE}=true":
        return
    parts = _parts(text, STORAGE_KEYS, "storage account")
    if "endpoint" in parts:
        raise ValueError("must be the connection string of a storage account, not of Service Bus")
    if DEVELOPMENT_STORAGE in parts:
        raise ValueError("must be UseDevelopmentStorage=true alone, or name an account")
    name, key = parts.get("accountname"), parts.get("accountkey")
    if "sharedaccesssignature" not in parts and not (name and key):
        raise ValueError("must hold AccountName and AccountKey, or SharedAccessSignature")
    if not name and "tableendpoint" not in parts:
        raise ValueError("must hold AccountName or TableEndpoint")
    if name is not None and not _ACCOUNT.fullmatch(name):
        raise ValueError("must hold an AccountName of 3 to 24 lower-case letters and digits")
    if key is not None and not _is_base64(key):
        raise ValueError(
            "must hold the AccountKey as Azure shows it (base64); it is cut or changed"
        )
    if "tableendpoint" in parts:
        _check_endpoint(parts["tableendpoint"], "TableEndpoint", ("https", "http"))
    elif "tablesecondaryendpoint" in parts:
        raise ValueError("must hold TableEndpoint where it holds TableSecondaryEndpoint")
    if parts.get("defaultendpointsprotocol", "https") not in ("https", "http"):
        raise ValueError("must hold DefaultEndpointsProtocol=https")
    if not _HOST.fullmatch(parts.get("endpointsuffix", "core.windows.net")):
        raise ValueError("must hold an EndpointSuffix like core.windows.net")


def check_queue_connection(text: str) -> None:
    """Refuse a connection string that leads to no Service Bus namespace."""
    parts = _parts(text, QUEUE_KEYS, "Service Bus namespace")
    if "accountname" in parts or DEVELOPMENT_STORAGE in parts:
        raise ValueError("must be the connection string of Service Bus, not of a storage account")
    if "endpoint" not in parts:
        raise ValueError("must hold Endpoint=sb://NAMESPACE.servicebus.windows.net/")
    _check_endpoint(parts["endpoint"], "Endpoint", ("sb",))
    if urlsplit(parts["endpoint"]).path.strip("/"):
        raise ValueError("must hold an Endpoint without a path")
    if "entitypath" in parts:
        raise ValueError("must be the connection string of the namespace, without EntityPath")
    if "sharedaccesssignature" in parts:
        if "sharedaccesskey" in parts or "sharedaccesskeyname" in parts:
            raise ValueError("must hold SharedAccessKey or SharedAccessSignature, not both")
    elif not ("sharedaccesskey" in parts and "sharedaccesskeyname" in parts):
        raise ValueError("must hold SharedAccessKeyName and SharedAccessKey")


def _split(text: str) -> SplitResult:
    if _ODD.search(text):
        raise ValueError("must not hold spaces, backslashes, quotes or other odd characters")
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        raise ValueError("must be an address with a valid host and port") from None
    if "@" in found.netloc:
        raise ValueError("must not hold a user name (the part before @)")
    host = found.hostname or ""
    is_ip6 = found.netloc.startswith("[")
    if found.scheme and not (is_ip6 or _HOST.fullmatch(host)):
        raise ValueError("must name a host after the scheme")
    if port == 0 or found.netloc.endswith(":"):
        raise ValueError("must be an address with a valid host and port")
    if "?" in text or "#" in text:
        raise ValueError("must end before ? and #")
    return found


def _parts(text: str, known: tuple[str, ...], what: str) -> Mapping[str, str]:
    """The parts of a connection string by lower-case key."""
    parts: dict[str, str] = {}
    for part in text.strip().rstrip(";").split(";"):
        key, equals, value = part.partition("=")
        if not equals:
            example = "=...;".join(known[:2])
            raise ValueError(
                f"must be the connection string of a {what} ({example}=...): a part has no ="
            )
        name = key.lower()
        shown = next((each for each in known if each.lower() == name), "a key")
        if not key or key != key.strip() or not value.strip():
            raise ValueError(f"must be a connection string: {shown} has no value or odd spaces")
        if name in parts:
            raise ValueError(f"must be a connection string: {shown} occurs twice")
        parts[name] = value
    return parts


def _check_endpoint(text: str, key: str, schemes: tuple[str, ...]) -> None:
    found: SplitResult | None
    try:
        found = _split(text)
    except ValueError:
        found = None
    if found is None or found.scheme.lower() not in schemes or not found.hostname:
        raise ValueError(f"must hold {key}={schemes[0]}://HOST")


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
