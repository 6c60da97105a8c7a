import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from faultlab.faults.actions import (
    Answer,
    Armed,
    Copy,
    CutAnswer,
    CutBody,
    CutConnection,
    CutHead,
    CutRequest,
    Decision,
    Delay,
    Enter,
    LoseAnswer,
    Paced,
    Queue,
    ReplaceBody,
    Request,
    Withhold,
)
from faultlab.faults.arming import paces
from faultlab.faults.bodies import BODIES
from faultlab.faults.decide import (
    fold,
    keyed,
    on_accept,
    on_bytes,
    on_idle,
    on_request,
    patience,
)

REQUEST = Request("GET", "/orders/7?full=1", 9, 4, 5, 2)

# One fault of each kind, and the action that it becomes.
ENDINGS = [
    (Cut(service="s", at="request_head", by="rst"), CutHead(1, "rst")),
    (Cut(service="s", at="accept"), None),
    (Cut(service="s", at="request_complete"), CutRequest(1, "fin")),
    (Cut(service="s", at="response_head", by="rst"), CutAnswer(1, "rst")),
    (Cut(service="s", at="response_body"), CutBody(1, "half", "fin")),
    (Cut(service="s", at="response_body", bytes=3), CutBody(1, 3, "fin")),
    (Stall(service="s"), Withhold(1)),
    (Stall(service="s", at="response_body"), Withhold(1, body=True)),
    (Stall(service="s", at="connect"), None),
    (
        Drip(service="s", endpoint="GET /orders/*", size=3, direction="to_backend"),
        Paced(1, "to_backend", 3, 0.1),
    ),
    (Throttle(service="s", rate=64_000, first=1), Paced(1, "to_client", 640, 0.01)),
    (LostAnswer(service="s", by="rst"), LoseAnswer(1, "rst")),
    (
        Status(service="s", code=503, body="x", headers=(("Retry-After", "1"),)),
        Answer(1, 503, (("Content-Type", "application/json"), ("Retry-After", "1")), b"x"),
    ),
    (Refused(service="s"), None),
    (Stopped(service="s"), None),
    (Killed(service="s"), None),
    (Partition(service="s"), None),
    (Stale(service="s"), None),
    (Capacity(service="s", workers=1), Enter(1)),
    (Duplicate(service="s", copies=2), Copy(1, 2)),
]


def middle(fault: int, op: int, attempt: int) -> float:
    """A draw that changes no delay."""
    return 0.5


def armed(*faults) -> tuple[Armed, ...]:
    """These faults, in this order, from number 1."""
    return tuple(Armed(number, fault) for number, fault in enumerate(faults, 1))


@pytest.mark.parametrize(("fault", "action"), ENDINGS)
def test_each_kind_becomes_its_action(fault, action) -> None:
    """The table is the meaning of the faults; the proxy knows no more."""
    fires = () if isinstance(action, Enter) else (1,)
    decision = on_request(REQUEST, armed(fault), middle)
    assert decision.actions == (() if action is None else (action,))
    assert decision.fires == (() if action is None else fires)


def test_a_cut_at_accept_counts_connections() -> None:
    """Each accepted connection is one hit; the others are no business of it."""
    faults = armed(Stall(service="s"), Cut(service="s", at="accept", by="rst", first=2))
    seen = []
    for _ in range(3):
        decision = on_accept(1, faults, middle)
        seen.append(decision.cut)
        faults = fold(faults, decision)
    assert seen == [CutConnection(2, "rst"), CutConnection(2, "rst"), None]


def test_a_stale_connection_is_one_that_was_idle_for_long_enough() -> None:
    """At its point only, and for so many connections."""
    faults = armed(
        Stale(service="s", idle=2.0, at="idle", first=1), Stale(service="s", idle=1.0, by="rst")
    )
    assert patience(faults) == 2.0
    assert patience(faults[1:]) is None
    assert on_idle("idle", 1.9, faults).cut is None
    ended = on_idle("idle", 2.0, faults)
    assert ended.cut == CutConnection(1, "fin")
    assert on_idle("idle", 2.0, fold(faults, ended)).cut is None
    assert on_idle("reuse", 1.0, faults).cut == CutConnection(2, "rst")
    assert on_idle("reuse", 0.9, faults).cut is None


