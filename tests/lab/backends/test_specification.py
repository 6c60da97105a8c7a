"""Who serves a service: what an author may write, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faultlab.lab.backends.specification import (
    Builtin,
    Routed,
    Specification,
    Url,
    amended,
    parse,
)

EXPECTED = (
    "expected routes {'GET /orders/{id}': {...}}, an OpenAPI file 'orders.openapi.yaml',"
    " a URL 'http://host:port', a built-in stub (core, penelope, maba, nis, icarus, metis, noesis,"
    " sophia), a command 'cmd:./orders --port {port}', or an image 'image:nginx:1.27@80'"
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"GET /x": {"a": 1}}, Routed('{"GET /x": {"a": 1}}')),
        ("core", Builtin("core")),
        ("penelope", Builtin("penelope")),
        ("sophia", Builtin("sophia")),
        ("http://127.0.0.1:9000", Url("http://127.0.0.1:9000")),
        ("http://localhost:9000/", Url("http://localhost:9000")),
        (Url("http://x"), Url("http://x")),
    ],
)
def test_a_text_or_a_mapping_says_who_serves(written: object, meant: Specification) -> None:
    """Routes, a built-in stub, a server that already runs."""
    assert parse(written) == meant


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("https://x", "'https://x': https comes with a later version; expected 'http://host:port'"),
        (
            "orders.openapi.yaml",
            f"orders.openapi.yaml: can't be read: No such file or directory; {EXPECTED}",
        ),
        ({"openapi": 7}, "openapi: 7; expected a file that ends in .yaml, .yml, .json"),
        ({"openapi": "a.txt"}, "openapi: 'a.txt'; expected a file that ends in .yaml, .yml, .json"),
        ("orders", f"'orders' serves nothing; {EXPECTED}"),
        (9000, f"9000 serves nothing; {EXPECTED}"),
        (
            "http://x:9000/v1",
            "'http://x:9000/v1': the address of a server is http://host:port and no more",
        ),
        (
            "http://me:secret@x",
            "'http://[redacted]@x': the address of a server is http://host:port and no more",
        ),
        ("http://", "'http://': the address of a server is http://host:port and no more"),
        (
            "http://x:99999",
            "'http://x:99999': Port out of range 0-65535; expected 'http://host:port'",
        ),
        ({"GET x": 1}, "routes:\n  'GET x': the path 'x' must begin with a slash"),
        (
            {"GET /x": lambda _: None},
            "routes: 'GET /x': a function can't travel to the lab process",
        ),
    ],
)
def test_anything_else_is_refused_by_name(written: object, problem: str) -> None:
    """A slip is told where it was made, not in another process."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse(written)
    assert str(refused.value) == problem


ORDERS = """
openapi: 3.1.0
paths:
  /orders/{id}:
    get:
      responses: {200: {content: {application/json: {example: {id: 7}}}}}
"""


