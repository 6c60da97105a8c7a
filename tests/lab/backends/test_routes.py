"""What a stub answers, as values."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.routes import Reply, Request, Routes, json_reply

NOT_FOUND = Reply(404, b'{"detail":"Not Found"}')
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def answered(replies: dict[str, object], method: str, target: str) -> Reply:
    """The reply of these routes to one request."""
    return Routes(replies).answer(Request(method, target))


def problems(replies: dict[object, object]) -> list[str]:
    """What is refused about these routes, a line each."""
    with pytest.raises(ValueError, match=r"^routes:") as refused:
        Routes(replies)  # type: ignore[arg-type]  # some keys are wrong on purpose
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


# --- replies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reply"),
    [
        ({"id": 7}, Reply(200, b'{"id":7}')),
        ("seven", Reply(200, b'"seven"')),
        (None, Reply(200, b"null")),
        ([1, 2, 3], Reply(200, b"[1,2,3]")),
        (["a", "b"], Reply(200, b'["a","b"]')),
        ([True, 1], Reply(200, b"[true,1]")),
        ("ä", Reply(200, '"ä"'.encode())),
        ([201, {"id": 8}], Reply(201, b'{"id":8}')),
        ((503, None), Reply(503, b"null")),
        ([200, [404, "x"]], Reply(200, b'[404,"x"]')),
        ([204, None], Reply(204, content_type=None)),
    ],
)
def test_a_value_or_a_status_with_a_value(value: object, reply: Reply) -> None:
    """The two written forms must never be taken for one another."""
    assert answered({"GET /x": value}, "GET", "/x") == reply


@given(value=JSON)
def test_every_json_value_comes_back(value: object) -> None:
    """A stub serves what its author wrote, whatever that is."""
    reply = answered({"GET /x": [200, value]}, "GET", "/x")
    assert json.loads(reply.body) == value


def test_a_function_answers_with_what_stood_in_the_path() -> None:
    """State needs a place that isn't the table of routes."""
    replies = {
        "GET /orders/{order}/lines/{line}": lambda request: json_reply(
            200, [request.parameter("order"), request.parameter("line")]
        )
    }
    assert answered(replies, "GET", "/orders/7/lines/a%20b?x=1") == Reply(200, b'["7","a b"]')


# --- matching ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/orders/open", b'"literal"'),
        ("/orders/7", b'"parameter"'),
        ("/orders/7?x=/orders/open", b'"parameter"'),
        ("/orders/open/lines", b'"left literal"'),
        ("/orders/7/lines", b'"right literal"'),
        ("/orders/a%2Fb", b'"parameter"'),
        ("http://127.0.0.1:80/orders/open", b'"literal"'),
    ],
)
def test_the_most_specific_path_wins(target: str, body: bytes) -> None:
    """Order of writing decides nothing: a mapping has none that a reader would think of."""
    replies: dict[str, object] = {
        "GET /orders/{id}": "parameter",
        "GET /orders/open": "literal",
        "GET /orders/{id}/lines": "right literal",
        "GET /orders/open/{part}": "left literal",
    }
    assert answered(replies, "GET", target).body == body


@pytest.mark.parametrize("target", ["/", "/orders", "/orders/", "/orders/7/", "*", "", "http://x"])
def test_another_path_is_not_found(target: str) -> None:
    """A parameter stands for one segment that isn't empty."""
    assert answered({"GET /orders/{id}": 1}, "GET", target) == NOT_FOUND


def test_another_method_is_not_allowed() -> None:
    """RFC 9110 15.5.6 wants the methods that are."""
    replies: dict[str, object] = {"GET /orders": [], "POST /orders": {}, "PUT /orders/{id}": {}}
    assert answered(replies, "DELETE", "/orders") == Reply(
        405, b'{"detail":"Method Not Allowed"}', headers=(("allow", "GET, HEAD, POST"),)
    )


def test_a_method_finds_its_less_specific_route() -> None:
    """`POST /orders/open` must not hide `GET /orders/{id}`."""
    replies: dict[str, object] = {"POST /orders/open": 1, "GET /orders/{id}": 2}
    assert answered(replies, "GET", "/orders/open").body == b"2"


def test_head_has_the_route_of_get_unless_it_has_its_own() -> None:
    """RFC 9110 9.3.2."""
    replies: dict[str, object] = {"GET /x": 1, "GET /y": 2, "HEAD /y": 3}
    assert [answered(replies, "HEAD", path).body for path in ("/x", "/y")] == [b"1", b"3"]


def test_endpoints_are_named_by_their_template() -> None:
    """Effects of one endpoint are counted together, whatever the id."""
    routes = Routes({"GET /orders/{id}": 1, "POST /orders": 2})
    assert routes.endpoint_of("GET", "/orders/7?full=1") == "GET /orders/{id}"
    assert routes.endpoint_of("POST", "/orders/7") is None
    assert routes.endpoints == ("GET /orders/{id}", "POST /orders")


@given(target=st.text())
def test_no_target_breaks_the_routes(target: str) -> None:
    """What a client sends is never the stub's crash."""
    assert answered({"GET /orders/{id}": 1}, "GET", target).status in (200, 404)


