"""What a file says of who serves."""

import pytest

from faultlab.scenarios.loader import parse
from faultlab.scenarios.model import Served

KEYS = (
    "stub, openapi, url, command, image, port, environment, ready, ready_within, preset, pace or"
    " honours_idempotency_key"
)
FAULT = "fault:\n  - inject: refused\n  - read: ok\n"


def test_each_service_has_its_words() -> None:
    """One preset or several; what is not written stays the subject's."""
    found = parse(
        f"""scenario: A
services:
  core: {{preset: [no_arousal, degraded], pace: measured}}
  orders: {{honours_idempotency_key: true}}
  shop: {{openapi: shop.openapi.yaml}}
  pay: {{url: http://127.0.0.1:9000}}
  nis:
    stub: maba
    honours_idempotency_key: false
{FAULT}""".encode(),
        "a.yaml",
    )
    assert found.services == (
        Served("core", 3, preset=("no_arousal", "degraded"), pace="measured"),
        Served("orders", 4, honours_idempotency_key=True),
        Served("shop", 5, openapi="shop.openapi.yaml"),
        Served("pay", 6, url="http://127.0.0.1:9000"),
        Served("nis", 7, stub="maba", honours_idempotency_key=False),
    )


def test_a_server_that_is_started_has_its_own_words() -> None:
    """A command as a text or as its words; an image with its port."""
    found = parse(
        f"""scenario: A
services:
  orders:
    command: ./orders --port {{port}}
    environment: {{MODE: test, DEBUG: 1, EMPTY: ""}}
    ready: GET /health
    ready_within: 1m
  stock: {{command: [sh, -c, "exec ./stock $PORT"]}}
  pay: {{image: nginx:1.27, port: 80, ready: /}}
{FAULT}""".encode(),
        "a.yaml",
    )
    assert found.services == (
        Served(
            "orders",
            3,
            command="./orders --port {port}",
            environment=(("MODE", "test"), ("DEBUG", "1"), ("EMPTY", "")),
            ready="GET /health",
            ready_within=60.0,
        ),
        Served("stock", 8, command=("sh", "-c", "exec ./stock $PORT")),
        Served("pay", 9, image="nginx:1.27", port=80, ready="/"),
    )
    assert [served.text() for served in found.services] == [
        (
            "orders: command ./orders --port {port}, environment MODE + DEBUG + EMPTY,"
            " ready GET /health, ready_within 60s"
        ),
        "stock: command sh -c exec ./stock $PORT",
        "pay: image nginx:1.27, port 80, ready /",
    ]


def test_its_text_is_what_was_written() -> None:
    """`explain` shows it."""
    assert Served("core", 3, preset=("a", "b"), pace="c").text() == "core: preset a + b, pace c"
    assert Served("x", 3, stub="y", honours_idempotency_key=False).text() == (
        "x: stub y, honours_idempotency_key false"
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[core]", "3: services: a list; expected services by name, e.g. `core: ...`"),
        ("{}", "3: services: an empty mapping; expected services by name, e.g. `core: ...`"),
        (
            "{core: {}}",
            f"3: services.core: an empty mapping; expected keys {KEYS}",
        ),
        (
            "{core: degraded}",
            f"3: services.core: `degraded`; expected keys {KEYS}",
        ),
        ("{core: {presets: a}}", "3: services.core.presets: unknown key; nearest: preset"),
        (
            "{core: {preset: []}}",
            "3: services.core.preset: an empty list; expected one at least",
        ),
        (
            "{core: {honours_idempotency_key: yes}}",
            "3: services.core.honours_idempotency_key: `yes`: expected true or false",
        ),
        (
            "{core: {command: []}}",
            "3: services.core.command: an empty list; expected a command: a text, or a list of words",
        ),
        (
            "{core: {command: [a, [b]]}}",
            "3: services.core.command: a list; expected a word of a command",
        ),
        ("{core: {comand: a}}", "3: services.core.comand: unknown key; nearest: command"),
        ("{core: {image: a, port: 0}}", "3: services.core.port: `0`: expected 1 to 65535"),
        (
            "{core: {image: a, port: http}}",
            "3: services.core.port: `http`: expected a whole number",
        ),
        (
            "{core: {command: a, environment: [b]}}",
            "3: services.core.environment: a list; expected names with values, e.g. `MODE: test`",
        ),
        (
            "{core: {command: a, environment: {a b: c}}}",
            "3: services.core.environment.a b: no name of a variable",
        ),
        (
            "{core: {command: a, environment: {TOKEN: }}}",
            "3: services.core.environment.TOKEN: empty; expected text",
        ),
        (
            "{core: {command: a, ready: POST /}}",
            "3: services.core.ready: `POST /`: expected GET /path",
        ),
        (
            "{core: {command: a, ready_within: 30}}",
            "3: services.core.ready_within: `30` has no unit; write 30ms or 30s",
        ),
        (
            "{core: {command: a, ready_within: timeouts.read}}",
            "3: services.core.ready_within: `timeouts.read`: expected a duration like 30s",
        ),
        ("{a b: {pace: c}}", "3: services.a b: no name of a service"),
    ],
)
def test_what_means_nothing_is_refused(refused, written: str, problem: str) -> None:
    """With the place and what was expected there."""
    assert refused(f"scenario: A\nservices:\n  {written}\n{FAULT}") == f"orders.yaml:{problem}"
