"""The fixture `lab` on real sockets: what plain httpx meets, and what the lab counts of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from faultlab.faults import (
    BadBody,
    Capacity,
    Drip,
    Duplicate,
    Fault,
    Frozen,
    Latency,
    LostAnswer,
    Stale,
    Stall,
    Status,
    Throttle,
)
from faultlab.lab.attempts import read
from faultlab.lab.environments.embedded import Embedded, LabProcess
from faultlab.lab.errors import EvidenceMissing, SetupError, UsageError
from faultlab.lab.history import EffectApplied, FaultCleared, FaultFired, RequestReceived
from faultlab.lab.testing import Lab
from maximus import MaximusClient, MaximusConnectionError

pytestmark = pytest.mark.wire

LONG = 10.0  # seconds that nothing takes unless it is broken
ORDERS = {"GET /orders/{id}": {"id": 7}, "POST /orders": [201, {"id": 8}]}


@pytest.fixture(scope="module")
def process() -> Iterator[LabProcess]:
    """One lab process for the whole module."""
    with LabProcess() as started:
        yield started


@pytest.fixture
def lab(process: LabProcess, tmp_path: Path) -> Iterator[Lab]:
    """A lab as the plugin makes it; each test judges its own faults."""
    made = Lab(partial(Embedded, process, {}), name="test", folder=tmp_path, seed=7)
    made.serve("orders", ORDERS)
    yield made
    made.close()


@pytest.fixture
def http(lab: Lab) -> Iterator[httpx.Client]:
    """Plain httpx before the orders."""
    with httpx.Client(base_url=lab.url("orders"), timeout=LONG) as client:
        yield client


# --- the five families ---------------------------------------------------------------------------


def test_down_refuses_and_counts_both_ways(lab: Lab, http: httpx.Client) -> None:
    """The control call counts since the test began, not while the fault was in force."""
    http.get("/orders/7")
    with lab.down("orders") as down:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                http.get("/orders/7")
    assert (down.attempts, down.fired, lab.attempts("orders")) == (3, 4, 4)  # and one idle FIN
    assert http.get("/orders/7").status_code == 200
    assert down.attempts == 3


def test_down_by_reset_ends_live_connections_by_rst(lab: Lab, http: httpx.Client) -> None:
    """The next request finds the pool's connection dead, and no listener."""
    http.get("/orders/7")
    with (
        lab.down("orders", live="reset") as down,
        pytest.raises((httpx.ConnectError, httpx.ReadError, httpx.WriteError)),
    ):
        http.get("/orders/7")
    assert down.attempts <= 1


def test_down_may_keep_live_connections(lab: Lab, http: httpx.Client) -> None:
    """Only who connects anew is refused."""
    http.get("/orders/7")
    with lab.down("orders", live="keep") as down:
        assert http.get("/orders/7").json() == {"id": 7}
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{lab.url('orders')}/orders/7")
    assert (down.attempts, down.fired) == (2, 1)


def test_slow_answers_late(lab: Lab, http: httpx.Client) -> None:
    """At least so late; and no later fault is needed for it to end."""
    begun = time.monotonic()
    with lab.slow("orders", 0.3):
        assert http.get("/orders/7").json() == {"id": 7}
    assert time.monotonic() - begun >= 0.3


def test_slow_may_concern_one_endpoint(lab: Lab, http: httpx.Client) -> None:
    """The other one is not kept for the hour that the fault would take."""
    with lab.slow("orders", 3600, endpoint="GET /orders/*", unfired="ok"):
        assert http.post("/orders", json={"sku": "a"}).status_code == 201


def test_a_drip_passes_each_read_time_out_and_ends_well(lab: Lab, http: httpx.Client) -> None:
    """No read takes as long as the time-out, all of them together do: nothing is wrong."""
    begun = time.monotonic()
    with lab.inject(Drip(service="orders", interval=0.02)):
        assert http.get("/orders/7", timeout=1.0).json() == {"id": 7}
    assert time.monotonic() - begun >= 1.0
    (attempt,) = read(lab.history).strays
    assert (attempt.observable, attempt.gave_up) == ("ok", False)