def test_no_kind_is_missing_here() -> None:
    """A kind that nothing decides would be armed and never fire."""
    here = {fault.kind for fault, _ in ENDINGS} | {"latency", "bad_body", "frozen"}
    assert here == KINDS.keys()


@pytest.mark.parametrize(
    ("between", "fires"), [("proxy", (1,)), ("network", (1,)), ("nis", ()), (None, ())]
)
def test_a_backend_cut_from_the_proxy_acts_on_what_should_get_to_it(between, fires) -> None:
    """What it makes of a lost peer is its own; a partition from clients acts on connections."""
    fault = Partition(service="s", between=between)
    assert on_request(REQUEST, armed(fault), middle).fires == fires


def test_a_frozen_backend_acts_on_what_gets_to_it() -> None:
    """A request that the gate answers never asks it."""
    frozen = Frozen(service="s")
    assert on_request(REQUEST, armed(frozen), middle) == Decision((), (1,))
    late = armed(Stall(service="s"), frozen)
    assert on_request(REQUEST, late, middle) == Decision((Withhold(1),), (1, 2))
    answered = armed(frozen, Status(service="s", code=500))
    assert on_request(REQUEST, answered, middle).fires == (2,)


def test_a_bad_body_is_the_one_that_was_named() -> None:
    """What it is made of stands in one table."""
    for name, body in BODIES.items():
        (action,) = on_request(REQUEST, armed(BadBody(service="s", body=name)), middle).actions
        assert action == ReplaceBody(1, body)


def test_the_first_armed_in_scope_ends_the_exchange() -> None:
    """The others don't fire; one out of scope is no competitor."""
    faults = armed(
        Cut(service="s", at="request_head", endpoint="POST /orders/*"),
        Stall(service="s", endpoint="GET /orders/{id}"),
        Status(service="s", code=500),
    )
    assert on_request(REQUEST, faults, middle) == Decision((Withhold(2),), (2,), met=(2,))


def test_only_what_reaches_the_backend_is_copied() -> None:
    """Beside an answer of the gate's own a duplicate does nothing, so it doesn't fire."""
    twice = Duplicate(service="s")
    cut = Cut(service="s", at="response_body")
    assert on_request(REQUEST, armed(twice, cut), middle) == Decision(
        (Copy(1, 1), CutBody(2, "half", "fin")), (1, 2)
    )
    for own in (
        Status(service="s", code=500),
        Cut(service="s", at="request_head"),
        Cut(service="s", at="request_complete"),
    ):
        assert on_request(REQUEST, armed(twice, own), middle).fires == (2,)


@pytest.mark.parametrize(
    ("busy", "queued", "action", "fires"),
    [
        (0, 0, Enter(1), ()),
        (1, 0, Enter(1), ()),
        (2, 0, Queue(1), (1,)),
        (2, 1, 503, (1,)),
    ],
)
def test_a_request_enters_waits_or_is_refused(busy: int, queued: int, action, fires) -> None:
    """By what is under way; one that simply enters was not acted on."""
    full = (Armed(1, Capacity(service="s", workers=2, queue=1), busy=busy, queued=queued),)
    decision = on_request(REQUEST, full, middle)
    (found,) = decision.actions
    assert (found.status if isinstance(found, Answer) else found, decision.fires) == (action, fires)