# --- nonsense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        (
            "FETCH /x",
            1,
            (
                "'FETCH /x': FETCH is no method;"
                " one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE"
            ),
        ),
        ("get /x", 1, "'get /x': get is no method; write GET"),
        ("GET x", 1, "'GET x': the path 'x' must begin with a slash"),
        ("/x", 1, "'/x': no route; write 'METHOD /path', for example 'GET /orders/{id}'"),
        (7, 1, "7: no route; write 'METHOD /path', for example 'GET /orders/{id}'"),
        ("GET /x?y=1", 1, "'GET /x?y=1': a route has a path only, no query and no fragment"),
        ("GET /x#y", 1, "'GET /x#y': a route has a path only, no query and no fragment"),
        (
            "GET /{id}.json",
            1,
            "'GET /{id}.json': '{id}.json' is no parameter; write a whole segment {name}",
        ),
        ("GET /{a}/{a}", 1, "'GET /{a}/{a}': the parameter 'a' stands twice"),
        (
            "GET /x",
            [999, {}],
            (
                "'GET /x': 999 is no status of an answer, 200 to 599;"
                " a list is written [200, [999, ...]]"
            ),
        ),
        (
            "GET /x",
            [100, {}],
            (
                "'GET /x': 100 is no status of an answer, 200 to 599;"
                " a list is written [200, [100, ...]]"
            ),
        ),
        ("GET /x", [204, {}], "'GET /x': a 204 has no body; write [204, null]"),
        (
            "GET /x",
            {1, 2},
            "'GET /x': the reply is no JSON value: Object of type set is not JSON serializable",
        ),
    ],
)
def test_nonsense_is_refused_by_name(key: object, value: object, problem: str) -> None:
    """The message names the place and what was expected."""
    assert problems({key: value}) == [problem]


def test_a_number_that_json_lacks_is_refused() -> None:
    """NaN in an answer breaks strict readers, and would look like a fault."""
    assert [line.partition(": ")[0] for line in problems({"GET /x": float("nan")})] == ["'GET /x'"]


def test_all_problems_come_at_once() -> None:
    """One run of the command must be enough to mend the file."""
    assert problems({"FETCH x": 1, "GET /a/{b}": 1, "GET /a/{c}": 2, "GET /y": [204, 1]}) == [
        "'FETCH x': FETCH is no method; one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE",
        "'FETCH x': the path 'x' must begin with a slash",
        "'GET /y': a 204 has no body; write [204, null]",
        "'GET /a/{c}': the same requests as 'GET /a/{b}'",
    ]


def test_no_routes_are_no_service() -> None:
    """An empty table is a slip of the pen, not a wish for 404s."""
    assert problems({}) == ['expected {"METHOD /path": reply, ...}, one route at least']


# --- keys, and paths with a slash ----------------------------------------------------------------


def counting() -> Routes:
    """A route that answers with how often it was carried out, and one that refuses once."""
    count = itertools.count(1)
    refused = iter([409, 201, 201])
    return Routes(
        {
            "POST /orders": lambda _request: json_reply(201, next(count)),
            "POST /others": lambda _request: json_reply(next(refused), None),
            "PUT /orders": lambda _request: json_reply(200, next(count)),
        },
        honours_idempotency_key=True,
    )


def keyed(method: str, target: str, key: str | None) -> Request:
    """A request with a key."""
    return Request(method, target, () if key is None else (("idempotency-key", key),))


def test_the_same_key_gets_the_first_answer() -> None:
    """Once carried out, once counted; the query string is no part of the name."""
    routes = counting()
    bodies = [
        routes.answer(keyed("POST", target, key)).body
        for target, key in (
            ("/orders", "a"),
            ("/orders?x=1", "a"),
            ("/orders", "b"),
            ("/orders", None),
            ("/orders", None),
            ("/orders", "a"),
        )
    ]
    assert bodies == [b"1", b"1", b"2", b"3", b"4", b"1"]
    assert routes.answer(keyed("POST", "/orders", "a")).repeated
    assert not routes.answer(keyed("POST", "/orders", "c")).repeated


def test_a_refusal_does_not_use_up_a_key() -> None:
    """What had no effect may be tried again."""
    routes = counting()
    seen = [routes.answer(keyed("POST", "/others", "a")).status for _ in range(3)]
    assert seen == [409, 201, 201]


def test_an_idempotent_method_needs_no_key() -> None:
    """It is carried out each time, as without one."""
    routes = counting()
    assert [routes.answer(keyed("PUT", "/orders", "a")).body for _ in range(2)] == [b"1", b"2"]


def test_keys_mean_nothing_unless_told() -> None:
    """As the services of the field have it."""
    count = itertools.count(1)
    routes = Routes({"POST /orders": lambda _request: json_reply(201, next(count))})
    assert [routes.answer(keyed("POST", "/orders", "a")).body for _ in range(2)] == [b"1", b"2"]


def test_a_slash_decides_unless_told_to_redirect() -> None:
    """A stub from routes serves what was written and nothing beside it."""
    assert Routes({"GET /x": 1}).answer(Request("GET", "/x/")).status == 404
    moved = Routes({"GET /x/": 1}, redirects=True).answer(Request("GET", "/x?a=1"))
    assert moved == Reply(307, content_type=None, headers=(("location", "/x/?a=1"),))
