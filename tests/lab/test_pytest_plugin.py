"""The plugin's own parts; its sessions are under tests/wire/plugin."""

from __future__ import annotations

import re

import pytest

from faultlab.lab import pytest_plugin
from faultlab.lab.testing import Count, Verdict


@pytest.mark.parametrize(
    ("sign", "left", "right", "line"),
    [
        ("==", Count(4, what="attempts", why="why"), 3, "4 attempts != 3"),
        ("==", 3, Count(4, what="attempts", why="why"), "4 attempts != 3"),
        ("<", 5, Count(4, what="attempts", why="why"), "4 attempts <= 5"),
        ("<=", 5, Count(4, what="attempts", why="why"), "4 attempts < 5"),
        ("==", Verdict("unknown"), "pass", "unknown != 'pass'"),
        ("==", "pass", Verdict("fail"), "fail != 'pass'"),
        ("not in", Count(4, what="attempts", why="why"), (4,), "4 attempts in (4,)"),
    ],
)
def test_a_count_explains_itself_on_either_side(
    sign: str, left: object, right: object, line: str
) -> None:
    """Some write the expected number first."""
    assert pytest_plugin.pytest_assertrepr_compare(sign, left, right) == [
        line,
        *(["why"] if "attempt" in line else []),
    ]


@pytest.mark.parametrize(("sign", "left", "right"), [("==", 1, 2), ("in", 1, (2,))])
def test_other_comparisons_are_left_to_others(sign: str, left: object, right: object) -> None:
    """The plugin speaks of its own values only."""
    assert pytest_plugin.pytest_assertrepr_compare(sign, left, right) is None


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("test_a.py::test_b", r"test_a\.py--test_b"),
        ("tests/test_a.py::TestC::test_b", r"tests--test_a\.py--TestC--test_b"),
        ("test_a.py::test_b[core]", r"test_a\.py--test_b--core"),
        ("test_a.py::test_b[a b]", r"test_a\.py--test_b--a--b--[0-9a-f]{8}"),
        ("test_a.py::test_b[" + "x" * 300 + "]", r"test_a\.py--test_b--x{130,}--[0-9a-f]{8}"),
    ],
)
def test_a_kept_history_is_named_after_its_test(nodeid: str, name: str) -> None:
    """Readable, a legal file name, and one of its own."""
    assert re.fullmatch(name + r"\.jsonl", pytest_plugin._file_name(nodeid))


def test_tests_with_like_parameters_do_not_share_a_file() -> None:
    """One would overwrite the other's evidence."""
    ids = [f"test_a.py::test_b[{value}]" for value in ("a b", "a*b", "a?b")]
    assert len({pytest_plugin._file_name(one) for one in ids}) == 3
