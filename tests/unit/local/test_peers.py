"""What `tieout serve --peers-only` says, and what the sample settings hold."""

import json
import socket

import pytest

from local.peers import PeerPorts, banner, run, settings_of
from local.serve import ServePorts
from shared.settings import from_environment
from tests.queues import require_amqp
from tests.test_tidy import ROOT

SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]


def test_with_default_ports_the_sample_settings_need_no_change() -> None:
    told = settings_of(PeerPorts())
    assert {name: SAMPLE[name] for name in told} == told
    assert "right as they are" in banner(PeerPorts(), 7, "Azurite")


@pytest.mark.parametrize(
    "ports",
    [
        PeerPorts(ServePorts(stripe=1)),
        PeerPorts(ServePorts(dynamics=1)),
        PeerPorts(bus=5673),
        PeerPorts(storage=11_000),
    ],
)
def test_with_other_ports_the_values_to_change_are_named_and_accepted(ports: PeerPorts) -> None:
    told = settings_of(ports)
    assert told != settings_of(PeerPorts())
    text = banner(ports, 7, "Azurite")
    assert "then change these values" in text
    assert all(f'"{name}": "{value}"' in text for name, value in told.items())
    from_environment(SAMPLE | told)


def test_the_events_go_where_the_app_will_listen() -> None:
    text = banner(PeerPorts(ServePorts(app=7099)), 7, "Azurite")
    assert "http://127.0.0.1:7099/api/webhooks/stripe" in text
    assert "func start --port 7099" in text


def test_a_taken_port_of_the_bus_is_named() -> None:
    require_amqp()
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        problem = run(PeerPorts(bus=port), 1, said.append)
    assert (problem, said) == (
        f"port {port} is taken: choose another one (tieout serve --help)",
        [],
    )