def test_a_full_backend_comes_before_what_would_become_of_its_answer() -> None:
    """It never gets the request, so nothing is cut or copied; the gate's own answer comes first."""
    full = Armed(1, Capacity(service="s", workers=1), busy=1)
    others = (
        Armed(2, Latency(service="s", delay=1.0, first=1)),
        Armed(3, Cut(service="s", at="response_body")),
        Armed(4, Duplicate(service="s")),
    )
    decision = on_request(REQUEST, (*others, full), middle)
    assert decision.actions[0] == Delay(2, "to_client", 1.0)
    assert [getattr(one, "status", None) for one in decision.actions] == [None, 503]
    assert decision.fires == (2, 1)
    own = Armed(5, Status(service="s", code=404))
    assert on_request(REQUEST, (full, own), middle).fires == (5,)
    assert on_request(
        REQUEST, (full, Armed(6, Capacity(service="s", workers=9))), middle
    ).fires == (1,)


def test_delays_add_up_and_go_with_an_ending() -> None:
    """Each scoped latency fires, and one ending beside them."""
    faults = armed(
        Latency(service="s", delay=1.0, endpoint="GET /orders/*"),
        Latency(service="s", delay=2.0, first=1, direction="both"),
        Status(service="s", code=500),
    )
    decision = on_request(REQUEST, faults, middle)
    assert decision.fires == (1, 2, 3)
    assert decision.actions[:3] == (
        Delay(1, "to_client", 1.0),
        Delay(2, "to_client", 2.0),
        Delay(2, "to_backend", 2.0),
    )


def test_an_unscoped_latency_is_of_the_stream() -> None:
    """It has no request to be decided for."""
    faults = armed(Latency(service="s", delay=1.0), Latency(service="s", delay=2.0, first=1))
    assert on_bytes("to_client", (1, 1), faults, middle) == (Delay(1, "to_client", 1.0),)
    assert on_bytes("to_backend", (1, 1), faults, middle) == ()
    assert on_request(REQUEST, faults, middle).fires == (2,)


def test_first_counts_the_exchanges_acted_on() -> None:
    """The n-th hit is the last, whatever else was asked meanwhile."""
    fault = Cut(service="s", at="request_head", first=2)
    assert on_request(REQUEST, (Armed(1, fault, hits=1),), middle).fires == (1,)
    assert on_request(REQUEST, (Armed(1, fault, hits=2),), middle).fires == ()


def test_a_sequence_answers_its_codes_once_each() -> None:
    """Then the fault lets pass, and the next one in scope has its turn."""
    faults = armed(Status(service="s", sequence=(503, 502)), Stall(service="s"))
    seen = []
    for _ in range(3):
        decision = on_request(REQUEST, faults, middle)
        seen.append(getattr(decision.actions[0], "status", "stall"))
        faults = fold(faults, decision)
    assert seen == [503, 502, "stall"]


def test_a_body_of_ones_own_and_a_type_of_ones_own() -> None:
    """What the user wrote is what is sent."""
    fault = Status(service="s", code=502, body="<p>", headers=(("content-type", "text/html"),))
    (action,) = on_request(REQUEST, armed(fault), middle).actions
    assert isinstance(action, Answer)
    assert (action.headers, action.body) == ((("content-type", "text/html"),), b"<p>")


def test_a_default_body_names_the_status() -> None:
    """Also one that no list knows."""
    for code, phrase in ((503, "Service Unavailable"), (599, "status 599")):
        (action,) = on_request(REQUEST, armed(Status(service="s", code=code)), middle).actions
        assert isinstance(action, Answer)
        assert json.loads(action.body) == {"detail": phrase, "status": code}


def hits(fault: AnyFault, requests: Sequence[Request], newest: int = 0) -> list[bool]:
    """On which of these requests, one after the other, a fault acts."""
    faults, found = (Armed(1, fault, newest=newest),), []
    for request in requests:
        decision = on_request(request, faults, keyed(7))
        found.append(1 in decision.fires)
        faults = fold(faults, decision, request)
    return found


def asked(*tags: tuple[int | None, int | None], target: str = "/x") -> list[Request]:
    """Requests of these operations and attempts, each on a connection of its own."""
    return [Request("GET", target, n, 1, op, attempt) for n, (op, attempt) in enumerate(tags, 1)]