SLOW = [
    ([Drip(service="orders", interval=0.02)], "slow_drip"),
    ([Throttle(service="orders", rate=50)], "slow_drip"),
    ([Drip(service="orders", interval=30.0)], "read_timeout_headers"),
    ([Stall(service="orders")], "read_timeout_headers"),
    ([Stall(service="orders", at="response_body")], "read_timeout_body"),
    (
        [Throttle(service="orders", rate=20_000), Stall(service="orders", at="response_body")],
        "read_timeout_body",
    ),
]


@pytest.mark.parametrize(("faults", "observable"), SLOW)
def test_what_a_deadline_cuts_shows_as_what_came_until_then(
    lab: Lab, faults: list[Any], observable: str
) -> None:
    """Few bytes at a time, a silence behind the head, and no byte at all are three things."""

    async def get() -> None:
        async with httpx.AsyncClient(base_url=lab.url("orders"), timeout=LONG) as client:
            await client.get("/orders/7")

    with lab.inject(*faults), pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(get(), 0.5))
    lab.attempts("orders")  # a barrier: the client's end has been recorded
    (attempt,) = read(lab.history).strays
    assert (attempt.observable, attempt.gave_up) == (observable, True)


def test_a_stalled_connect_is_a_connect_time_out_and_keeps_live_connections(
    lab: Lab, http: httpx.Client
) -> None:
    """Counted like any attempt, though the proxy never saw it."""
    http.get("/orders/7")
    with lab.inject(Stall(service="orders", at="connect")) as stall:
        assert http.get("/orders/7").json() == {"id": 7}
        with pytest.raises(httpx.ConnectTimeout):
            httpx.get(f"{lab.url('orders')}/orders/7", timeout=0.1)
    assert (stall.attempts, stall.fired) == (2, 1)
    assert httpx.get(f"{lab.url('orders')}/orders/7").status_code == 200


def test_status_answers_the_first_requests_then_it_works(lab: Lab, http: httpx.Client) -> None:
    """Headers and body are as given; the backend is not asked."""
    with lab.status("orders", 503, headers={"Retry-After": 1}, body="later", first=2) as status:
        told = [http.get("/orders/7") for _ in range(3)]
    assert [answer.status_code for answer in told] == [503, 503, 200]
    assert [answer.headers.get("Retry-After") for answer in told] == ["1", "1", None]
    assert told[0].text == "later"
    assert (status.attempts, status.fired) == (3, 2)
    assert sum(isinstance(event, RequestReceived) for event in lab.history) == 1


def test_partition_holds_a_live_request_and_heals(lab: Lab, http: httpx.Client) -> None:
    """It is carried out after the heal: an effect, and no attempt of its own."""
    http.get("/orders/7")
    with lab.partition("orders") as partition:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/orders", json={"sku": "a"}, timeout=0.1)
        assert (partition.attempts, lab.effects("orders")) == (1, 0)
        with pytest.raises(httpx.ConnectTimeout):
            httpx.get(f"{lab.url('orders')}/orders/7", timeout=0.1)
    assert (partition.attempts, lab.attempts("orders"), lab.effects("orders")) == (2, 3, 1)


@pytest.mark.parametrize(
    ("at", "by", "error", "effects"),
    [
        ("request_head", "fin", httpx.RemoteProtocolError, 0),
        ("request_head", "rst", httpx.ReadError, 0),
        ("response_body", "fin", httpx.RemoteProtocolError, 1),
        ("response_body", "rst", httpx.ReadError, 1),
    ],
)
def test_cut_ends_the_exchange_there(
    lab: Lab, http: httpx.Client, at: Any, by: Any, error: type[Exception], effects: int
) -> None:
    """Before the backend is asked, or in the middle of its answer."""
    with lab.cut("orders", at, by=by) as cut, pytest.raises(error):
        http.post("/orders")  # a body would be sent apart, and may meet the RST of the head
    assert (cut.attempts, cut.fired, lab.effects("orders")) == (1, 1, effects)


# --- inject --------------------------------------------------------------------------------------


