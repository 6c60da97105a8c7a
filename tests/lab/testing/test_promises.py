"""The contract that a test means."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.contract import builtin, parse
from faultlab.lab.testing.promises import promised


def test_a_contract_is_a_name_a_file_or_a_mapping(tmp_path: Path) -> None:
    """A file is named from where it is said."""
    (tmp_path / "orders.yaml").write_text("attempts: {max: 3}\n")
    assert promised("httpx", tmp_path) == builtin("httpx")
    assert promised("orders.yaml", tmp_path) == parse("attempts: {max: 3}", "orders.yaml")
    (tmp_path / "orders.json").write_text('{"attempts": {"max": 3}}')
    assert promised("orders.json", tmp_path).attempts.max == 3
    assert promised({"attempts": {"max": 3}}, tmp_path).attempts.max == 3
    assert promised(builtin("maximus"), tmp_path) == builtin("maximus")


def test_a_file_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    """Whoever looks for it sees where the lab looked."""
    with pytest.raises(ValueError, match=f"^contract {tmp_path}/c.yaml:\n  file: No such file"):
        promised("c.yaml", tmp_path)


@pytest.mark.parametrize("wrong", [7, None, "htpx", ["httpx"]])
def test_what_is_no_contract_is_told_what_is(tmp_path: Path, wrong: object) -> None:
    """The nearest name with it."""
    with pytest.raises(ValueError, match=r"is no contract; expected httpx, maximus, a file"):
        promised(wrong, tmp_path)


def test_a_contract_that_is_wrong_tells_all_that_is(tmp_path: Path) -> None:
    """As its reader does."""
    with pytest.raises(ValueError, match=r"attempts\.max: 'x': expected a whole number"):
        promised({"attempts": {"max": "x"}}, tmp_path)
