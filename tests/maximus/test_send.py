import asyncio
import functools
import gzip
import inspect
from email.utils import formatdate

import httpx
import pytest

from maximus import (
    BreakerPolicy,
    MaximusAPIError,
    MaximusCircuitOpenError,
    MaximusConnectionError,
    MaximusDeadlineError,
    MaximusError,
    MaximusResponseError,
    MaximusTimeoutError,
    Policy,
)
from maximus.send import MAX_BODY

REFUSED = httpx.ConnectError("refused")
RESET = httpx.ReadError("reset")
EOF = httpx.RemoteProtocolError("server disconnected")


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in pieces; an exception among them is how it ends."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.read = 0
        self.closed = False

    async def __aiter__(self):
        """Give the pieces, or raise the exception among them."""
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            self.read += len(piece)
            yield piece

    async def aclose(self):
        """Note it."""
        self.closed = True


def _pieces(*pieces, status=200, **headers):
    headers = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return httpx.Response(status, headers=headers, stream=Pieces(*pieces))


@pytest.mark.parametrize("failure", [REFUSED, httpx.ConnectTimeout("slow")])
def test_what_was_never_sent_is_attempted_three_times_whatever_the_method(stage, failure):
    """A refused POST did nothing, so it may be repeated."""
    client = stage.client(failure, failure, failure)
    error = stage.fail(lambda: client.query("why?"))
    assert type(error) is MaximusConnectionError
    assert error.__cause__ is failure
    assert (error.attempts, len(stage.script.requests)) == (3, 3)
    assert (error.service, error.endpoint) == ("core", "POST /query")


@pytest.mark.parametrize(
    "failure",
    [
        RESET,
        EOF,
        httpx.WriteError("x"),
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        *(408, 429, 500, 502, 503, 504),
    ],
)
def test_a_later_failure_is_repeated_for_reads_and_not_for_writes(stage, failure):
    """The write may have been carried out."""
    client = stage.client(failure, failure, failure)
    assert stage.fail(client.health).attempts == 3
    client = stage.client(failure)
    assert stage.fail(lambda: client.query("why?")).attempts == 1
    assert len(stage.script.requests) == 1


def test_an_idempotency_key_makes_a_write_repeatable_and_stays_the_same(stage):
    """The service can then tell a repetition from a new order."""
    client = stage.client(503, RESET)
    answer = stage.run(lambda: client.query("why?", idempotency_key="k-1"))
    assert answer.final_response == "Reasoned."
    keys = [request.headers["Idempotency-Key"] for request in stage.script.requests]
    assert keys == ["k-1", "k-1", "k-1"]


def test_without_a_key_none_is_sent(stage):
    """It would promise what the caller did not."""
    client = stage.client()
    stage.run(lambda: client.query("why?"))
    assert "Idempotency-Key" not in stage.script.requests[0].headers


def test_every_attempt_carries_its_number_and_the_same_body(stage):
    """The record can tell attempts apart, the service needs not."""
    client = stage.client(REFUSED, REFUSED)
    context = {"depth": [1]}

    async def scene():
        asking = asyncio.ensure_future(client.query("why?", context=context))
        await asyncio.sleep(0.1)
        context["depth"].append(2)  # between the attempts
        await asking

    stage.run(scene)
    requests = stage.script.requests
    assert [request.headers["X-Maximus-Attempt"] for request in requests] == ["1", "2", "3"]
    assert {request.content for request in requests} == {
        b'{"query": "why?", "context": {"depth": [1]}}'
    }


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 409, 422, 501, 505])
def test_other_statuses_are_final(stage, status):
    """They would be the same the next time."""
    client = stage.client(stage.body({"detail": "no"}, status, location="http://else.where/"))
    error = stage.fail(client.health)
    assert type(error) is MaximusAPIError
    assert (error.status, error.detail, error.attempts) == (status, "no", 1)
    assert str(error).startswith(f"core: GET /health: status {status} (1 attempt, ")
    assert error.__cause__ is None


def test_a_redirect_to_nowhere_is_still_only_a_redirect(stage):
    """The library's own reading of Location must not turn it into a broken connection."""
    client = stage.client(stage.body(b"", 307, location="http://[broken:port/"))
    assert stage.fail(client.health).status == 307