def test_an_unplugged_request_is_counted_once_it_has_arrived(lab: Lab, http: httpx.Client) -> None:
    """Until TCP has sent it again nobody knows what the client sent; a number would be a guess."""
    http.get("/orders/7")
    with lab.partition("orders", live="unplugged") as cut:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/orders", timeout=0.1)
        with pytest.raises(EvidenceMissing, match="what was sent on 1 connection to orders"):
            lab.attempts("orders")
    limit = time.monotonic() + LONG
    while not lab.effects("orders"):
        assert time.monotonic() < limit
    assert (lab.effects("orders"), cut.fired, lab.attempts("orders")) == (1, 1, 2)
    with pytest.raises(EvidenceMissing, match="while it was unplugged"):
        _ = cut.attempts


def test_a_killed_service_refuses_until_the_block_s_end(lab: Lab, http: httpx.Client) -> None:
    """The kept connection is ended, too; the service is back at the same url, and works."""
    http.get("/orders/7")
    with lab.down("orders", kind="killed") as down:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                http.get("/orders/7")
    assert (down.attempts, down.fired) == (2, 3)
    assert http.get("/orders/7").status_code == 200


def test_a_stopped_service_comes_back_by_itself(lab: Lab, http: httpx.Client) -> None:
    """What is done in the block after that meets no fault."""
    http.get("/orders/7")
    with lab.down("orders", kind="stopped", restart=0.3) as down:
        with pytest.raises(httpx.ConnectError):
            http.get("/orders/7")
        limit = time.monotonic() + LONG
        while not any(isinstance(event, FaultCleared) for event in lab.history):
            assert time.monotonic() < limit
        assert http.get("/orders/7").status_code == 200
    assert down.attempts == 1


def test_a_frozen_service_is_silent_and_does_late_what_it_got(lab: Lab, http: httpx.Client) -> None:
    """One attempt, which its client gave up; its effect comes when the process goes on."""
    with lab.inject(Frozen(service="orders")) as frozen:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/orders", timeout=0.2)
        assert lab.effects("orders") == 0
    assert (frozen.attempts, frozen.fired) == (1, 1)
    limit = time.monotonic() + LONG
    while not lab.effects("orders"):
        assert time.monotonic() < limit
    assert lab.attempts("orders") == 1


def test_partition_may_keep_live_connections(lab: Lab, http: httpx.Client) -> None:
    """The pool's connection serves on, and nobody else gets in."""
    http.get("/orders/7")
    with lab.partition("orders", live="keep") as cut:
        assert http.get("/orders/7").status_code == 200
        with pytest.raises(httpx.ConnectTimeout):
            httpx.get(lab.url("orders"), timeout=0.1)
    assert (cut.attempts, cut.fired) == (2, 1)


@pytest.mark.parametrize(
    ("by", "error"), [("fin", httpx.RemoteProtocolError), ("rst", httpx.ReadError)]
)
def test_stale_ends_what_the_pool_had_kept(
    lab: Lab, http: httpx.Client, by: Any, error: type[Exception]
) -> None:
    """httpx looks before it reuses a connection, and can't see an end that crosses its request."""
    http.get("/orders/7")
    with lab.inject(Stale(service="orders", by=by)) as stale, pytest.raises(error):
        http.post("/orders")
    assert (stale.attempts, lab.effects("orders")) == (1, 0)
    assert http.get("/orders/7").status_code == 200


def test_stale_by_its_time_is_seen_by_who_looks(lab: Lab, http: httpx.Client) -> None:
    """httpx takes a new connection, and nothing has failed."""
    http.get("/orders/7")
    with lab.inject(Stale(service="orders", at="idle")) as stale:
        assert http.get("/orders/7").status_code == 200
    assert stale.attempts == 1


def test_duplicate_applies_effects_that_are_not_the_client_s(lab: Lab, http: httpx.Client) -> None:
    """All of them by the time that the call returns, and one attempt."""
    for _ in range(20):
        with lab.inject(Duplicate(service="orders", copies=2)) as twice:
            assert http.post("/orders").status_code == 201
        assert twice.attempts == 1
    effects = lab.effects("orders")
    assert effects == 60
    assert "40 by copies that the lab sent" in effects.why


