"""The control API as clients use it: paths, orders, statuses and shapes."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from faultlab.lab.toxiproxy import differences

if TYPE_CHECKING:
    from .conftest import Server  # type: ignore[import-not-found]

pytestmark = pytest.mark.wire

TYPES = {
    "latency": ["latency", "jitter"],
    "bandwidth": ["rate"],
    "slow_close": ["delay"],
    "timeout": ["timeout"],
    "reset_peer": ["timeout"],
    "slicer": ["average_size", "size_variation", "delay"],
    "limit_data": ["bytes"],
    "noop": [],
}


def error(server: Server, method: str, path: str, body: Any, status: int) -> str:
    """The message of a call that must be refused so."""
    refused = server.call(method, path, body, status)
    assert list(refused)[:2] == ["error", "status"]
    assert refused["status"] == status
    return str(refused["error"])


@pytest.mark.conformance("C01")
def test_version_has_a_type_and_a_shape_of_its_own(server: Server) -> None:
    """Clients wait for a server by asking for its version."""
    response = server.http.get("/version")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json;charset=utf-8"
    assert response.text.startswith('{"version": "')
    assert response.text.endswith('"}\n')


@pytest.mark.conformance("C02")
def test_an_empty_index_is_an_object(server: Server) -> None:
    """A client that finds a list there breaks."""
    response = server.http.get("/proxies")
    assert response.text == "{}"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.conformance("C03")
def test_a_new_proxy_is_told_with_its_bound_address(server: Server) -> None:
    """Port 0 is the only way to a port that nobody else has."""
    made = server.call(
        "POST", "/proxies", {"name": "p", "listen": "localhost:0", "upstream": "u:1"}, 201
    )
    assert ("there" if "Logger" in made else "absent") == server.of(differences.LOGGER)
    assert made.pop("Logger", {}) == {}
    host, _, port = made.pop("listen").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert made == {"name": "p", "upstream": "u:1", "enabled": True, "toxics": []}


@pytest.mark.conformance("C03")
def test_without_an_address_it_listens_everywhere_or_on_loopback(server: Server) -> None:
    """The lab binds to loopback unless told otherwise; the original doesn't."""
    made = server.call("POST", "/proxies", {"name": "p", "upstream": "u:1"}, 201)
    assert made["listen"].rpartition(":")[0] == server.of(differences.EVERY)


@pytest.mark.conformance("C03")
def test_a_disabled_proxy_keeps_its_text(server: Server) -> None:
    """Nothing is bound, so nothing is resolved."""
    made = server.proxy(listen="localhost:0", enabled=False)
    assert (made["listen"], made["enabled"]) == ("localhost:0", False)


@pytest.mark.conformance("C04")
def test_a_proxy_is_refused_in_the_documented_order(server: Server) -> None:
    """Clients tell the cases apart by status and message."""
    server.proxy("p")
    assert error(server, "POST", "/proxies", "", 400) == "bad request body: EOF"
    assert error(server, "POST", "/proxies", '{"name": 1}', 400).startswith("bad request body: ")
    assert error(server, "POST", "/proxies", {}, 400) == "missing required field: name"
    assert (
        error(server, "POST", "/proxies", {"name": "p"}, 400) == "missing required field: upstream"
    )
    twice = {"name": "p", "upstream": "u:1", "listen": "nonsense"}
    assert error(server, "POST", "/proxies", twice, 409) == "proxy already exists"
    nonsense = {"name": "q", "upstream": "u:1", "listen": "nonsense"}
    unusable = int(server.of(differences.UNUSABLE))
    assert (
        error(server, "POST", "/proxies", nonsense, unusable)
        == "listen tcp: address nonsense: missing port in address"
    )
    assert list(server.call("GET", "/proxies")) == ["p"]


@pytest.mark.conformance("C04")
def test_a_port_that_is_taken_is_said(server: Server) -> None:
    """The commonest mistake of all."""
    taken = server.proxy("p")["listen"]
    again = {"name": "q", "upstream": "u:1", "listen": taken}
    text = error(server, "POST", "/proxies", again, int(server.of(differences.TAKEN)))
    assert text == f"listen tcp {taken}: bind: address already in use"


@pytest.mark.conformance("C05")
def test_show_one_or_none(server: Server) -> None:
    """What was made can be asked for."""
    made = server.proxy("p")
    assert server.call("GET", "/proxies/p") == made
    assert error(server, "GET", "/proxies/q", None, 404) == "proxy not found"
    assert server.call("GET", "/proxies") == {"p": made}


