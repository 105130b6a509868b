"""Connection strings: what is refused, and that what is accepted makes the SDK's clients."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import check_queue_connection, check_storage_connection
from shared.clients.servicebus_links import ServiceBusLinks
from shared.clients.tables import AzureTables

KEY = base64.b64encode(b"a key").decode()
STORAGE = f"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY}"
BUS = f"Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey={KEY}"


@pytest.mark.parametrize(
    "text",
    [
        *("UseDevelopmentStorage=true", STORAGE, f"{STORAGE};EndpointSuffix=core.windows.net;"),
        f"{STORAGE};TableEndpoint=http://127.0.0.1:10002/contoso",
        "TableEndpoint=https://contoso.table.core.windows.net;SharedAccessSignature=sv=1&sig=x",
    ],
)
def test_a_storage_connection_string_is_accepted(text: str) -> None:
    check_storage_connection(text)
    AzureTables(connection_string=text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("contoso", "a part has no ="),
        (";;", "a part has no ="),
        ("AccountName=contoso", "must hold AccountName and AccountKey"),
        ("AccountName=contoso;AccountKey=", "AccountKey has no value"),
        (f"AccountName=;AccountKey={KEY}", "AccountName has no value"),
        (f"{STORAGE};AccountName=other", "AccountName occurs twice"),
        ("AccountName=contoso;AccountKey=not base64", "it is cut or changed"),
        (f"AccountName=contoso;AccountKey={KEY[:-1]}", "it is cut or changed"),
        (f"AccountName=Con_toso;AccountKey={KEY}", "an AccountName of 3 to 24"),
        (f"{STORAGE};TableEndpoint=contoso", "must hold TableEndpoint=https://HOST"),
        ("SharedAccessSignature=sv=1", "must hold AccountName or TableEndpoint"),
        (f"{STORAGE};TableSecondaryEndpoint=https://x", "must hold TableEndpoint where"),
        (f"{STORAGE.replace('https', 'sb')}", "must hold DefaultEndpointsProtocol=https"),
        (f"{STORAGE};EndpointSuffix=a/b", "must hold an EndpointSuffix"),
        ("UseDevelopmentStorage=true;AccountName=abc", "UseDevelopmentStorage=true alone"),
        (BUS, "not of Service Bus"),
    ],
)
def test_a_malformed_storage_connection_string_is_refused_with_its_reason(
    text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=r"^must ") as caught:
        check_storage_connection(text)
    assert reason in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *(BUS, f"{BUS};", BUS.replace("Endpoint=", "endpoint=")),
        "Endpoint=sb://127.0.0.1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true",
        "Endpoint=sb://contoso.servicebus.windows.net;SharedAccessSignature=Shared sr=x&se=1",
    ],
)
def test_a_service_bus_connection_string_is_accepted(text: str) -> None:
    check_queue_connection(text)
    ServiceBusLinks(connection_string=text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("contoso.servicebus.windows.net", "a part has no ="),
        (BUS.replace("sb://", "https://"), "must hold Endpoint=sb://HOST"),
        (BUS.replace("sb://", ""), "must hold Endpoint=sb://HOST"),
        (
            BUS.replace("sb://contoso.servicebus.windows.net/", "sb:///"),
            "must hold Endpoint=sb://HOST",
        ),
        (BUS.replace(".net/", ".net/charge"), "an Endpoint without a path"),
        (f"{BUS};EntityPath=charge", "of the namespace, without EntityPath"),
        ("Endpoint=sb://x;SharedAccessKey=b", "must hold SharedAccessKeyName and SharedAccessKey"),
        ("Endpoint=sb://x;SharedAccessKeyName=b", "must hold SharedAccessKeyName and SharedAcc"),
        (f"{BUS};SharedAccessSignature=x", "not both"),
        ("SharedAccessKeyName=a;SharedAccessKey=b", "must hold Endpoint=sb://"),
        (STORAGE, "not of a storage account"),
    ],
)
def test_a_malformed_service_bus_connection_string_is_refused_with_its_reason(
    text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=r"^must ") as caught:
        check_queue_connection(text)
    assert reason in str(caught.value)
    assert KEY not in str(caught.value)


WORDS = st.sampled_from(
    [
        *("Endpoint", "endpoint", "SharedAccessKeyName", "SharedAccessKey", "EntityPath"),
        *("SharedAccessSignature", "UseDevelopmentEmulator", "AccountName", "AccountKey"),
        *("TableEndpoint", "EndpointSuffix", "DefaultEndpointsProtocol", "UseDevelopmentStorage"),
        *(
            "=",
            "=",
            "=",
            ";",
            ";",
            "",
            " ",
            "sb://x",
            "sb://",
            "https://x/y",
            "https",
            "true",
            "abc",
        ),
        *(
            KEY,
            "http://127.0.0.1:10002/abc",
            "[",
            "]",
            "@",
            ":",
            "\u0130",
            "TableSecondaryEndpoint",
        ),
    ]
)
PAIRS = st.lists(st.tuples(WORDS, WORDS).map("=".join), max_size=5).map(";".join)
TEXTS = st.one_of(PAIRS, st.lists(WORDS, max_size=12).map("".join))


@given(TEXTS)
def test_what_is_accepted_makes_a_client_and_what_is_refused_says_why(text: str) -> None:
    reason = reason_of(check_storage_connection, text)
    assert not reason or reason.startswith("must ")
    if not reason:
        AzureTables(connection_string=text)
    reason = reason_of(check_queue_connection, text)
    assert not reason or reason.startswith("must ")
    if not reason:
        ServiceBusLinks(connection_string=text)


def reason_of(check: Callable[[str], None], text: str) -> str:
    try:
        check(text)
    except ValueError as error:
        return str(error)
    return ""
