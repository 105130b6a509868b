"""Process start to the first 202 of the webhook, over a bare function app with the same SDKs.

The app is the package, unpacked, on Microsoft's engine: it indexes all functions, reads settings as
in production (managed identity), makes every client, and answers a signed event; only the queue is
a list in memory. The floor is an app with one function that answers 202, and that imports the very
modules of libraries that the other one had loaded by then. Processes alternate; the ratio of their
best rounds is printed, so that a busy machine disturbs both alike; the ratio of their processor
times, printed before, is what it would be on an idle one.
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local import books
from release.alone import SECONDS_MAX, command, libraries_of, unpack
from release.package import ROOT, build

CHILD = ROOT / "bench" / "children" / "cold_start.py"
ROUNDS = 7
TARGET = 1.3
BARE = '''"""A bare function app."""

import azure.functions as func
{imports}

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("webhooks/stripe", methods=["POST"])
async def stripe_webhook(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("accepted", status_code=202)
'''
ON_AZURE = {
    "STRIPE_API_KEY": books.STRIPE_API_KEY,
    "STRIPE_WEBHOOK_SECRETS": books.SIGNING_SECRETS[0],
    "DYNAMICS_URL": "https://example.operations.dynamics.com",
    "TIEOUT_TABLES_ENDPOINT": "https://example.table.core.windows.net",
    "ServiceBusConnection__fullyQualifiedNamespace": "example.servicebus.windows.net",
    "ServiceBusConnection__clientId": "00000000-0000-4000-8000-000000000000",
}


def environment() -> dict[str, str]:
    """The settings of an app on Azure: the local ones, with a managed identity."""
    sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
    local = ("STRIPE_BASE_URL", "TIEOUT_TABLES_CONNECTION", "ServiceBusConnection")
    secret = ("DYNAMICS_TOKEN_URL", "DYNAMICS_CLIENT_ID", "DYNAMICS_CLIENT_SECRET")
    values: dict[str, str] = sample["Values"]
    kept = {name: value for name, value in values.items() if name not in (*local, *secret)}
    return kept | ON_AZURE


def request(settings: dict[str, str]) -> dict[str, Any]:
    """A signed event, and the settings of the app (none for the bare one)."""
    event = {
        "id": "evt_1Cold",
        "type": "customer.created",
        "livemode": False,
        "data": {"object": {"id": "cus_1Cold", "object": "customer"}},
    }
    body, moment = json.dumps(event), int(time.time())
    secret = books.SIGNING_SECRETS[0].encode()
    mark = hmac.new(secret, f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"body": body, "signature": f"t={moment},v1={mark}", "environment": settings}


def cold_start(line: Sequence[str]) -> tuple[float, float]:
    """Seconds from the start of a process to its 202, and processor seconds."""
    started = time.perf_counter()
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=os.sep) as process:
        assert process.stdout is not None
        answer = process.stdout.readline().split()
        seconds = time.perf_counter() - started
        process.wait(SECONDS_MAX)
    if answer[:1] != ["202"]:
        raise AssertionError(f"the webhook answered {answer}")
    return seconds, float(answer[1])


def child(home: Path, asked: Path, libraries: str, modules: Path | None = None) -> list[str]:
    """The command of one cold start."""
    arguments = (str(home), str(ROOT), str(asked), str(modules or ""))
    return command(home, CHILD, *arguments, libraries=libraries, beside=ROOT)


def measure(folder: Path) -> tuple[float, float, int]:
    """The ratios of best seconds and of best processor seconds, and how many modules of libraries
    both load."""
    libraries = libraries_of(Path(sys.executable))
    home = unpack(build(ROOT, folder / "app.zip").path, folder / "app")
    asked, asked_bare, modules = (folder / name for name in ("app.json", "bare.json", "modules"))
    asked.write_text(json.dumps(request(environment())), encoding="utf-8")
    asked_bare.write_text(json.dumps(request({})), encoding="utf-8")
    cold_start(child(home, asked, libraries, modules))
    names = modules.read_text(encoding="utf-8").split()
    bare = folder / "bare"
    bare.mkdir()
    (bare / "host.json").write_bytes((home / "host.json").read_bytes())
    text = BARE.format(imports="\n".join(f"import {name}" for name in names))
    (bare / "function_app.py").write_text(text, encoding="utf-8")
    cold_start(child(bare, asked_bare, libraries))
    lines = child(home, asked, libraries), child(bare, asked_bare, libraries)
    rounds = [(cold_start(lines[0]), cold_start(lines[1])) for _ in range(ROUNDS)]
    wall, processor = (
        min(app[which] for app, _ in rounds) / min(floor[which] for _, floor in rounds)
        for which in (0, 1)
    )
    return wall, processor, len(names)


def main() -> None:
    """Print the figure."""
    with tempfile.TemporaryDirectory() as folder:
        wall, processor, modules = measure(Path(folder).resolve())
    print(
        f"process start to the first 202 over a bare function app that imports the same {modules} "
        f"modules of libraries, best of {ROUNDS} alternating rounds; processor time {processor:.2f}"
    )
    print(f"coldstart ratio={wall:.2f} target<={TARGET:g}")


if __name__ == "__main__":
    main()