@pytest.mark.conformance("C05")
def test_names_may_hold_anything_but_a_slash(server: Server) -> None:
    """They are names of services, written by people."""
    server.proxy("a b<é>")
    assert server.call("GET", "/proxies/a%20b%3C%C3%A9%3E")["name"] == "a b<é>"
    assert "\\u003c" in server.http.get("/proxies").text
    server.call("DELETE", "/proxies/a%20b%3C%C3%A9%3E", status=204)


@pytest.mark.conformance("C06", "C07")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_changes_only_what_it_names(server: Server, method: str) -> None:
    """Clients send partial objects, and all of them with the name in it."""
    made = server.proxy("p")
    off = server.call(method, "/proxies/p", {"name": "q", "enabled": False})
    assert off == {**made, "enabled": False}
    moved = server.call(method, "/proxies/p", {"upstream": "v:2"})
    assert moved == {**made, "enabled": False, "upstream": "v:2"}
    on = server.call(method, "/proxies/p", {"enabled": True, "toxics": [1]})
    assert on == {**made, "upstream": "v:2"}
    elsewhere = server.call(method, "/proxies/p", {"listen": "127.0.0.1:0"})
    assert elsewhere["listen"] != made["listen"]
    assert error(server, method, "/proxies/q", {}, 404) == "proxy not found"


@pytest.mark.conformance("C06")
def test_an_update_to_no_address_changes_nothing(server: Server) -> None:
    """A slip of the pen must not cost the proxy."""
    made = server.proxy("p")
    unusable = int(server.of(differences.UNUSABLE))
    text = error(server, "POST", "/proxies/p", {"listen": "nonsense"}, unusable)
    assert text == "address nonsense: missing port in address"
    assert server.call("GET", "/proxies/p") == made


@pytest.mark.conformance("C06")
def test_an_update_to_a_taken_port_leaves_the_proxy_disabled_there(server: Server) -> None:
    """It can't be where it was any more, and it isn't where it should be."""
    taken = server.proxy("other")["listen"]
    server.proxy("p")
    error(server, "POST", "/proxies/p", {"listen": taken}, int(server.of(differences.TAKEN)))
    left = server.call("GET", "/proxies/p")
    assert (left["enabled"], left["listen"]) == (False, taken)


@pytest.mark.conformance("C08")
def test_a_deleted_proxy_is_gone(server: Server) -> None:
    """Twice is once too often."""
    server.proxy("p")
    assert server.http.delete("/proxies/p").content == b""
    assert error(server, "DELETE", "/proxies/p", None, 404) == "proxy not found"


@pytest.mark.conformance("C09")
@pytest.mark.parametrize("type_", [*TYPES])
def test_each_toxic_lists_its_attributes_in_order(server: Server, type_: str) -> None:
    """Clients read attributes back by name, people by place."""
    server.proxy("p")
    given = {name: 7 - place for place, name in enumerate(TYPES[type_])}
    body = {"type": type_, "attributes": {**given, "unknown": 1}}
    response = server.http.post("/proxies/p/toxics", json=body)
    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("attributes", given),
        ("name", f"{type_}_downstream"),
        ("type", type_),
        ("stream", "downstream"),
        ("toxicity", 1),
    ]
    assert list(response.json()["attributes"]) == TYPES[type_]


@pytest.mark.conformance("C09")
@pytest.mark.parametrize("type_", [*TYPES])
def test_attributes_are_zero_unless_given(server: Server, type_: str) -> None:
    """A slicer of size zero is the one that means nothing."""
    server.proxy("p")
    response = server.http.post("/proxies/p/toxics", json={"type": type_})
    told = {200: "taken", 400: "refused"}[response.status_code]
    assert told == (server.of(differences.UNSOUND) if type_ == "slicer" else "taken")
    if told == "taken":
        assert response.json()["attributes"] == dict.fromkeys(TYPES[type_], 0)


@pytest.mark.conformance("C11")
def test_packet_loss_is_of_a_later_version(server: Server) -> None:
    """A script for a newer server may find an older one."""
    server.proxy("p")
    response = server.http.post("/proxies/p/toxics", json={"type": "packet_loss"})
    told = {200: "taken", 400: "refused"}[response.status_code]
    assert told == server.of(differences.PACKET_LOSS)