@pytest.mark.parametrize("written", ["orders.yaml", {"openapi": "orders.yaml"}])
def test_an_openapi_file_lies_beside_who_names_it(tmp_path: Path, written: object) -> None:
    """Its examples travel as routes, so that the lab process reads no file."""
    (tmp_path / "orders.yaml").write_text(ORDERS)
    meant = {"GET /orders/{id}": [200, {"id": 7}, {"content-type": "application/json"}]}
    assert parse(written, "orders", tmp_path) == Routed(json.dumps(meant))
    assert amended(Url("http://x"), {"openapi": "orders.yaml"}, tmp_path) == parse(
        "orders.yaml", folder=tmp_path
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "a.json",
            "{",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("a.yaml", "[]", "no OpenAPI document: expected a mapping with `openapi` and `paths`"),
        ("a.yaml", "swagger: '2.0'", "swagger: '2.0'; expected `openapi: 3.x`: convert it first"),
    ],
)
def test_an_openapi_file_that_cant_be_served_is_named(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    """The reader looks for the file first."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r".") as refused:
        parse(name, folder=tmp_path)
    assert str(refused.value) == f"{tmp_path / name}: {problem}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"preset": "degraded"}, Builtin("core", ("degraded",))),
        ({"preset": ["no_arousal", "degraded"]}, Builtin("core", ("no_arousal", "degraded"))),
        ({"stub": "nis", "preset": "zeros"}, Builtin("nis", ("zeros",))),
        ({"pace": "measured"}, Builtin("core", pace="measured")),
        (
            {"honours_idempotency_key": True},
            Builtin("core", honours_idempotency_key=True),
        ),
        (
            {"routes": {"GET /x": 1}, "honours_idempotency_key": True},
            Routed('{"GET /x": 1}', honours_idempotency_key=True),
        ),
        ({"url": "http://x:1"}, Url("http://x:1")),
    ],
)
def test_words_say_what_a_stub_is_like(written: object, meant: Specification) -> None:
    """The service's own stub unless another is named."""
    assert parse(written, "core") == meant


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            {"preset": "sabbath"},
            (
                "core has no preset 'sabbath'; it has health_fails_with_pending, not_initialized,"
                " no_arousal, degraded, another_answers"
            ),
        ),
        ({"preset": 7}, "preset: 7; expected a name, or a list of names"),
        ({"preset": [7]}, "preset: [7]; expected a name, or a list of names"),
        ({"pace": "quick"}, "'quick' is no slow profile; there are measured, loaded"),
        ({"pace": 2}, "pace: 2; expected one of measured, loaded"),
        (
            {"honours_idempotency_key": "yes"},
            "honours_idempotency_key: 'yes' is neither true nor false",
        ),
        (
            {"preset": "degraded", "presets": []},
            "'presets': no such word; nearest: preset",
        ),
        (
            {"preset": "degraded", "colour": "red"},
            (
                "'colour': no such word; there are routes, openapi, stub, url, command, image,"
                " honours_idempotency_key, preset, pace, environment, ready, ready_within, port"
            ),
        ),
        ({"url": "http://x", "stub": "core"}, "stub and url: one of them says who serves"),
        (
            {"url": "http://x", "preset": "degraded"},
            "preset: is not for `url`; allowed beside it: nothing",
        ),
        (
            {"routes": {"GET /x": 1}, "pace": "loaded"},
            "pace: is not for `routes`; allowed beside it: honours_idempotency_key",
        ),
        ({"routes": 7}, f"routes: 7; {EXPECTED}"),
        ({"url": "x"}, "url: 'x'; expected 'http://host:port'"),
        (
            {"stub": "orders"},
            (
                "stub: 'orders'; expected one of core, penelope, maba, nis, icarus, metis, noesis,"
                " sophia"
            ),
        ),
    ],
)
def test_a_wrong_word_is_told(written: object, problem: str) -> None:
    """Where it was written, with what may stand there."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse(written, "core")
    assert str(refused.value) == problem


def test_a_url_knows_where_it_is() -> None:
    """The proxy connects there."""
    url = Url("http://localhost:9000")
    assert (url.host, url.port, Url("http://localhost").port) == ("localhost", 9000, 80)


@pytest.mark.parametrize(
    ("given", "words", "meant"),
    [
        (
            Builtin("core", ("degraded",), "loaded", honours_idempotency_key=True),
            {"pace": "measured"},
            Builtin("core", ("degraded",), "measured", honours_idempotency_key=True),
        ),
        (
            Builtin("core", ("degraded",)),
            {"preset": ("no_arousal",)},
            Builtin("core", ("no_arousal",)),
        ),
        (Builtin("core", ("degraded",)), {"stub": "nis"}, Builtin("nis")),
        (
            Routed('{"GET /x": 1}', honours_idempotency_key=True),
            {"honours_idempotency_key": False},
            Routed('{"GET /x": 1}'),
        ),
        (Url("http://x:1"), {"stub": "core"}, Builtin("core")),
    ],
)
def test_a_stub_is_amended(
    given: Specification, words: dict[str, object], meant: Specification
) -> None:
    """What a word says takes the place of what was there; the rest stays."""
    assert amended(given, words) == meant


@pytest.mark.parametrize(
    ("given", "words", "problem"),
    [
        (
            Url("http://x:1"),
            {"pace": "loaded"},
            "pace: is for a stub: the lab did not start http://x:1",
        ),
        (
            Routed('{"GET /x": 1}'),
            {"preset": "degraded"},
            "preset: is not for `routes`; allowed beside it: honours_idempotency_key",
        ),
        (
            Builtin("core", ("degraded",)),
            {"pace": "snail"},
            "'snail' is no slow profile; there are measured, loaded",
        ),
    ],
)
def test_what_can_t_be_amended_is_refused(
    given: Specification, words: dict[str, object], problem: str
) -> None:
    """A word that meant nothing would leave another server than its author thinks."""
    with pytest.raises(ValueError, match=r".") as refused:
        amended(given, words)
    assert str(refused.value) == problem
