import inspect
import ssl

import httpx
import pytest

from maximus.failure import (
    AnswerError,
    Failure,
    Kind,
    Vote,
    Votes,
    cut_by_deadline,
    phase_of,
    translate,
    votes,
)

REQUEST = httpx.Request("GET", "http://core/health")

KINDS = {
    "ConnectError": Kind.CONNECT,
    "ConnectTimeout": Kind.CONNECT,
    "ProxyError": Kind.CONNECT,
    "CloseError": Kind.BROKEN,
    "NetworkError": Kind.BROKEN,
    "ProtocolError": Kind.BROKEN,
    "ReadError": Kind.BROKEN,
    "RemoteProtocolError": Kind.BROKEN,
    "TransportError": Kind.BROKEN,
    "WriteError": Kind.BROKEN,
    "ReadTimeout": Kind.TIMEOUT,
    "TimeoutException": Kind.TIMEOUT,
    "WriteTimeout": Kind.TIMEOUT,
    "PoolTimeout": Kind.POOL,
    "DecodingError": Kind.UNUSABLE,
    "CookieConflict": Kind.LOCAL,
    "HTTPError": Kind.LOCAL,
    "HTTPStatusError": Kind.LOCAL,
    "InvalidURL": Kind.LOCAL,
    "LocalProtocolError": Kind.LOCAL,
    "RequestError": Kind.LOCAL,
    "RequestNotRead": Kind.LOCAL,
    "ResponseNotRead": Kind.LOCAL,
    "StreamClosed": Kind.LOCAL,
    "StreamConsumed": Kind.LOCAL,
    "StreamError": Kind.LOCAL,
    "TooManyRedirects": Kind.LOCAL,
    "UnsupportedProtocol": Kind.LOCAL,
}


def test_every_exception_of_httpx_has_a_translation():
    """A new one in httpx must be judged before it is met in the field."""
    exceptions = {
        name
        for name, value in vars(httpx).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert exceptions == set(KINDS)


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_each_is_translated_into_its_kind(name, kind):
    """Retry, breakers and the error's class all follow from the kind."""
    exception = getattr(httpx, name)
    error = exception.__new__(exception, "secret")
    failure = translate(error, "read")
    assert failure.kind is kind
    assert failure.cause is error
    assert name in failure.reason
    assert "secret" not in failure.reason


@pytest.mark.parametrize(
    ("error", "phase", "kind"),
    [
        (ssl.SSLError("bad"), "connect", Kind.CONNECT),
        (OSError("bad"), "pool", Kind.CONNECT),
        (ConnectionResetError("bad"), "write", Kind.BROKEN),
        (TimeoutError("bad"), "read", Kind.BROKEN),
        (AnswerError("the body is empty"), "read", Kind.UNUSABLE),
        (UnicodeEncodeError("ascii", "x", 0, 1, "bad"), "pool", Kind.LOCAL),
        (RuntimeError("closed"), "pool", Kind.LOCAL),
    ],
)
def test_what_the_transport_lets_through_is_translated_too(error, phase, kind):
    """Nothing but MaximusError may leave the client."""
    assert translate(error, phase).kind is kind


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (httpx.PoolTimeout("x"), "pool"),
        (httpx.WriteTimeout("x"), "write"),
        (httpx.ReadTimeout("x"), "read"),
    ],
)
def test_a_time_out_knows_its_phase(error, phase):
    """It becomes `.phase` of the error."""
    assert translate(error, "connect").phase == phase


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        ("pool", Kind.POOL),
        ("connect", Kind.CONNECT),
        ("write", Kind.TIMEOUT),
        ("read", Kind.TIMEOUT),
    ],
)
def test_the_deadline_counts_like_the_attempt_that_it_cut(phase, kind):
    """A hanging connect speaks against the service, a hanging answer against the endpoint."""
    cause = TimeoutError()
    failure = cut_by_deadline(phase, cause)
    assert (failure.kind, failure.phase, failure.cut) == (kind, phase, True)
    assert failure.cause is cause


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        ("connection.connect_tcp.started", "connect"),
        ("connection.connect_unix_socket.started", "connect"),
        ("connection.start_tls.started", "connect"),
        ("connection.retry.started", None),
        ("connection.close.started", None),
        ("http11.send_request_headers.started", "write"),
        ("http11.send_request_body.complete", "write"),
        ("http11.receive_response_headers.started", "read"),
        ("http11.receive_response_body.started", "read"),
        ("http11.response_closed.started", None),
        ("", None),
    ],
)
def test_the_transports_trace_tells_the_phase(event, phase):
    """httpcore names its steps; these are the ones that an attempt passes through."""
    assert phase_of(event) == phase


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, Votes(service=Vote.SUCCESS, endpoint=Vote.SUCCESS)),
        (Failure(kind=Kind.CONNECT, reason=""), Votes(service=Vote.FAILURE)),
        (
            Failure(kind=Kind.BROKEN, reason=""),
            Votes(service=Vote.SUCCESS, endpoint=Vote.FAILURE),
        ),
        (
            Failure(kind=Kind.TIMEOUT, reason=""),
            Votes(service=Vote.SUCCESS, endpoint=Vote.FAILURE),
        ),
        (
            Failure(kind=Kind.UNUSABLE, reason=""),
            Votes(service=Vote.SUCCESS, endpoint=Vote.FAILURE),
        ),
        (Failure(kind=Kind.POOL, reason=""), Votes()),
        (Failure(kind=Kind.LOCAL, reason=""), Votes()),
    ],
)
def test_each_kind_votes_in_the_two_breakers(last, expected):
    """The service's breaker asks for reach, the endpoint's for health."""
    assert votes(last) == expected


@pytest.mark.parametrize(
    ("status", "endpoint"),
    [
        (301, Vote.SUCCESS),
        (404, Vote.SUCCESS),
        (408, Vote.SUCCESS),
        (429, Vote.SUCCESS),
        (499, Vote.SUCCESS),
        (500, Vote.FAILURE),
        (503, Vote.FAILURE),
        (599, Vote.FAILURE),
        (600, Vote.FAILURE),
        (101, Vote.FAILURE),
    ],
)
def test_a_status_is_reach_always_and_health_below_500(status, endpoint):
    """Six 404s must leave both breakers closed."""
    failure = Failure(kind=Kind.STATUS, reason="", status=status)
    assert votes(failure) == Votes(service=Vote.SUCCESS, endpoint=endpoint)
