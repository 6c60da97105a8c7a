"""Who serves, by the lines of an ini file."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.backends.specification import Builtin, Url, parse
from faultlab.lab.errors import UsageError
from faultlab.lab.testing.services import served

HERE = Path("/nowhere")


def test_each_line_is_a_service() -> None:
    """A server that runs, a stub by name, words about it, routes."""
    lines = (
        "orders = http://127.0.0.1:9000",
        "auth=core",
        "core = {preset: degraded, honours_idempotency_key: true}",
        'pay = {"GET /pay/{id}": {id: 7}}',
    )
    assert served(lines, "pytest.ini: faultlab_services", HERE) == {
        "orders": Url("http://127.0.0.1:9000"),
        "auth": Builtin("core"),
        "core": Builtin("core", presets=("degraded",), honours_idempotency_key=True),
        "pay": parse({"GET /pay/{id}": {"id": 7}}),
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("orders", "expected SERVICE = a URL, a built-in stub's name, or {words}"),
        ("= core", "expected SERVICE = a URL"),
        ("my orders = core", "expected SERVICE = a URL"),
        ("orders = ", "expected SERVICE = a URL"),
        ("orders = cor", "'cor' serves nothing; expected routes"),
        ("orders = {preset", "not a mapping on one line: "),
        ("core = {preset: degradd}", "core has no preset 'degradd'"),
    ],
)
def test_a_line_that_serves_nothing_is_quoted(line: str, told: str) -> None:
    """An ini file gives no line numbers."""
    with pytest.raises(UsageError) as caught:
        served([line], "pytest.ini: faultlab_services", HERE)
    assert str(caught.value).startswith(f"pytest.ini: faultlab_services: `{line}`: {told}")


def test_all_lines_that_are_wrong_are_told_at_once() -> None:
    """And a second line for one service: it would silently not be the one that serves."""
    with pytest.raises(UsageError) as caught:
        served(["x", "core = core", "core = nis"], "pytest.ini", HERE)
    assert [line.partition(": ")[2] for line in str(caught.value).split("\n")] == [
        (
            "`x`: expected SERVICE = a URL, a built-in stub's name, or {words} as in a scenario's "
            "`services`"
        ),
        "`core = nis`: core is served by a line above",
    ]
