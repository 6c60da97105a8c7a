"""What a file says of the stubs that serve."""

import pytest

from faultlab.scenarios.loader import parse
from faultlab.scenarios.model import Served

KEYS = "stub, openapi, url, preset, pace or honours_idempotency_key"
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
        ("{a b: {pace: c}}", "3: services.a b: no name of a service"),
    ],
)
def test_what_means_nothing_is_refused(refused, written: str, problem: str) -> None:
    """With the place and what was expected there."""
    assert refused(f"scenario: A\nservices:\n  {written}\n{FAULT}") == f"orders.yaml:{problem}"
