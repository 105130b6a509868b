"""How `tieout serve` starts and ends."""

import signal
import socket

from tests.e2e.serving import COMMAND_SECONDS_MAX, free_ports, start, up


def test_a_signal_ends_it_cleanly() -> None:
    signals = {number: free_ports(3) for number in (signal.SIGTERM, signal.SIGINT)}
    started = {number: start(ports) for number, ports in signals.items()}
    try:
        for number, ports in signals.items():
            up(started[number], ports)
        for number, process in started.items():
            process.send_signal(number)
        ended = {each: started[each].communicate(timeout=COMMAND_SECONDS_MAX) for each in started}
    finally:
        for process in started.values():
            process.kill()
    for number, (output, errors) in ended.items():
        assert started[number].returncode == 0, errors
        assert "Traceback" not in errors
        for port in signals[number]:
            assert f"http://127.0.0.1:{port}" in output
        assert output.strip().endswith("stopping")
        with socket.create_server(("127.0.0.1", signals[number][0])):
            pass  # the port is free again


def test_a_taken_port_is_named() -> None:
    ports = free_ports(3)
    for taken in (ports[0], ports[2]):
        with socket.create_server(("127.0.0.1", taken)):
            process = start(ports)
            output, errors = process.communicate(timeout=COMMAND_SECONDS_MAX)
        assert process.returncode == 1
        assert f"port {taken} is taken" in errors
        assert "Traceback" not in errors
        assert "try:" not in output