def test_capacity_refuses_who_finds_the_queue_full(lab: Lab, http: httpx.Client) -> None:
    """One takes its time, the next gets a 503; the first is answered in the end."""
    late = lab.inject(Latency(service="orders", delay=1.0, direction="to_backend", first=1))
    with ThreadPoolExecutor(1) as pool, lab.inject(Capacity(service="orders", workers=1)) as full:
        first = pool.submit(http.get, "/orders/7")
        late.first.result(LONG)
        assert http.get("/orders/7").status_code == 503
        assert first.result(LONG).status_code == 200
        assert http.get("/orders/7").status_code == 200
    assert (full.attempts, full.fired) == (3, 1)


def test_several_faults_at_once(lab: Lab, http: httpx.Client) -> None:
    """One handle for all; it counts attempts on every service that they are on."""
    with lab.inject(
        Status(service="orders", code=500, endpoint="GET /orders/*"),
        LostAnswer(service="orders", endpoint="POST /orders"),
        BadBody(service="core"),
    ) as all_three:
        assert http.get("/orders/7").status_code == 500
        with pytest.raises(httpx.RemoteProtocolError):
            http.post("/orders", json={"sku": "a"})
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
            httpx.get(f"{lab.url('core')}/health").json()
    assert (all_three.attempts, all_three.fired) == (3, 3)
    assert (lab.effects("orders"), lab.effects("core")) == (1, 0)


def test_a_stall_is_held_and_released_by_the_test(lab: Lab, http: httpx.Client) -> None:
    """The call waits exactly as long as the test wants it to; no sleep is needed."""
    stall = lab.inject(Stall(service="orders"))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(http.get, "/orders/7")
        assert isinstance(stall.first.result(LONG), FaultFired)
        assert not call.done()
        stall.clear()
        assert call.result(LONG).json() == {"id": 7}


@pytest.mark.asyncio
async def test_an_async_test_waits_for_a_fault_without_blocking(lab: Lab) -> None:
    """One standard future serves both kinds of test; one who gives up leaves it to the others."""
    async with httpx.AsyncClient(base_url=lab.url("orders"), timeout=LONG) as http:
        with lab.inject(Stall(service="orders")) as stall:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(stall.first), 0)
            call = asyncio.create_task(http.get("/orders/7"))
            event = await asyncio.wait_for(asyncio.wrap_future(stall.first), LONG)
            assert isinstance(event, FaultFired)
            assert not call.done()
            assert stall.attempts == 1
        assert (await asyncio.wait_for(call, LONG)).json() == {"id": 7}


def test_a_refused_connect_is_the_first_event_too(lab: Lab, http: httpx.Client) -> None:
    """It reaches no proxy, but the hook saw it, and tells it without being asked."""
    with lab.down("orders") as down, ThreadPoolExecutor(1) as pool:
        call = pool.submit(http.get, "/orders/7")
        assert down.first.result(LONG).service == "orders"
        assert isinstance(call.exception(LONG), httpx.ConnectError)


def test_after_its_block_a_fault_that_fired_has_told_so(lab: Lab, http: httpx.Client) -> None:
    """The end of the block waits for what happened before it."""
    with lab.down("orders") as down, pytest.raises(httpx.ConnectError):
        http.get("/orders/7")
    assert down.first.done()


def test_who_waits_for_a_fault_learns_of_the_test_s_end(
    process: LabProcess, tmp_path: Path
) -> None:
    """A thread left behind must not wait for ever."""
    lab = Lab(partial(Embedded, process, {}), name="test", folder=tmp_path)
    down = lab.down("core", unfired="ok")
    lab.close()
    with pytest.raises(SetupError, match="the run is over"):
        down.first.result(LONG)


# --- counting ------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_an_async_test_uses_the_same_calls_without_await(lab: Lab) -> None:
    """They wait for the lab only, never for the loop that they block; ten at once count ten."""
    async with httpx.AsyncClient(base_url=lab.url("orders"), timeout=LONG) as http:
        assert (await http.get("/orders/7")).status_code == 200
        with lab.down("orders") as down:
            calls = [http.get("/orders/7") for _ in range(10)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(one) for one in ended} == {httpx.ConnectError}
            assert down.attempts == 10
        with lab.slow("orders", 0.1):
            assert (await http.get("/orders/7")).json() == {"id": 7}
        with lab.status("orders", 503):
            assert (await http.get("/orders/7")).status_code == 503
        with lab.partition("orders"), pytest.raises(httpx.TimeoutException):
            await http.post("/orders", json={}, timeout=0.1)
        with lab.cut("orders", "request_head"), pytest.raises(httpx.RemoteProtocolError):
            await http.post("/orders", json={})
    assert lab.effects("orders") == 1


