import pytest

from faultlab.scenarios.nodes import Mapping, Node, read
from faultlab.scenarios.shapes import Shapes, either


@pytest.fixture
def shapes() -> Shapes:
    """A reader of one file."""
    return Shapes("a.yaml")


def value(text: str) -> Node:
    """What stands behind `x`."""
    node = read(f"x: {text}".encode(), "a.yaml")
    assert isinstance(node, Mapping)
    return node.entries[0].value


def test_one_value_stands_for_a_list_of_one(shapes: Shapes) -> None:
    """The usual case is written without brackets."""
    assert shapes.each(value("7"), "x", shapes.whole) == (7,)
    assert shapes.each(value("[7, -8]"), "x", shapes.whole) == (7, -8)
    assert shapes.problems == []


def test_a_list_with_one_bad_item_reads_as_none_and_tells_them_all(shapes: Shapes) -> None:
    """Half a list would be another scenario."""
    assert shapes.each(value("[7, a, b]"), "x", shapes.whole) is None
    assert [str(problem) for problem in shapes.problems] == [
        "a.yaml:1: x: `a`: expected a whole number",
        "a.yaml:1: x: `b`: expected a whole number",
    ]


def test_quotes_tell_an_empty_text_from_nothing(shapes: Shapes) -> None:
    """`body: ""` is an answer without a body."""
    assert shapes.text(value('""'), "x") == ""
    assert shapes.text(value(""), "x") is None


def test_problems_come_in_the_order_of_the_file(shapes: Shapes) -> None:
    """Keys are read in the order of the schema, and mended in that of the file."""
    shapes.refuse(9, "b", "later")
    shapes.refuse(2, "a", "earlier")
    assert [problem.line for problem in shapes.in_order()] == [2, 9]


def test_a_list_of_words_reads_well() -> None:
    """It stands in every message."""
    assert either(("all",)) == "all"
    assert either(("a", "b", "c")) == "a, b or c"
    assert either(("a", "b"), "key") == "keys a or b"