def test_success_after_failures_is_a_success(stage):
    """That is what the attempts are for."""
    client = stage.client(REFUSED, 503)
    assert stage.run(client.health).status == "healthy"
    assert len(stage.script.requests) == 3


def test_waits_lie_in_the_promised_intervals(stage):
    """Half to the whole of 0.5 s, then of 1 s."""
    client = stage.client(REFUSED, REFUSED, REFUSED)
    error = stage.fail(client.health)
    first, second = stage.sleeps
    assert 0.25 <= first <= 0.5 <= second <= 1.0
    begun = stage.script.times
    assert [begun[1] - begun[0], begun[2] - begun[1]] == pytest.approx([first, second], abs=1e-6)
    assert error.elapsed == pytest.approx(first + second)


@pytest.mark.parametrize(
    ("header", "wait"), [("5", 5.0), (formatdate(1795408310, usegmt=True), 6.0)]
)
def test_retry_after_is_waited_for(stage, header, wait):
    """Whole seconds, or a date on the wall clock."""
    client = stage.client(stage.body({}, 503, retry_after=header), wall=lambda: 1795408304.0)
    stage.run(client.health)
    assert stage.sleeps == [wait]


def test_retry_after_beyond_its_cap_ends_the_operation_and_is_told(stage):
    """The caller may plan with it."""
    client = stage.client(stage.body({}, 503, retry_after="31"))
    error = stage.fail(client.health)
    assert (error.status, error.retry_after, error.attempts) == (503, 31.0, 1)
    assert stage.sleeps == []


def test_an_invalid_retry_after_is_as_if_absent(stage):
    """The backoff goes on alone."""
    client = stage.client(stage.body({}, 503, retry_after="soon"))
    stage.run(client.health)
    assert 0.25 <= stage.sleeps[0] <= 0.5


@pytest.mark.parametrize(
    ("phase", "attempts"), [("connect", 1), ("write", 1), ("read", 1), ("pool", 0)]
)
def test_the_deadline_cuts_an_attempt_and_says_in_which_phase(stage, phase, attempts):
    """A service that drips bytes passes every time-out but not the deadline."""
    client = stage.client(stage.hang(phase))
    error = stage.fail(client.health)
    assert type(error) is MaximusDeadlineError
    assert (error.phase, error.attempts) == (phase, attempts)
    assert error.elapsed == 40.0
    assert isinstance(error.__cause__, TimeoutError)


def test_the_deadline_includes_earlier_attempts_and_waits(stage):
    """It is the operation's, not an attempt's."""
    client = stage.client(stage.later(15, 503), stage.later(15, 503), stage.hang("read"))
    error = stage.fail(client.health)
    assert type(error) is MaximusDeadlineError
    assert (error.attempts, error.elapsed) == (3, 40.0)


def test_a_wait_that_would_pass_the_deadline_is_not_begun(stage):
    """The operation ends at once, with the last attempt's error."""

    async def late(request):
        await asyncio.sleep(15)
        return stage.body({}, 503, retry_after="30")

    client = stage.client(late)
    error = stage.fail(client.health)
    assert (type(error), error.status, error.elapsed) == (MaximusAPIError, 503, 15.0)
    assert stage.sleeps == []


def test_waking_up_too_late_begins_no_attempt(stage):
    """A blocked loop must not turn the deadline into a suggestion."""

    async def oversleep(seconds):
        await asyncio.sleep(seconds + 60.0)

    client = stage.client(503, sleep=oversleep)
    error = stage.fail(client.health)
    assert (type(error), error.attempts) == (MaximusAPIError, 1)


def test_the_callers_own_time_out_passes_through_untouched(stage):
    """Two clocks, two owners."""
    client = stage.client(stage.hang("read"))

    async def scene():
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(3.0):
                await client.health()
        return caught.value, stage.now()

    began = 1000.0
    error, ended = stage.run(scene)
    assert type(error) is TimeoutError
    assert ended - began == pytest.approx(3.0)


