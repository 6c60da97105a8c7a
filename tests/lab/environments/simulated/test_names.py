"""What a name leads to, how asking for it fails, and that both change."""

from __future__ import annotations

import socket

import pytest

from faultlab.lab.environments.simulated.loop import SimulatedLoop
from faultlab.lab.environments.simulated.names import Answer, Failure, Names


@pytest.fixture
def names() -> Names:
    """Names of a network with one host."""
    return Names(lambda name: {"db": ("10.0.0.1", "10.0.0.2")}.get(name, ()))


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("db", ("10.0.0.1", "10.0.0.2")),
        ("DB", ("10.0.0.1", "10.0.0.2")),
        ("localhost", ("127.0.0.1",)),
        ("10.1.2.3", ("10.1.2.3",)),
        ("::1", ("::1",)),
    ],
)
def test_what_needs_no_server_is_known_at_once(
    names: Names, name: str, addresses: tuple[str, ...]
) -> None:
    """Hosts, numbers, and the machine itself."""
    assert names.ask(name) == Answer(addresses)


def test_a_name_may_move_and_come_back(names: Names) -> None:
    """As when a service fails over."""
    names.point("db", "10.0.0.9", takes=0.2)
    assert names.ask("db") == Answer(("10.0.0.9",), None, 0.2)
    names.restore("db")
    assert names.ask("db").addresses == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("failure", "code", "takes"),
    [
        ("unknown", socket.EAI_NONAME, 0.0),
        ("temporary", socket.EAI_AGAIN, 0.0),
        ("silent", socket.EAI_AGAIN, 10.0),
    ],
)
def test_asking_fails_as_getaddrinfo_does(
    names: Names, failure: Failure, code: int, takes: float
) -> None:
    """Each failure with its code and its time."""
    names.fail("db", failure)
    answer = names.ask("db")
    assert answer.error is not None
    assert (answer.error.errno, answer.takes) == (code, takes)


def test_a_name_of_nobody_s_is_unknown(names: Names) -> None:
    """And one that leads to no address is a mistake of who says so."""
    assert names.ask("web").failure == "unknown"
    with pytest.raises(ValueError, match="'web' has to lead to an address"):
        names.point("web")
    with pytest.raises(ValueError, match="not-an-address"):
        names.point("web", "not-an-address")


def test_a_program_waits_as_long_as_its_name_server_does() -> None:
    """Then getaddrinfo raises."""
    loop = SimulatedLoop(seed=1)
    loop.network.names.fail("db", "silent")
    with pytest.raises(socket.gaierror, match="Temporary failure"):
        loop.run_until_complete(loop.create_connection(lambda: None, "db", 80))  # type: ignore[arg-type]
    assert loop.time() == 10.0
    loop.close()
