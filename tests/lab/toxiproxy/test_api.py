from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultlab.lab.toxiproxy.api import Api, Reply, Request, request_ids
from faultlab.lab.toxiproxy.proxy import Options, Proxies

if TYPE_CHECKING:
    from .conftest import FakeNet  # type: ignore[import-not-found]


def ask(api: Api, method: str, target: str, body: Any = None, agent: str = "") -> Reply:
    """One request; a body that isn't bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.answer(Request(method, target, data, agent))


@pytest.fixture
def api(net: FakeNet) -> Api:
    """Without proxies."""
    return Api(Proxies(net, Options()))


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/proxies", 200),
        ("GET", "http://host/proxies?x=/y", 200),
        ("GET", "/proxies/", 404),
        ("GET", "/PROXIES", 404),
        ("GET", "", 301),
        ("GET", "proxies", 301),
        ("GET", "//proxies", 301),
        ("GET", "/x/../proxies", 301),
        ("PUT", "/proxies", 405),
        ("get", "/proxies", 405),
        ("GET", "/proxies/%ff", 404),
        ("GET", "/proxies/a/toxics/b/c", 404),
    ],
)
def test_routes(api: Api, method: str, target: str, status: int) -> None:
    """Whatever stands in a request line, an answer comes."""
    assert ask(api, method, target).status == status


def test_ids_have_twenty_characters_and_never_repeat() -> None:
    """Also beyond one letter."""
    ids = [*islice(request_ids(5), 2000)]
    assert len(set(ids)) == 2000
    assert {len(one) for one in ids} == {20}


def test_browsers_are_kept_out_of_matched_routes(api: Api) -> None:
    """A page must not drive a control API on loopback."""
    assert ask(api, "POST", "/reset", agent="Mozilla/5.0").status == 403
    assert ask(api, "POST", "/x", agent="Mozilla/5.0").status == 404


def test_text_that_html_or_scripts_could_take_is_escaped(api: Api) -> None:
    """Byte for byte as the original answers."""
    ask(api, "POST", "/proxies", {"name": "<a&\u2028é>", "upstream": "u", "enabled": False})
    assert b'"name":"\\u003ca\\u0026\\u2028\xc3\xa9\\u003e"' in ask(api, "GET", "/proxies").body


def test_strict_ways_show_the_logger_and_know_no_packet_loss(net: FakeNet) -> None:
    """What 2.12 has, and no more."""
    api = Api(Proxies(net, Options(strict=True)))
    told = ask(api, "POST", "/proxies", {"name": "p", "upstream": "u", "enabled": False})
    assert [*json.loads(told.body)] == [
        *("name", "listen", "upstream", "enabled", "Logger", "toxics")
    ]
    assert ask(api, "POST", "/proxies/p/toxics", {"type": "packet_loss"}).status == 400
    assert ask(api, "POST", "/proxies/p/toxics", {"type": "bandwidth", "attributes": {"rate": -1}})


def test_a_config_that_fails_tells_what_it_made(api: Api, net: FakeNet) -> None:
    """The second entry has the port of the first."""
    entries = [
        {"name": "a", "upstream": "u", "listen": ":7"},
        {"name": "b", "upstream": "u", "listen": ":7"},
    ]
    told = ask(api, "POST", "/populate", entries)
    assert told.status == 409
    assert [one["name"] for one in json.loads(told.body)["proxies"]] == ["a"]
    assert [*net.listeners] == [7]


# --- against an obvious model --------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
CALLS = st.one_of(
    st.tuples(st.just("create"), NAMES, st.booleans()),
    st.tuples(st.just("enable"), NAMES, st.booleans()),
    st.tuples(st.just("delete"), NAMES, st.none()),
    st.tuples(
        st.just("add"), NAMES, st.tuples(st.sampled_from("xyz"), st.sampled_from(["up", "down"]))
    ),
    st.tuples(st.just("remove"), NAMES, st.sampled_from("xyz")),
    st.tuples(st.just("update"), NAMES, st.tuples(st.sampled_from("xyz"), st.integers(0, 9))),
    st.tuples(st.just("reset"), NAMES, st.none()),
)

Model = dict[str, tuple[bool, dict[str, tuple[str, int]]]]


def play(api: Api, model: Model, call: tuple[str, str, Any]) -> tuple[int, int]:
    """One call, on both; the statuses that were given and expected."""
    what, name, value = call
    path = f"/proxies/{name}"
    known = model.get(name)
    match what:
        case "create":
            body = {"name": name, "upstream": "u:1", "enabled": value}
            got = ask(api, "POST", "/proxies", body).status
            if known is not None:
                return got, 409
            model[name] = (value, {})
            return got, 201
        case "enable":
            got = ask(api, "PATCH", path, {"enabled": value}).status
            if known is not None:
                model[name] = (value, known[1])
        case "delete":
            got = ask(api, "DELETE", path).status
            return got, 404 if model.pop(name, None) is None else 204
        case "add":
            toxic, stream = value
            body = {"name": toxic, "type": "latency", "stream": f"{stream}stream"}
            got = ask(api, "POST", f"{path}/toxics", body).status
            if known is not None and toxic in known[1]:
                return got, 409
            if known is not None:
                known[1][toxic] = (stream, 0)
        case "remove":
            got = ask(api, "DELETE", f"{path}/toxics/{value}").status
            gone = known is None or known[1].pop(value, None) is None
            return got, 404 if gone else 204
        case "update":
            toxic, latency = value
            body = {"attributes": {"latency": latency}}
            got = ask(api, "POST", f"{path}/toxics/{toxic}", body).status
            if known is None or toxic not in known[1]:
                return got, 404
            known[1][toxic] = (known[1][toxic][0], latency)
        case _:
            got = ask(api, "POST", "/reset").status
            model.update({one: (True, {}) for one in model})
            return got, 204
    return got, 404 if known is None else 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=40))
def test_random_calls_do_what_an_obvious_model_says(
    net: FakeNet, calls: list[tuple[str, str, Any]]
) -> None:
    """Whatever the order; and a port for each proxy that is enabled, no more."""
    net.listeners.clear()
    api, model = Api(Proxies(net, Options())), {}
    for call in calls:
        got, expected = play(api, model, call)
        assert got == expected, call
    shown = json.loads(ask(api, "GET", "/proxies").body)
    assert {
        name: (
            one["enabled"],
            [(t["name"], t["stream"], t["attributes"]["latency"]) for t in one["toxics"]],
        )
        for name, one in shown.items()
    } == {
        name: (
            enabled,
            [
                (toxic, f"{stream}stream", latency)
                for side in ("up", "down")
                for toxic, (stream, latency) in toxics.items()
                if stream == side
            ],
        )
        for name, (enabled, toxics) in model.items()
    }
    assert len(net.listeners) == sum(enabled for enabled, _ in model.values())
