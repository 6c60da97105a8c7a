"""What arming a fault does, and which faults go together."""

import itertools

import pytest

from faultlab.faults import (
    KINDS,
    AnyFault,
    BadBody,
    Capacity,
    Cut,
    Drip,
    Duplicate,
    Frozen,
    Killed,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stale,
    Stall,
    Status,
    Stopped,
    Throttle,
)
from faultlab.faults.actions import Armed, CutOff, EndProcess, FreezeProcess, Hold, Request
from faultlab.faults.arming import (
    conflict,
    ender,
    listener,
    mode,
    needs,
    on_live,
    on_process,
    replaced,
    steady,
)
from faultlab.faults.decide import keyed, on_request


def armed(*faults) -> tuple[Armed, ...]:
    """These faults, in this order, from number 1."""
    return tuple(Armed(number, fault) for number, fault in enumerate(faults, 1))


@pytest.mark.parametrize(
    ("fault", "act"),
    [
        (Stopped(service="s"), EndProcess("stop", None)),
        (Killed(service="s", restart=0.5), EndProcess("kill", 0.5)),
        (Frozen(service="s"), FreezeProcess()),
        (Partition(service="s", between="a"), CutOff("a", ("to_client", "to_backend"))),
        (Partition(service="s", between="a", direction="to_backend"), CutOff("a", ("to_backend",))),
        (Partition(service="s"), None),
        (Refused(service="s"), None),
    ],
)
def test_what_is_done_to_the_backend_s_process(fault, act) -> None:
    """And which fault ended it, so that what its kernel does is the fault's."""
    assert on_process(fault) == act
    ends = isinstance(act, EndProcess)
    assert ender(armed(Latency(service="s", delay=1), fault)) == (2 if ends else None)


def test_a_process_is_in_one_state_and_a_listener_in_one_mode() -> None:
    """What can't be together is refused by name; a frozen process has any listener."""
    killed, frozen = Killed(service="s"), Frozen(service="s")
    process = "the process can be in one state only; clear that fault first"
    assert conflict([killed], frozen) == (
        f"`frozen` on s meets `killed`, which is in force: {process}"
    )
    assert "`killed` on s meets `frozen`" in str(conflict([frozen], killed))
    listener = "the listener can be in one mode only; clear that fault first"
    assert conflict([Partition(service="s")], killed) == (
        f"`killed` on s meets `partition`, which is in force: {listener}"
    )
    assert conflict([Partition(service="s")], frozen) is None
    assert conflict([killed], Killed(service="s", restart=1)) is None
    late = Killed(service="s", after=1.0)
    assert "`frozen` on s meets `killed`, which may come" in str(conflict([late], frozen))


def test_the_listeners_mode_follows_from_what_is_in_force() -> None:
    """And nothing else than a listener fault touches it."""
    assert mode(()) == "open"
    assert mode(armed(Stall(service="s"))) == "open"
    assert mode(armed(Stall(service="s"), Refused(service="s"))) == "refusing"
    assert mode(armed(Partition(service="s"))) == "dark"
    assert mode(armed(Stall(service="s", at="connect"))) == "dark"


def test_what_happens_to_live_connections() -> None:
    """A part of the fault's value."""
    assert [on_live(Refused(service="s", live=live)) for live in ("close", "reset", "keep")] == [
        "close",
        "reset",
        None,
    ]
    assert on_live(Partition(service="s")) == Hold(("to_client", "to_backend"))
    one = Partition(service="s", live="unplugged", direction="to_backend")
    assert on_live(one) == Hold(("to_backend",), unplugged=True)
    assert on_live(Partition(service="s", live="keep")) is None
    assert on_live(Stall(service="s")) is None
    assert on_live(Stall(service="s", at="connect")) is None


@pytest.mark.parametrize(
    ("fault", "needed"),
    [
        (Refused(service="core"), ()),
        (Refused(service="core", live="reset"), ("reset", "keep")),
        (Refused(service="core", live="keep"), ("keep",)),
        (Stopped(service="core"), ("keep",)),
        (Killed(service="core"), ("reset", "keep")),
        (Partition(service="core"), ("dark",)),
        (Partition(service="core", live="unplugged"), ("unplug", "dark")),
        (Partition(service="core", between="nis"), ("part",)),
        (Partition(service="core", between="proxy"), ("part",)),
        (Partition(service="core", between="network"), ()),
        (Stall(service="core", at="connect"), ("dark",)),
        (Stall(service="core"), ()),
        (Cut(service="core", at="accept"), ()),
        (Cut(service="core", at="accept", by="rst"), ("reset",)),
        (Stale(service="core", by="rst"), ("reset",)),
    ],
)
def test_what_a_network_must_be_able_to_do(fault, needed) -> None:
    """One that can't do it refuses the fault by name, and does no other in its place."""
    assert needs(fault) == needed


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Latency(service="core", delay=0.5), (0.5, 0)),
        (Latency(service="core", delay=0.5, jitter=0.1), None),
        (Latency(service="core", delay=0), None),
        (Latency(service="core", delay=0.5, direction="both"), None),
        (Latency(service="core", delay=0.5, endpoint="GET /x"), None),
        (Throttle(service="core", rate=64_000), (0.0, 64_000)),
        (Throttle(service="core", rate=64_000, direction="to_backend"), None),
        (Drip(service="core"), None),
        (Status(service="core", code=503), None),
    ],
)
def test_what_does_one_thing_to_all_bytes_to_clients(fault, expected) -> None:
    """Whatever carries bytes can do it, and shows the same."""
    assert steady(fault) == expected


