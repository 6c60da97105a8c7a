"""What `faultlab stubs` is asked for, and how what happens there is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from faultlab.lab.backends.maximus import BUILTIN, PACES, PORTS
from faultlab.lab.backends.specification import Builtin
from faultlab.lab.errors import UsageError
from faultlab.lab.history import AnyEvent, EffectApplied, RequestReceived, ResponseSent, Starved
from faultlab.lab.stubs import Chosen, choose, described, listens, paces, told


def chosen(*services: str, **options: Any) -> tuple[Chosen, ...]:
    """The stubs of a command line."""
    plain: dict[str, Any] = {
        "own_ports": False,
        "ports": (),
        "presets": (),
        "pace": None,
        "seed": 7,
        "honours_idempotency_key": False,
    }
    return choose(services, **(plain | options))


def test_all_are_served_unless_some_are_named() -> None:
    """On ports of the system's choosing, each once, in the order of the command line."""
    assert [(it.service, it.port) for it in chosen()] == [(name, 0) for name in BUILTIN]
    assert [it.service for it in chosen("nis", "core", "nis")] == ["nis", "core"]


def test_the_field_s_ports_are_had_on_request() -> None:
    """One of them may still be another, or any."""
    assert {it.service: it.port for it in chosen(own_ports=True)} == dict(PORTS)
    some = chosen("core", "nis", own_ports=True, ports=("core=9000", "nis=0"))
    assert [it.port for it in some] == [9000, 0]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://0.0.0.0:8100"),
        ("::1", "http://[::1]:8100"),
    ],  # a container's, and loopback
)
def test_another_address_is_told_as_a_url(host: str, url: str) -> None:
    """So that it can be copied."""
    (core,) = chosen("core", own_ports=True, host=host)
    assert core.host == host
    assert listens(core, 8100, 0.0, as_json=False).split()[-1] == url


def test_each_service_gets_its_presets() -> None:
    """Pace, seed and keys are those of all."""
    core, maba = chosen(
        "core",
        "maba",
        presets=("core=degraded", "maba=healthy_lie", "core=no_arousal"),
        pace="loaded",
        honours_idempotency_key=True,
    )
    assert core.specification == Builtin("core", ("degraded", "no_arousal"), "loaded", True, 7)
    assert maba.specification == Builtin("maba", ("healthy_lie",), "loaded", True, 7)


@pytest.mark.parametrize(
    ("services", "options", "problem"),
    [
        (("cor",), {}, "'cor' is no built-in service"),
        (
            (),
            {"presets": ("degraded",)},
            "--preset degraded\n  expected   SERVICE=VALUE, like core",
        ),
        (("nis",), {"presets": ("core=degraded",)}, "--preset core=degraded: 'core' is not served"),
        ((), {"presets": ("core=sabbath",)}, "core has no preset 'sabbath'; it has health_fails"),
        ((), {"presets": ("core=degraded", "core=not_initialized")}, "answer the same operation"),
        ((), {"pace": "snail"}, "'snail' is no slow profile; there are measured, loaded"),
        ((), {"ports": ("core=",)}, "--port core=\n  expected   SERVICE=VALUE"),
        ((), {"ports": ("core=65536",)}, "--port core=65536\n  expected   a port, 0 to 65535"),
        ((), {"ports": ("core=" + "9" * 5000,)}, "expected   a port, 0 to 65535; 0 for any"),
        ((), {"ports": ("core=-1",)}, "--port core=-1"),
        ((), {"host": "here"}, "--host here\n  expected   an address of this machine"),
    ],
)
def test_what_there_is_not_is_the_command_line_s_mistake(
    services: tuple[str, ...], options: dict[str, Any], problem: str
) -> None:
    """Nothing is served then."""
    with pytest.raises(UsageError) as refused:
        chosen(*services, **options)
    assert problem in str(refused.value)


def test_a_stub_says_where_it_is_and_how() -> None:
    """Which defects it has must not be forgotten while it is looked at."""
    (core,) = chosen(
        "core", presets=("core=degraded",), pace="loaded", honours_idempotency_key=True
    )
    assert listens(core, 4000, 0.5, as_json=False) == (
        "    0.500  core      listens on http://127.0.0.1:4000, preset degraded, pace loaded, seed 7,"
        " honours Idempotency-Key"
    )
    assert json.loads(listens(core, 4000, 0.5, as_json=True)) == {
        "t": 0.5,
        "kind": "stub.listening",
        "service": "core",
        "url": "http://127.0.0.1:4000",
        "presets": ["degraded"],
        "pace": "loaded",
        "honours_idempotency_key": True,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            RequestReceived(
                t=1.0, service="core", conn=3, request=2, method="GET", target="/health"
            ),
            "3.2  GET /health",
        ),
        (
            EffectApplied(t=1.0, service="core", conn=3, request=2, endpoint="POST /query"),
            "3.2  carried out POST /query",
        ),
        (ResponseSent(t=1.0, service="core", conn=3, request=2, status=200), "3.2  200"),
        (
            ResponseSent(t=1.0, service="core", conn=3, request=2, status=413, why="too large"),
            "3.2  413: too large",
        ),
        (Starved(t=1.0, service="core", why="no descriptors"), "can't accept connections: no desc"),
        (Starved(t=1.0, service="core", why="", over=True), "accepts connections again"),
    ],
)
def test_each_event_is_a_line(event: AnyEvent, text: str) -> None:
    """The connection and the request's number tell which answer is whose."""
    assert told(event).startswith(f"    1.000  core      {text}")


def test_every_service_is_described() -> None:
    """`faultlab list services` has nothing else."""
    names = [name for name, *_ in described()]
    assert names == [*BUILTIN]
    _, port, operations, presets = described()[0]
    assert (port, len(operations)) == (8100, 42)
    assert presets["degraded"] == "/health is a 200 that says degraded"
    assert paces() == {name: pace.text for name, pace in PACES.items()}