def test_effects_count_what_is_not_idempotent(lab: Lab, http: httpx.Client) -> None:
    """A read changes nothing, however often it is made."""
    http.get("/orders/7")
    http.post("/orders", json={"sku": "a"})
    http.post("/orders", json={"sku": "b"})
    assert (lab.effects(), lab.effects("orders"), lab.effects("core")) == (2, 2, 0)
    assert lab.attempts() == 3


def test_two_labs_do_not_meet(lab: Lab, process: LabProcess, tmp_path: Path) -> None:
    """A late request of one test goes to that test's listener, and counts nowhere else."""
    other = Lab(partial(Embedded, process, {}), name="other", folder=tmp_path / "other")
    url = other.serve("orders", ORDERS)
    assert url != lab.url("orders")
    httpx.get(f"{url}/orders/7")
    assert (lab.attempts(), other.attempts()) == (0, 1)
    other.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/orders/7")
    assert lab.attempts() == 0


@pytest.mark.parametrize("fault", [Stall(service="core"), Frozen(service="core")])
def test_a_blocked_call_returns_after_the_limit(
    process: LabProcess, tmp_path: Path, fault: Fault
) -> None:
    """Whatever it waits for, and whatever it tries next; the report says why."""
    lab = Lab(partial(Embedded, process, {}), name="test", folder=tmp_path, limit=1.0)
    url = lab.url("core")
    lab.inject(fault)
    with httpx.Client(base_url=url, timeout=None) as http:
        with pytest.raises(httpx.TransportError):
            http.get("/health")
        lab._timer.join()
        with pytest.raises(httpx.ConnectError):
            http.get("/health")
    assert "the test's limit of 1 s passed" in lab.report()[1]
    with pytest.raises(AssertionError, match=r"^the test's limit of 1 s passed"):
        lab.close()


# --- who serves ----------------------------------------------------------------------------------


class Server(BaseHTTPRequestHandler):
    """A server of the user's own."""

    def do_GET(self) -> None:
        """Always the same."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@pytest.fixture
def own() -> Iterator[str]:
    """The URL of a server that runs already."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_of_one_s_own_may_stand_behind_the_proxy(lab: Lab, own: str) -> None:
    """Everything works on it but the ledger, which it does not keep."""
    url = lab.serve("payments", own)
    assert url != own
    with httpx.Client(base_url=url, timeout=LONG) as http:
        assert http.get("/").json() == {}
        with lab.status("payments", 503) as status:
            assert http.get("/").status_code == 503
    assert (status.attempts, lab.attempts("payments")) == (1, 2)
    with pytest.raises(EvidenceMissing, match="unknown: effects on payments"):
        lab.effects("payments")


def test_built_in_services_start_when_asked_for(lab: Lab) -> None:
    """Nothing is started for a test that does not use it."""
    assert lab.attempts("core") == 0
    for service in ("core", "penelope"):
        url = lab.url(service)
        assert lab.url(service) == url
        assert httpx.get(f"{url}/health").status_code == 200


# --- the reference client ------------------------------------------------------------------------