def test_two_listener_faults_are_refused_by_name() -> None:
    """But one takes the place of another of its own slot."""
    faults = [Refused(service="s")]
    assert conflict(faults, Refused(service="s", live="reset")) is None
    assert conflict(faults, Stall(service="s")) is None
    assert "`stall` on s meets `refused`" in str(conflict(faults, Stall(service="s", at="connect")))
    assert conflict(faults, Partition(service="s")) == (
        "`partition` on s meets `refused`, which is in force: "
        "the listener can be in one mode only; clear that fault first"
    )


def test_a_header_that_would_break_the_head_is_refused() -> None:
    """It would be another fault than the one that was named."""
    fault = Status(service="s", code=500, headers=(("A", "b\r\nC: d"),))
    assert conflict((), fault) == "header 'A': 'b\\r\\nC: d' does not fit on one line of a head"


def test_the_same_slot_is_the_same_kind_service_and_endpoint() -> None:
    """What a later fault replaces."""
    faults = armed(Status(service="s", code=500), Status(service="s", code=500, endpoint="GET /x"))
    assert replaced(faults, Status(service="s", code=502)) == faults[0]
    assert replaced(faults, Status(service="s", code=502, endpoint="GET /x")) == faults[1]
    assert replaced(faults, Stall(service="s")) is None


EACH: tuple[AnyFault, ...] = (
    Refused(service="s"),
    Partition(service="s"),
    Stall(service="s", at="connect"),
    Stopped(service="s"),
    Killed(service="s"),
    Frozen(service="s"),
    Cut(service="s", at="accept"),
    Cut(service="s", at="response_body"),
    Stale(service="s"),
    Latency(service="s", delay=1.0, first=1),
    Throttle(service="s", rate=1000, first=1),
    Drip(service="s", first=1),
    Stall(service="s", at="response_head"),
    Status(service="s", code=503),
    BadBody(service="s"),
    LostAnswer(service="s"),
    Duplicate(service="s"),
    Capacity(service="s", workers=1),
)
ALONE = ("refused", "partition", "stall", "stopped", "killed", "frozen")


def test_every_kind_is_among_the_pairs() -> None:
    """A new kind has to say what it goes together with."""
    assert {fault.kind for fault in EACH} == KINDS.keys()


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(EACH, 2)))
def test_each_pair_goes_together_or_is_refused_by_both_names(
    one: AnyFault, other: AnyFault
) -> None:
    """Nothing is armed that then does nothing, or something else than was asked for."""
    reason = conflict([one], other)
    if one.slot() == other.slot():  # the later one takes the place of the earlier
        assert reason is None
        return
    modes = listener(one) is not None and listener(other) is not None
    states = on_process(one) is not None and on_process(other) is not None
    assert (reason is not None) == (modes or states)
    if reason is not None:
        assert f"`{other.kind}` on s meets `{one.kind}`" in reason
        assert {one.kind, other.kind} <= set(ALONE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pair
        for pair in itertools.permutations(EACH[8:], 2)
        if pair[0].slot() != pair[1].slot() and pair[0].reach != "connection" != pair[1].reach
    ],
)
def test_of_two_that_go_together_each_acts_or_the_first_armed_wins(
    one: AnyFault, other: AnyFault
) -> None:
    """The stated order: what slows, copies and queues adds up; one alone ends an exchange."""
    faults = (Armed(1, one), Armed(2, other))
    fires = set(on_request(Request("GET", "/", 1, 1), faults, keyed(7)).fires)
    alone = {
        ident
        for ident, fault in ((1, one), (2, other))
        if on_request(Request("GET", "/", 1, 1), (Armed(ident, fault),), keyed(7)).fires
    }
    endings = ("stall", "status", "bad_body", "lost_answer", "cut")
    if one.kind in endings and other.kind in endings:
        assert fires == {1}
    elif {one.kind, other.kind} == {"status", "duplicate"}:
        assert fires == alone - {1 if one.kind == "duplicate" else 2}  # nothing gets there to copy
    else:
        assert fires == alone


def test_cuts_of_one_backend_go_together_and_with_nothing_else_of_its_process() -> None:
    """Groups of services are cut by several; its clients may be cut from it besides."""
    cut = Partition(service="s", between="a")
    for other in (Partition(service="s", between="b"), Partition(service="s"), cut):
        assert conflict([cut], other) is None
    for other in (Frozen(service="s"), Killed(service="s")):
        assert "process can be in one state" in str(conflict([cut], other))
        assert "process can be in one state" in str(conflict([other], cut))
    assert (listener(cut), on_live(cut)) == (None, None)
