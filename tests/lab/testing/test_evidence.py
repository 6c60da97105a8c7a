"""A count is what was seen, or no number at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from faultlab.lab.errors import EvidenceMissing
from faultlab.lab.history import (
    ConnectAttempted,
    EffectApplied,
    FaultFired,
    ListenerMode,
    RequestStarted,
)
from faultlab.lab.testing import Lab

if TYPE_CHECKING:
    from .conftest import Paper


def test_what_an_unplugged_connection_hides_is_no_number(lab: Lab, paper: Paper) -> None:
    """What the client sent is still under way; 0 attempts would be a guess."""
    paper.add(ConnectAttempted, service="core", port=1000, local=len(paper.recorded) + 1)
    paper.request("core")
    lab.url("core")
    conn = paper.recorded[-1].conn
    with lab.partition("core", live="unplugged") as cut:
        paper.add(
            FaultFired,
            service="core",
            fault=cut.numbers[0],
            conn=conn,
            on="connection",
            heard=False,
        )
    with pytest.raises(EvidenceMissing, match="unknown: what was sent on 1 connection to core"):
        lab.attempts("core")
    paper.add(
        RequestStarted, service="core", conn=conn, request=2, method="GET", target="/orders/7"
    )
    assert lab.attempts("core") == 2
    with pytest.raises(EvidenceMissing, match="attempts on core while it was unplugged"):
        _ = cut.attempts


class Blind:
    """A Watch on a loop that hides its connects."""

    connects = "none: uvloop connects without the interpreter's audit event"


@pytest.fixture
def blind(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose Watch sees no connects."""
    monkeypatch.setattr(type(lab._watch), "connects", property(lambda watch: Blind.connects))
    return lab


@pytest.mark.parametrize(
    "ask",
    [
        lambda lab, down: lab.attempts("core"),
        lambda lab, down: lab.attempts(),
        lambda lab, down: down.attempts,
        lambda lab, down: down.fired,
        lambda lab, down: down.demand_fired(),
    ],
)
def test_refused_connects_that_nobody_saw_are_never_counted(
    blind: Lab, ask: Callable[[Lab, Any], object]
) -> None:
    """A guess of 0 would pass `== 0` and fail a sound client."""
    with pytest.raises(EvidenceMissing) as caught:
        ask(blind, blind.down("core"))
    assert str(caught.value) == (
        "unknown: connects to core, which reach no proxy when refused\n"
        "  seen       uvloop connects without the interpreter's audit event\n"
        "  mend       run the client on asyncio's own loop"
    )


def test_a_connection_that_the_test_did_not_make_leaves_its_connects_unknown(
    lab: Lab, paper: Paper
) -> None:
    """A child process made it, curl say; how often it was refused nobody saw."""
    lab.url("core")
    paper.request("core")
    assert lab.attempts("core") == 1
    with pytest.raises(EvidenceMissing) as caught:
        _ = lab.down("core", unfired="ok").attempts
    assert str(caught.value) == (
        "unknown: connects to core, which reach no proxy when refused\n"
        "  seen       a connection was made by a child process, or past Python's sockets\n"
        "  mend       call by Python's own sockets, in the test's process"
    )


def test_other_counts_need_no_connects(blind: Lab, paper: Paper) -> None:
    """What the proxy saw is known on any loop."""
    blind.down("core", unfired="ok")
    paper.request("penelope")
    assert blind.attempts("penelope") == 1


def test_a_connect_that_met_a_switch_is_never_guessed(lab: Lab, paper: Paper) -> None:
    """Vanished while the listener was open: nobody knows what became of it."""
    url = lab.url("core")
    port = int(url.rpartition(":")[2])
    paper.add(ListenerMode, service="core", mode="open")
    paper.add(ConnectAttempted, service="core", port=port, local=5)
    with pytest.raises(EvidenceMissing, match="unknown: what became of 1 connect to core"):
        lab.attempts("core")


def test_effects_of_the_lab_s_copies_are_real_and_named(lab: Lab, paper: Paper) -> None:
    """Only so can a test see whether an idempotency key kept a second one away."""
    lab.url("core")
    paper.add(EffectApplied, service="core")
    paper.add(EffectApplied, service="core", fault=1)
    effects = lab.effects("core")
    assert effects == 2
    assert "1 by copies that the lab sent" in effects.why


def test_effects_of_a_server_of_one_s_own_are_not_known(lab: Lab, paper: Paper) -> None:
    """It keeps no ledger; the other services still do."""
    lab.serve("orders", "http://127.0.0.1:9")
    paper.add(EffectApplied, service="core")
    assert lab.effects("core") == 1
    for service in ("orders", None):
        with pytest.raises(EvidenceMissing, match="unknown: effects on orders"):
            lab.effects(service)
