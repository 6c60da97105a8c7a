import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.scenarios.errors import ScenarioError
from faultlab.scenarios.nodes import MAX_BYTES, Entry, Mapping, Scalar, Sequence, read, shown


def refused(data: bytes) -> str:
    """The message that these bytes are refused with."""
    with pytest.raises(ScenarioError) as caught:
        read(data, "a.yaml")
    return str(caught.value)


def test_scalars_stay_text() -> None:
    """A date, a number with underscores and a yes mean what their author typed."""
    items = [Scalar(text, 1) for text in ("2026-10-30", "1_000", "yes", "0x1F", "null")]
    assert read(b"[2026-10-30, 1_000, yes, 0x1F, null]", "a.yaml") == Sequence(tuple(items), 1)


def test_every_node_knows_its_line() -> None:
    """Problems are clickable; an empty value stands with its key."""
    assert read(b"a:\n  - b\nc:\n", "a.yaml") == Mapping(
        (
            Entry("a", Sequence((Scalar("b", 2),), 2), 1),
            Entry("c", Scalar("", 3), 3),
        ),
        1,
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: &x 1\nb: 2", "a.yaml:1: anchor `&x`; write the value out where it is needed"),
        (b"a: 1\nb: !!int 2", "a.yaml:2: tag `tag:yaml.org,2002:int`; the schema gives the types"),
        (b"a: ! 1", "a.yaml:1: tag `!`; the schema gives the types"),
        (b"<<: {a: 1}", "a.yaml:1: merge key `<<`; write the keys out"),
        (b"a: 1\n---\nb: 2", "a.yaml:2: a second document; one file is one scenario"),
        (b"%YAML 1.1\n---\na: 1", "a.yaml:2: a directive (`%`); expected YAML 1.2 without any"),
        (b"a: 1\nb: 2\na: 3", "a.yaml:3: key `a` twice; first on line 1"),
        (b"? [a]\n: 1", "a.yaml:1: a list or mapping as a key; expected text"),
        (b"a: 1\nb: \xff", "a.yaml:2: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"", "a.yaml: is empty; expected `scenario:` and `fault:`"),
        (b"# only a comment\n", "a.yaml: is empty; expected `scenario:` and `fault:`"),
        (b"[" * 9 + b"]" * 9, "a.yaml:1: nested deeper than 8 levels"),
        (b"[" * 100_000, "a.yaml:1: nested deeper than 8 levels"),
        (b"#" * (MAX_BYTES + 1), "a.yaml: is larger than 1 MiB"),
        (b"a: [1", "a.yaml:1: is not YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_what_no_scenario_holds_is_refused_by_name(data: bytes, message: str) -> None:
    """Everything that means more than it says is out, each with its line."""
    assert refused(data) == message


def test_an_alias_is_refused_with_its_anchor() -> None:
    """Both ends of a shared value are shown at once."""
    assert refused(b"a: &x 1\nb: *x") == (
        "a.yaml:1: anchor `&x`; write the value out where it is needed\n"
        "a.yaml:2: alias `*x`; write the value out"
    )


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Editors of one system write it without asking."""
    assert read(b"\xef\xbb\xbfa: 1", "a.yaml") == Mapping((Entry("a", Scalar("1", 1), 1),), 1)


@given(st.text() | st.text(alphabet="a:-[]{}&*!%|>'\"#?, \n\t\\x0"))
def test_no_text_crashes_the_reader(text: str) -> None:
    """Whatever stands in a file, its author gets a ScenarioError or nodes."""
    with contextlib.suppress(ScenarioError):
        read(text.encode("utf-8", "surrogatepass"), "a.yaml")


@given(st.binary())
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    """The same for a picture that was named a scenario."""
    with contextlib.suppress(ScenarioError):
        read(data, "a.yaml")


def test_a_shown_value_is_one_short_printable_line() -> None:
    """A message must not be able to forge a second one, or to move a cursor."""
    assert shown("a\n  b\x1b[31m") == "a b?[31m"
    assert shown("x" * 61) == "x" * 57 + "..."