def test_an_attempt_is_met_by_its_number() -> None:
    """`the first attempt fails, the second works`, for each operation."""
    tags = asked((1, 1), (1, 2), (2, 1), (2, 2), (2, 3))
    assert hits(Stall(service="s", attempt=1), tags) == [True, False, True, False, False]
    assert hits(Stall(service="s", attempt=(2, 3)), tags) == [False, True, False, True, True]


def test_an_operation_is_counted_where_it_meets_the_fault() -> None:
    """In the order of their first requests, those out of scope left out."""
    elsewhere = asked((5, 1), target="/y")
    tags = elsewhere + asked((7, 1), (9, 1), (7, 2), (9, 2), (5, 1))
    fault = Stall(service="s", endpoint="GET /x", operation=2)
    assert hits(fault, tags) == [False, False, True, False, True, False]


def test_who_carries_no_tag_is_met_by_no_attempt_and_no_operation() -> None:
    """A guess would blame a client for the lab's mistake; the fault is reported as unfired."""
    tags = asked((None, None), (None, None))
    assert hits(Stall(service="s", attempt=1), tags) == [False, False]
    assert hits(Stall(service="s", operation=1), tags) == [False, False]


def test_every_nth_counts_what_the_rest_of_the_scope_leaves() -> None:
    """Third, sixth, ...; of the first attempts alone where it says so."""
    tags = asked(*[(op, attempt) for op in range(1, 7) for attempt in (1, 2)])
    assert hits(Stall(service="s", every_nth=3), tags) == [n % 3 == 0 for n in range(1, 13)]
    both = Stall(service="s", every_nth=2, attempt=1)
    assert hits(both, tags) == [n in (3, 7, 11) for n in range(1, 13)]


def test_first_counts_hits_behind_every_other_key() -> None:
    """The first two of every second one."""
    tags = asked(*[(op, 1) for op in range(1, 9)])
    fault = Stall(service="s", every_nth=2, first=2)
    assert hits(fault, tags) == [n in (2, 4) for n in range(1, 9)]


def test_connections_are_new_or_live_by_when_they_were_accepted() -> None:
    """Those up to the newest one at the begin are live."""
    tags = asked((1, 1), (2, 1), (3, 1))
    live, new = Stall(service="s", connections="live"), Stall(service="s", connections="new")
    assert hits(live, tags, newest=2) == [True, True, False]
    assert hits(new, tags, newest=2) == [False, False, True]


@given(st.permutations([(op, attempt) for op in range(1, 9) for attempt in (1, 2, 3)]))
def test_a_fraction_hits_the_same_attempts_in_any_order(tags: list[tuple[int, int]]) -> None:
    """Concurrency must not choose who fails (design law 3)."""
    fault = Stall(service="s", fraction=0.3)
    found = {tag for tag, hit in zip(tags, hits(fault, asked(*tags)), strict=True) if hit}
    in_order = sorted(tags)
    assert found == {
        tag for tag, hit in zip(in_order, hits(fault, asked(*in_order)), strict=True) if hit
    }
    assert 0 < len(found) < len(tags)


def test_a_fraction_s_draw_is_no_other_draw_of_the_fault() -> None:
    """Or all that it hits would have the same half of the jitter."""
    fault = Latency(service="s", delay=1.0, jitter=1.0, fraction=0.3)
    found = [
        on_request(one, (Armed(1, fault),), keyed(7))
        for one in asked(*((n, 1) for n in range(1, 200)))
    ]
    late = [decision.actions[0].seconds for decision in found if decision.actions]
    assert len(late) > 30
    assert min(late) < 0.5 < 1.5 < max(late)