@pytest.mark.conformance("C10")
def test_a_toxic_is_named_after_type_and_stream_as_given(server: Server) -> None:
    """Scripts remove what they didn't name."""
    server.proxy("p")

    def name(**fields: str) -> Any:
        return server.call("POST", "/proxies/p/toxics", {"type": "noop", **fields})

    assert name()["name"] == "noop_downstream"
    assert name(stream="Upstream")["name"] == "noop_Upstream"
    assert name(stream="UPSTREAM")["stream"] == "UPSTREAM"
    assert name(name="mine", stream="upstream")["name"] == "mine"


@pytest.mark.conformance("C10", "C11")
def test_a_toxic_is_refused_in_the_documented_order(server: Server) -> None:
    """Proxy, body, stream, type, name, attributes."""
    path = "/proxies/p/toxics"
    assert error(server, "POST", path, "{", 404) == "proxy not found"
    server.proxy("p")
    assert error(server, "POST", path, "{", 400).startswith("bad request body: ")
    assert (
        error(server, "POST", path, {"stream": "", "type": "no"}, 400)
        == "stream was invalid, can be either upstream or downstream"
    )
    for body in ({}, {"type": "down"}, {"type": "Latency"}):
        assert error(server, "POST", path, body, 400) == "invalid toxic type"
    server.call("POST", path, {"type": "noop", "name": "n", "stream": "upstream"})
    twice = {"type": "latency", "name": "n", "attributes": {"latency": "x"}}
    assert error(server, "POST", path, twice, 409) == "toxic already exists"
    for value in ("1.5", "1.0", "1e3", '"1"', "true", "9223372036854775808"):
        body = f'{{"type": "latency", "attributes": {{"latency": {value}}}}}'
        assert error(server, "POST", path, body, 400).startswith("bad request body: ")
    assert error(server, "POST", path, {"type": "latency", "toxicity": "1"}, 400)
    assert [one["name"] for one in server.call("GET", path)] == ["n"]


@pytest.mark.conformance("C12")
def test_an_update_of_a_toxic_merges(server: Server) -> None:
    """Only attributes, key by key, and toxicity."""
    server.proxy("p")
    server.toxic("latency", latency=100, jitter=5)
    path = "/proxies/p/toxics/latency"
    told = server.call(
        "POST",
        path,
        {"attributes": {"jitter": 7}, "name": "x", "type": "noop", "stream": "upstream"},
    )
    assert told["attributes"] == {"latency": 100, "jitter": 7}
    assert (told["name"], told["type"], told["stream"]) == ("latency", "latency", "downstream")
    told = server.call("PATCH", path, {"toxicity": 0.5})
    assert (told["attributes"], told["toxicity"]) == ({"latency": 100, "jitter": 7}, 0.5)
    assert server.call("POST", path, {}) == told
    assert error(server, "POST", "/proxies/p/toxics/x", {}, 404) == "toxic not found"
    error(server, "POST", path, {"attributes": {"latency": 200, "jitter": "x"}}, 400)
    left = server.call("GET", path)["attributes"]
    assert left["jitter"] == 7
    told = {100: "not done", 200: "half done"}[left["latency"]]
    assert told == server.of(differences.HALF_DONE)


@pytest.mark.conformance("C12")
def test_toxicity_is_a_short_float_of_any_size(server: Server) -> None:
    """It is what clients read back."""
    server.proxy("p")
    server.toxic("noop")
    path = "/proxies/p/toxics/noop"
    for given, told in ((2.5, 2.5), (-1, -1), (0, 0)):
        assert server.call("POST", path, {"toxicity": given})["toxicity"] == told
    exact = server.call("POST", path, {"toxicity": 0.123456789012})["toxicity"]
    assert exact == pytest.approx(0.12345679, abs=1e-7)


@pytest.mark.conformance("C13")
def test_toxics_are_listed_upstream_first_then_by_age(server: Server) -> None:
    """The order is the one in which they act."""
    server.proxy("p")
    assert server.http.get("/proxies/p/toxics").text == "[]"
    for name, stream in (("a", "downstream"), ("b", "upstream"), ("c", "downstream")):
        server.call("POST", "/proxies/p/toxics", {"name": name, "type": "noop", "stream": stream})
    listed = server.call("GET", "/proxies/p/toxics")
    assert [one["name"] for one in listed] == ["b", "a", "c"]
    assert server.call("GET", "/proxies/p")["toxics"] == listed
    assert server.call("GET", "/proxies/p/toxics/c") == listed[2]