@pytest.mark.parametrize("moment", [0.1, 0.9])
def test_a_cancellation_propagates_at_once_from_attempt_and_from_wait(stage, moment):
    """Whoever cancels must not wait for retries."""
    client = stage.client(stage.later(0.8, 503), stage.hang("read"))

    async def scene():
        task = asyncio.ensure_future(client.health())
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), stage.now() - 1000.0

    cancelled, ended = stage.run(scene)
    assert cancelled
    assert ended == pytest.approx(moment)


def test_keyboard_interrupt_is_not_an_error_of_the_client(stage):
    """Ctrl-C ends the program."""

    async def interrupted(request):
        raise KeyboardInterrupt

    client = stage.client(interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.run(client.health)


@pytest.mark.parametrize("failure", [EOF, RESET])
def test_a_cut_body_is_a_broken_connection(stage, failure):
    """A 200 that ended early is no answer, and reads are repeated."""
    client = stage.client(*(_pieces(b'{"status": ', failure) for _ in range(3)))
    error = stage.fail(client.health)
    assert type(error) is MaximusConnectionError
    assert (error.attempts, error.__cause__) == (3, failure)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (_pieces(b"{oops"), "the body is not valid JSON"),
        (_pieces(), "the body is empty"),
        (_pieces(b"<html>", Content_Type="text/html"), "the content type is not JSON"),
        (_pieces(b"{}"), "wrong type or service: field status of CoreHealth is missing"),
        (_pieces(b"\xff"), "the body is not valid JSON"),
        (
            _pieces(b"no gzip", Content_Encoding="gzip"),
            "the body cannot be decoded (DecodingError)",
        ),
        (
            _pieces(gzip.compress(b'{"a": 1}')[:14], Content_Encoding="gzip"),
            "the body is not valid JSON",
        ),
    ],
)
def test_an_unusable_200_is_never_repeated(stage, response, reason):
    """The service did answer; asking again would hide that it answers wrongly."""
    client = stage.client(response)
    error = stage.fail(client.health)
    assert type(error) is MaximusResponseError
    assert (error.reason, error.attempts) == (reason, 1)


def test_a_body_is_read_up_to_its_limit_and_no_further(stage):
    """A runaway service must not fill the client's memory."""
    body = Pieces(*[b" " * (1024 * 1024)] * 50)
    response = httpx.Response(200, headers={"Content-Type": "application/json"}, stream=body)
    client = stage.client(response)
    error = stage.fail(client.health)
    assert type(error) is MaximusResponseError
    assert f"too large: more than {MAX_BODY} bytes" in error.reason
    assert body.read == 11 * 1024 * 1024
    assert body.closed


def test_a_status_is_told_even_if_its_body_is_damaged(stage):
    """The status says enough."""
    client = stage.client(
        _pieces(b"no gzip", status=404, Content_Encoding="gzip"),
        _pieces(*[b" " * (1024 * 1024)] * 50, status=404),
        _pieces(b"Not here", status=404),
    )

    async def scene():
        return [await stage.failing(client.health) for _ in range(3)]

    errors = stage.run(scene)
    assert [(error.status, error.detail) for error in errors] == [
        (404, ""),
        (404, ""),
        (404, "Not here"),
    ]


def _exceptions_of_httpx():
    for name, value in sorted(vars(httpx).items()):
        if inspect.isclass(value) and issubclass(value, Exception):
            error = value.__new__(value, f"secret of {name}")
            yield pytest.param(error, id=name)


@pytest.mark.parametrize(
    "failure",
    [*_exceptions_of_httpx(), OSError("secret"), RuntimeError("secret"), ValueError("secret")],
)
def test_nothing_but_a_maximus_error_leaves_the_client(stage, failure):
    """Whatever the transport raises, now or in a version to come."""
    client = stage.client(failure, failure, failure)
    error = stage.fail(client.health)
    assert isinstance(error, MaximusError)
    assert error.__cause__ is failure
    assert "secret" not in str(error)


def test_a_pool_time_out_is_a_time_out_without_an_attempt(stage):
    """Nothing was sent, and nothing is repeated: the client itself is the bottleneck."""
    client = stage.client(httpx.PoolTimeout("full"))
    error = stage.fail(client.health)
    assert type(error) is MaximusTimeoutError
    assert (error.phase, error.attempts, len(stage.script.requests)) == ("pool", 0, 1)


