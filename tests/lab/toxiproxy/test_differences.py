from __future__ import annotations

from faultlab.lab.toxiproxy.differences import DIFFERENCES, Difference, as_markdown


def test_each_row_tells_a_difference() -> None:
    """Where both do the same there is nothing to explain."""
    assert [one.what for one in DIFFERENCES if one.original == one.embedded] == []
    assert [one.what for one in DIFFERENCES if not one.why] == []


def test_every_row_is_listed_once_in_the_order_of_items() -> None:
    """C before W before H, as the tests stand."""
    kinds = ["CWH".index(one.item[0]) for one in DIFFERENCES]
    assert kinds == sorted(kinds)
    assert len({one.what for one in DIFFERENCES}) == len(DIFFERENCES)


def test_a_row_is_asked_by_way() -> None:
    """A test knows its server, and not the table's columns."""
    row = Difference("C01", "what", "a", "b", "c", "why")
    assert [row.of("original"), row.of("embedded"), row.of("strict")] == ["a", "b", "c"]


def test_the_table_has_a_line_for_each_row() -> None:
    """What the guide shows."""
    lines = as_markdown().splitlines()
    assert len(lines) == 2 + len(DIFFERENCES)
    assert {line.count("|") for line in lines} == {6}
