"""Who serves, as values: they travel, and become routes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.served import Builtin, Routed, Specification, routes_of, seeded
from faultlab.lab.backends.servers import Url
from faultlab.lab.backends.specification import parse


@pytest.mark.parametrize(
    "specification", [Routed('{"GET /x": 1}'), Builtin("core"), Url("http://x:1")]
)
def test_specifications_travel_as_json(specification: Specification) -> None:
    """The lab process gets them over a pipe."""
    sent = msgspec.json.encode(specification)
    assert msgspec.json.decode(sent, type=Routed | Builtin | Url) == specification


@given(value=st.text() | st.dictionaries(st.text(), st.integers()))
def test_routes_travel_unchanged(value: object) -> None:
    """Whatever text an answer holds, the stub serves it as written."""
    routed = parse({"GET /x": [200, value]})
    sent = msgspec.json.decode(msgspec.json.encode(routed), type=Routed)
    written = routes_of(parse({"GET /x": [200, value]}))  # type: ignore[arg-type]  # no URL
    assert routes_of(sent).answer(Request("GET", "/x")) == written.answer(Request("GET", "/x"))


def test_a_builtin_has_its_routes() -> None:
    """The name is all that must travel."""
    assert "POST /api/v1/penelope/diagnose" in routes_of(Builtin("penelope")).endpoints


def test_the_run_s_seed_reaches_what_draws() -> None:
    """Only a built-in stub draws."""
    assert seeded(Builtin("core", pace="loaded"), 7) == Builtin("core", pace="loaded", seed=7)
    assert seeded(Url("http://x"), 7) == Url("http://x")