def test_who_finds_all_connections_busy_waits_his_turn_and_no_longer_than_promised(stage):
    """In order of coming; the pool of the transport may begin a wait anew, this one may not."""
    client = stage.client(stage.later(1.5), stage.later(1.5), policy=Policy(max_connections=1))
    ask = functools.partial(client.query, "Which?")
    ends = {}

    async def ending(name, call):
        error = await stage.failing(call) if name == "third" else await call()
        ends[name] = (type(error).__name__, stage.now() - 1000.0)

    async def scene():
        await asyncio.gather(
            ending("first", ask),
            ending("second", ask),
            ending("third", ask),
        )

    stage.run(scene)
    assert ends == {
        "first": ("QueryResponse", 1.5),
        "third": ("MaximusTimeoutError", 2.0),
        "second": ("QueryResponse", 3.0),
    }
    assert stage.script.times == [1000.0, 1001.5]


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_connection_is_given_back_however_an_attempt_ends(stage, how):
    """Else the next one would wait for it in vain."""
    move = stage.hang("read") if how == "cancelled" else RuntimeError("a bug")
    client = stage.client(move, policy=Policy(max_connections=1))

    async def scene():
        first = asyncio.ensure_future(stage.failing(client.consciousness.get_state))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await client.consciousness.get_state()

    assert stage.run(scene).system_health == "HEALTHY"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.query({1, 2}),
        lambda client: client.query("x", context={"odds": float("nan")}),
        lambda client: client.query("x", idempotency_key="k\u00e9y"),
        lambda client: client.governance.approve("..", session_id="s"),
        lambda client: client.governance.approve("", session_id="s"),
        lambda client: client.governance.approve("\ud800", session_id="s"),
    ],
)
def test_a_request_that_cannot_be_made_is_a_maximus_error_and_no_attempt(stage, call):
    """The caller's mistake must neither escape in another class nor count against the service."""
    client = stage.client(policy=Policy(breaker=BreakerPolicy(fail_max=1)))

    async def scene():
        error = await stage.failing(lambda: call(client))
        await client.query("fine")
        return error

    error = stage.run(scene)
    assert type(error) is MaximusError
    assert (error.attempts, len(stage.script.requests)) == (0, 1)


async def _fail(stage, call, times):
    return [await stage.failing(call) for _ in range(times)]


def test_five_lost_operations_open_the_service_and_the_sixth_is_not_sent(stage):
    """The promise, in its own words."""
    client = stage.client(*[REFUSED] * 16)

    async def scene():
        errors = await _fail(stage, client.health, 6)
        await asyncio.sleep(30.0)
        return [*errors, await stage.failing(client.consciousness.get_state)]

    *lost, rejected, probe = stage.run(scene)
    assert [(type(error), error.attempts) for error in lost] == [(MaximusConnectionError, 3)] * 5
    assert type(rejected) is MaximusCircuitOpenError
    assert (rejected.scope, rejected.attempts) == ("service", 0)
    assert rejected.retry_in == pytest.approx(30.0)
    assert rejected.elapsed == 0.0
    assert (type(probe), probe.attempts) == (MaximusConnectionError, 1)
    assert len(stage.script.requests) == 16


def test_a_sick_endpoint_leaves_the_others_open(stage):
    """Five operations of three 500s each."""
    client = stage.client(*[500] * 15)

    async def scene():
        await _fail(stage, client.health, 5)
        return await stage.failing(client.health), await client.consciousness.get_state()

    rejected, state = stage.run(scene)
    assert (type(rejected), rejected.scope) == (MaximusCircuitOpenError, "endpoint")
    assert state.system_health == "HEALTHY"


def test_an_operation_counts_by_its_last_attempt_alone(stage):
    """Refused, refused, answered: the service can be reached."""
    client = stage.client(*[REFUSED, REFUSED, 404] * 6)

    async def scene():
        return await _fail(stage, client.health, 6)

    assert [error.status for error in stage.run(scene)] == [404] * 6