async def waits(process: LabProcess, folder: Path, seed: int) -> list[float]:
    """What the reference client is asked to wait between three refused attempts."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    lab = Lab(partial(Embedded, process, {}), name="test", folder=folder, seed=seed)
    try:
        async with lab.client(sleep=sleep) as client:
            assert isinstance(client, MaximusClient)
            with lab.down("core") as down, pytest.raises(MaximusConnectionError):
                await client.health()
            assert down.attempts == 3
    finally:
        lab.close()
    return asked


@pytest.mark.asyncio
async def test_the_reference_client_is_tuned_and_its_jitter_is_the_seed_s(
    process: LabProcess, tmp_path: Path
) -> None:
    """Same seed, same waits: a failure comes back when its seed is given."""
    one = await waits(process, tmp_path / "1", 7)
    again = await waits(process, tmp_path / "2", 7)
    other = await waits(process, tmp_path / "3", 8)
    assert one == again != other
    assert 0.025 <= one[0] <= 0.05 <= one[1] <= 0.1


@pytest.mark.asyncio
async def test_the_reference_client_shows_no_cached_health(lab: Lab) -> None:
    """A cached answer would hide every fault that comes after it."""
    async with lab.client() as client:
        await client.health()
        await client.health()
    assert lab.attempts("core") == 2


def test_the_history_tells_everything_so_far(lab: Lab, http: httpx.Client) -> None:
    """What the counts are read from is there for the reader of a test, too."""
    http.post("/orders", json={"sku": "a"})
    history = lab.history
    assert sum(isinstance(event, EffectApplied) for event in history) == 1
    assert [attempt.target for attempt in read(history).strays] == ["/orders"]


def test_a_scope_and_a_schedule_are_keywords_of_every_way_to_fail(
    lab: Lab, http: httpx.Client
) -> None:
    """The same words as in a file; seconds are numbers."""
    with lab.status("orders", 503, every_nth=2) as status:
        assert [http.get("/orders/7").status_code for _ in range(4)] == [200, 503, 200, 503]
    assert status.fired == 2
    with lab.down("orders", live="reset", after="request") as down:
        with pytest.raises(httpx.ReadError):
            http.get("/orders/7")
        with pytest.raises(httpx.ConnectError):
            http.get("/orders/7")
    assert down.fired == 2


def test_a_fault_that_waits_for_a_breaker_needs_a_contract(lab: Lab) -> None:
    """Nothing in a test says when one is open; a fault that never comes would be blamed on it."""
    with pytest.raises(UsageError, match="needs a contract that says when a breaker opens"):
        lab.inject(Stall(service="orders", after="open"))


# --- stubs that are as the test says -------------------------------------------------------------


def test_a_stub_has_the_preset_and_honours_the_key_that_the_test_says(lab: Lab) -> None:
    """One effect for two requests with one key, and the counts agree with it."""
    lab.serve("core", {"preset": "degraded", "honours_idempotency_key": True})
    body = {"operator_id": "op-1", "operator_name": "Operator One"}
    with httpx.Client(base_url=lab.url("core"), trust_env=False, timeout=LONG) as http:
        assert http.get("/health").json()["status"] == "degraded"
        answers = [
            http.post(
                "/api/v1/governance/session/create", json=body, headers={"Idempotency-Key": key}
            ).json()["session_id"]
            for key in ("a", "a", "b")
        ]
    assert answers[0] == answers[1] != answers[2]
    assert (lab.attempts("core"), lab.effects("core")) == (4, 2)


def test_a_stream_of_events_passes_as_it_comes(lab: Lab) -> None:
    """Through the proxy, frame by frame; who leaves is no longer counted by the service."""
    governance = f"{lab.url('core')}/api/v1/governance"
    body = {"operator_id": "op-1", "operator_name": "Operator One"}
    with httpx.Client(trust_env=False, timeout=LONG) as http:
        session = http.post(f"{governance}/session/create", json=body).json()["session_id"]
        with http.stream("GET", f"{governance}/stream/op-1?session_id={session}") as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            events = (line for line in stream.iter_lines() if line.startswith("event: "))
            told = [next(events) for _ in range(4)]
            assert http.get(f"{governance}/health").json()["active_connections"] == 1
        assert told == ["event: connected", *["event: decision_pending"] * 3]
        limit = time.monotonic() + LONG
        while http.get(f"{governance}/health").json()["active_connections"]:
            assert time.monotonic() < limit


@pytest.mark.parametrize("scope", [{"attempt": 1}, {"operation": 2}])
def test_a_scope_that_goes_by_tags_is_refused_where_there_are_none(
    lab: Lab, scope: dict[str, int]
) -> None:
    """A fault that can't act would be reported as one that nobody met."""
    with pytest.raises(UsageError, match="picks by what requests say of themselves"):
        lab.status("orders", 503, **scope)
