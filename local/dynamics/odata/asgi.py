"""Between ASGI's messages and the peer's `Request` and `Response`.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from urllib.parse import quote

from local.dynamics.odata.errors import Refusal
from local.dynamics.odata.wire import Request, Response
from local.transport import Receive, Scope, Send

BODY_BYTES_MAX = 16 * 1024 * 1024
URL_CHARS_MAX = 16_384  # http.sys in front of F&O refuses longer URLs


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The request, or a `Refusal` where it is too large."""
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    path = raw_path.decode("latin-1").partition("?")[0]
    query = scope["query_string"].decode("latin-1")
    if len(path) + len(query) > URL_CHARS_MAX:
        raise Refusal(414, f"A URL holds at most {URL_CHARS_MAX} characters.")
    headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in scope["headers"]}
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise Refusal(413, f"A request holds at most {BODY_BYTES_MAX} bytes.")
        more = message.get("more_body", False)
    return Request(scope["method"], path, query, headers, bytes(body))


async def send_response(send: Send, response: Response) -> None:
    """Send a response as two messages."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers.items()
    ]
    if response.status != 204:  # noqa: PLR2004 - No Content has no length
        headers.append((b"content-length", str(len(response.body)).encode()))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": response.body})


async def lifespan(receive: Receive, send: Send) -> None:
    """Start and stop as a server asks; there is nothing to do in between."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