@pytest.mark.conformance("C14")
def test_a_removed_toxic_is_gone(server: Server) -> None:
    """And its name is free again."""
    server.proxy("p")
    server.toxic("noop")
    server.remove("noop")
    assert error(server, "DELETE", "/proxies/p/toxics/noop", None, 404) == "toxic not found"
    server.toxic("noop")


def entry(name: str, **fields: Any) -> dict[str, Any]:
    """One entry of a populate."""
    return {"name": name, "listen": "127.0.0.1:0", "upstream": "u:1", **fields}


@pytest.mark.conformance("C15")
def test_populate_makes_keeps_and_replaces(server: Server) -> None:
    """It is called at each start of an application, with the same list."""
    body = [entry("a"), entry("b", enabled=False)]
    first, off = server.call("POST", "/populate", body, 201)["proxies"]
    assert (first["enabled"], off["enabled"], off["listen"]) == (True, False, "127.0.0.1:0")
    server.call("POST", "/proxies/a/toxics", {"type": "noop"})
    same = entry("a", listen=first["listen"], enabled=False)
    (kept,) = server.call("POST", "/populate", [same], 201)["proxies"]
    assert (kept["enabled"], len(kept["toxics"])) == (True, 1)
    (changed,) = server.call("POST", "/populate", [{**same, "upstream": "v:2"}], 201)["proxies"]
    assert (changed["enabled"], changed["toxics"], changed["upstream"]) == (False, [], "v:2")


@pytest.mark.conformance("C15")
def test_populate_of_nothing(server: Server) -> None:
    """Null, as the original says it."""
    for body in ("[]", "null"):
        response = server.http.post("/populate", content=body)
        assert (response.status_code, response.text) == (201, '{"proxies":null}')


@pytest.mark.conformance("C15")
def test_populate_with_a_bad_entry_makes_nothing(server: Server) -> None:
    """Half of a list is worse than none."""
    response = server.http.post("/populate", json=[entry("a"), {"name": "b"}])
    assert response.headers["content-type"] == "application/json"
    assert response.text == (
        '{"error":"missing required field: upstream at proxy 2","status":400,"proxies":null}'
    )
    assert (
        error(server, "POST", "/populate", [{}], 400) == "missing required field: name at proxy 1"
    )
    assert error(server, "POST", "/populate", {}, 400).startswith("bad request body: ")
    assert server.call("GET", "/proxies") == {}