FAULTS = st.builds(
    Stall,
    service=st.just("s"),
    endpoint=st.sampled_from([None, "GET /x", "GET /*"]),
    first=st.none() | st.integers(1, 4),
    every_nth=st.none() | st.integers(2, 3),
    attempt=st.sampled_from([(), (1,), (1, 3)]),
    operation=st.none() | st.integers(1, 3),
    connections=st.sampled_from([None, "new", "live"]),
)
REQUESTS = st.lists(
    st.builds(
        Request,
        method=st.just("GET"),
        target=st.sampled_from(["/x", "/y"]),
        conn=st.integers(1, 6),
        number=st.integers(1, 3),
        op=st.integers(1, 4),
        attempt=st.integers(1, 3),
    ),
    max_size=20,
)


@given(FAULTS, REQUESTS, st.integers(0, 6))
def test_scopes_pick_what_a_slow_reading_of_them_picks(
    fault: Stall, requests: list[Request], newest: int
) -> None:
    """Each key read by itself, over the whole list, without any state."""
    left = [
        n
        for n, one in enumerate(requests)
        if (fault.endpoint != "GET /x" or one.target == "/x")
        and (not fault.attempt or one.attempt in fault.attempt)
        and (fault.connections is None or (one.conn > newest) == (fault.connections == "new"))
    ]
    if fault.operation is not None:
        covered = [one.op for one in requests if fault.endpoint != "GET /x" or one.target == "/x"]
        order = list(dict.fromkeys(covered))
        left = [n for n in left if order.index(requests[n].op) + 1 == fault.operation]
    if fault.every_nth is not None:
        left = left[fault.every_nth - 1 :: fault.every_nth]
    left = left[: fault.first]
    assert [n for n, hit in enumerate(hits(fault, requests, newest)) if hit] == left


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1, exclude_max=True))
def test_jitter_is_uniform_around_the_delay_and_never_negative(
    delay: float, jitter: float, draw: float
) -> None:
    """Bytes can't come before they arrived."""
    fault = Latency(service="s", delay=delay, jitter=jitter)
    (action,) = on_bytes("to_client", (1, 1), armed(fault), lambda fault, op, attempt: draw)
    assert action.seconds >= 0
    assert delay - jitter - 1e-9 <= action.seconds <= delay + jitter + 1e-9


@given(st.integers(1, 1_000_000_000))
def test_a_throttle_is_pieces_that_make_its_rate(rate: int) -> None:
    """No more than the rate, no less by a rounding, and never a piece of nothing."""
    (action,) = on_bytes("to_client", (1, 1), armed(Throttle(service="s", rate=rate)), middle)
    assert isinstance(action, Paced)
    assert action.size >= 1
    assert action.size / action.seconds == pytest.approx(rate, rel=1e-9)


def test_an_unscoped_pace_is_of_the_stream_in_its_directions() -> None:
    """And one with a scope is of the requests picked, so that no stream is slowed twice."""
    faults = armed(
        Drip(service="s", size=2, interval=1.0, direction="both"),
        Throttle(service="s", rate=100, direction="to_backend", first=1),
    )
    assert on_bytes("to_client", (1, 1), faults, middle) == (Paced(1, "to_client", 2, 1.0),)
    assert on_bytes("to_backend", (1, 1), faults, middle) == (Paced(1, "to_backend", 2, 1.0),)
    assert on_request(REQUEST, faults, middle).actions == (Paced(2, "to_backend", 1, 0.01),)
    assert [paces(one.fault) for one in faults] == [("to_client", "to_backend"), ("to_backend",)]
    assert paces(Latency(service="s", delay=1.0)) == ()


def test_draws_depend_on_seed_and_key_alone() -> None:
    """Pinned: another process, version or hash seed must draw the same."""
    draw = keyed(7)
    assert draw(1, 2, 3) == keyed(7)(1, 2, 3) == 0.8280989300984032
    assert len({draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4), keyed(8)(1, 2, 3)}) == 5


@given(st.integers(), st.integers(0), st.integers(0), st.integers(0))
def test_draws_lie_in_the_unit_interval(seed: int, fault: int, op: int, attempt: int) -> None:
    """One excluded."""
    assert 0.0 <= keyed(seed)(fault, op, attempt) < 1.0