@pytest.mark.parametrize("last", [404, 429, 408])
def test_statuses_below_500_keep_both_circuits_closed(stage, last):
    """Six of them: an answer is an answer."""
    client = stage.client(*[last] * 18)

    async def scene():
        return await _fail(stage, client.health, 6)

    assert {error.status for error in stage.run(scene)} == {last}


ONE_STRIKE = Policy(breaker=BreakerPolicy(fail_max=1))


@pytest.mark.parametrize(
    ("moves", "scope"),
    [
        (("hang:connect",), "service"),
        (("hang:read",), "endpoint"),
        (("hang:write",), "endpoint"),
        (("hang:pool",), None),
        ((httpx.PoolTimeout("full"),), None),
        ((RuntimeError("local"),), None),
        ((httpx.ReadTimeout("x"),) * 3, "endpoint"),
        ((EOF,) * 3, "endpoint"),
        ((503,) * 3, "endpoint"),
        ((_pieces(b"{oops"),), "endpoint"),
    ],
)
def test_each_ending_counts_where_it_is_promised_to(stage, moves, scope):
    """With a single strike the next operation shows what was counted."""
    moves = [stage.hang(m.partition(":")[2]) if isinstance(m, str) else m for m in moves]
    client = stage.client(*moves, policy=ONE_STRIKE)

    async def scene():
        await stage.failing(client.health)
        try:
            return await client.health()
        except MaximusCircuitOpenError as error:
            return error.scope

    seen = stage.run(scene)
    assert seen == scope if scope is not None else seen.status == "healthy"


@pytest.mark.parametrize("ending", ["cancel", "time-out"])
def test_the_callers_endings_count_nowhere(stage, ending):
    """A hasty caller must not close the door for the others."""
    client = stage.client(REFUSED, stage.hang("connect"), policy=ONE_STRIKE)

    async def scene():
        task = asyncio.ensure_future(client.health())
        if ending == "cancel":
            await asyncio.sleep(1.0)
            task.cancel()
            await asyncio.wait([task])
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(task, 1.0)
        return await client.health()

    assert stage.run(scene).status == "healthy"


def test_when_the_time_is_over_one_of_ten_is_sent(stage):
    """Recovery must not begin with a stampede."""
    client = stage.client(REFUSED, REFUSED, REFUSED, stage.later(1.0), policy=ONE_STRIKE)

    async def scene():
        await stage.failing(client.governance.get_pending)
        await asyncio.sleep(30.0)
        ten = await asyncio.gather(
            *(client.governance.get_pending() for _ in range(10)), return_exceptions=True
        )
        return ten, await client.governance.get_pending()

    ten, after = stage.run(scene)
    rejected = [answer for answer in ten if isinstance(answer, MaximusCircuitOpenError)]
    assert len(rejected) == 9
    assert {(error.retry_in, error.elapsed) for error in rejected} == {(0.0, 0.0)}
    assert after.total_pending == 3
    assert len(stage.script.requests) == 3 + 1 + 1


def test_a_cancelled_probe_leaves_room_for_the_next(stage):
    """The permit comes back, though nothing was learnt."""
    client = stage.client(REFUSED, REFUSED, REFUSED, stage.hang("read"), policy=ONE_STRIKE)

    async def scene():
        await stage.failing(client.health)
        await asyncio.sleep(30.0)
        probe = asyncio.ensure_future(client.health())
        await asyncio.sleep(1.0)
        probe.cancel()
        await asyncio.wait([probe])
        return await client.health()

    assert stage.run(scene).status == "healthy"


def test_operations_admitted_before_a_trip_keep_their_attempts_and_are_dropped(stage):
    """Their late success neither closes the circuit nor moves the time of its opening."""
    client = stage.client(stage.later(5.0, 503), *[REFUSED] * 3, 503, policy=ONE_STRIKE)

    async def scene():
        early = asyncio.ensure_future(client.health())
        await asyncio.sleep(0.1)
        await stage.failing(client.consciousness.get_state)
        opened = stage.now()
        await early
        left = (await stage.failing(client.governance.get_pending)).retry_in
        return left - (opened + 30.0 - stage.now())

    assert stage.run(scene) == pytest.approx(0.0)
    assert stage.script.requests[-1].headers["X-Maximus-Attempt"] == "3"