@pytest.mark.conformance("C15")
def test_populate_stops_at_a_port_that_is_taken(server: Server) -> None:
    """What was made before stays, and is told."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        body = [entry("a"), entry("b", listen=taken), entry("c")]
        told = server.call("POST", "/populate", body, int(server.of(differences.TAKEN)))
    assert told["error"] == f"listen tcp {taken}: bind: address already in use"
    assert [one["name"] for one in told["proxies"]] == ["a"]
    assert list(server.call("GET", "/proxies")) == ["a"]


@pytest.mark.conformance("C15")
def test_populate_takes_toxics_where_it_is_asked_to(server: Server) -> None:
    """The commonest wish: no early connection escapes."""
    toxics = [{"type": "latency", "attributes": {"latency": 5}}, {"type": "noop"}]
    (made,) = server.call("POST", "/populate", [entry("a", toxics=toxics)], 201)["proxies"]
    names = [one["name"] for one in made["toxics"]]
    told = "set" if names == ["latency_downstream", "noop_downstream"] else "ignored"
    assert told == server.of(differences.POPULATED)
    if told == "ignored":
        assert names == []
    else:
        bad = [entry("b"), entry("c", toxics=[{"type": "no"}])]
        assert error(server, "POST", "/populate", bad, 400) == "invalid toxic type"
        assert list(server.call("GET", "/proxies")) == ["a"]


@pytest.mark.conformance("C15")
def test_populate_knows_an_address_again_where_it_can(server: Server) -> None:
    """An application that starts again must not lose the toxics that a test has set."""
    made = server.proxy("p", "u:1", listen="localhost:9", enabled=False)
    assert made["listen"] == "localhost:9"
    off = entry("p", listen="127.0.0.1:9", enabled=False)
    with socket.create_server(("0.0.0.0", 0)) as free:
        everywhere = entry("q", listen=f"0.0.0.0:{free.getsockname()[1]}")
    server.call("POST", "/populate", [everywhere], 201)
    for same in (off, everywhere):
        server.call("POST", f"/proxies/{same['name']}/toxics", {"type": "noop"})
        (told,) = server.call("POST", "/populate", [same], 201)["proxies"]
        kept = {1: "kept", 0: "replaced"}[len(told["toxics"])]
        assert kept == server.of(differences.KNOWN_AGAIN)


@pytest.mark.conformance("C16")
def test_reset_starts_everything_and_takes_every_toxic_away(server: Server) -> None:
    """What a test suite calls between tests."""
    server.proxy("p", enabled=False)
    server.proxy("q")
    server.toxic("noop")
    server.call("POST", "/reset", "whatever", 204)
    shown = server.call("GET", "/proxies")
    assert [(one["enabled"], one["toxics"]) for one in shown.values()] == [(True, [])] * 2


@pytest.mark.conformance("C17")
def test_browsers_are_kept_out(server: Server) -> None:
    """A page must not drive a control API on loopback."""
    response = server.http.get("/proxies", headers={"User-Agent": "Mozilla/5.0"})
    assert (response.status_code, response.text) == (403, "User agent not allowed\n")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert server.http.get("/proxies", headers={"User-Agent": "mozilla/5.0"}).status_code == 200
    assert server.http.get("/x", headers={"User-Agent": "Mozilla/5.0"}).status_code == 404
    assert server.http.put("/proxies", headers={"User-Agent": "Mozilla/5.0"}).status_code == 405


@pytest.mark.conformance("C18")
@pytest.mark.parametrize(
    "path", ["/", "/x", "/proxies/", "/proxies/a%2Fb", "/metrics", "/proxies/p/toxics/t/u"]
)
def test_unknown_paths(server: Server, path: str) -> None:
    """Plain text, as the original's router says it."""
    response = server.http.get(path)
    assert (response.status_code, response.text) == (404, "404 page not found\n")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.conformance("C18")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/proxies"),
        ("OPTIONS", "/proxies"),
        ("PUT", "/proxies/p"),
        ("GET", "/reset"),
        ("GET", "/populate"),
        ("POST", "/version"),
        ("DELETE", "/proxies"),
        ("PATCH", "/proxies/p/toxics"),
    ],
)
def test_wrong_methods(server: Server, method: str, path: str) -> None:
    """An empty 405."""
    response = server.http.request(method, path)
    assert (response.status_code, response.content) == (405, b"")
    assert "allow" not in response.headers


@pytest.mark.conformance("C18")
def test_double_slashes_lead_to_the_clean_path(server: Server) -> None:
    """Clients join URLs carelessly."""
    response = server.http.get(f"{server.url}//proxies//p")
    assert (response.status_code, response.headers["location"]) == (301, "/proxies/p")
    assert server.http.get("/proxies?x=1").status_code == 200


@pytest.mark.conformance("C19")
def test_request_ids_are_on_matched_routes_only(server: Server) -> None:
    """Twenty characters, never the same."""
    ids = [server.http.get("/proxies").headers["x-toxiproxy-request-id"] for _ in range(3)]
    ids += [server.http.get("/proxies/x").headers["x-toxiproxy-request-id"]]
    assert len(set(ids)) == 4
    assert all(len(one) == 20 and one.isalnum() and one == one.lower() for one in ids)
    for response in (server.http.get("/x"), server.http.put("/proxies")):
        assert "x-toxiproxy-request-id" not in response.headers


@pytest.mark.conformance("C20")
def test_keys_in_any_case_unknown_keys_trailing_bytes_and_null(server: Server) -> None:
    """What the original's decoder lets pass, clients send."""
    body = '{"NAME": "p", "Upstream": "u:1", "listen": null, "x": [1], "enabled": false} trailing'
    made = server.call("POST", "/proxies", body, 201)
    assert (made["name"], made["upstream"], made["enabled"]) == ("p", "u:1", False)
    assert error(server, "POST", "/proxies", "null", 400) == "missing required field: name"
    toxic = {"Type": "latency", "Attributes": {"LATENCY": 3, "jitter": None}, "stream": None}
    told = server.call("POST", "/proxies/p/toxics", toxic)
    assert told["attributes"] == {"latency": 3, "jitter": 0}
    assert server.call("POST", "/proxies/p/toxics/latency_downstream", "null") == told


@pytest.mark.conformance("C18")
def test_errors_are_objects_in_plain_text(server: Server) -> None:
    """The original says JSON and calls it text; clients parse it all the same."""
    response = server.http.get("/proxies/x")
    assert response.content == b'{"error":"proxy not found","status":404}\n'
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert json.loads(response.content)["status"] == 404
