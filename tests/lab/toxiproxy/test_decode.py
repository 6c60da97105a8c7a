from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.toxiproxy.decode import (
    DecodeError,
    Fields,
    array,
    decode,
    number,
    string,
    truth,
    whole,
)


def fields(body: str) -> Fields:
    """Of an object."""
    return Fields(decode(body.encode()), "it")


def test_keys_in_any_case_and_the_last_of_two() -> None:
    """As the original decodes."""
    assert fields('{"NAME": "a", "name": "b"}').get("name", string, "") == "b"


def test_null_and_absence_leave_the_default() -> None:
    """An update names only what it changes."""
    assert fields('{"a": null}').get("a", string, "x") == "x"
    assert fields("null").get("a", string, "x") == "x"
    assert fields("{}").raw("a") is None


def test_only_the_first_value_counts() -> None:
    """What follows is ignored."""
    assert fields(' {"a": 1} nonsense').get("a", whole, 0) == 1


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"nope", b"NaN", b"-Infinity", b"[" * 100_000, b"9" * 10_000]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """With this error and no other."""
    with pytest.raises(DecodeError):
        decode(body)


@pytest.mark.parametrize("text", ["1.5", "1.0", "1e3", '"1"', "true", "9223372036854775808", "[]"])
def test_integers_are_written_as_integers(text: str) -> None:
    """The original's are 64 bits wide."""
    with pytest.raises(DecodeError, match=r"^it\.a: a 64-bit integer was expected, not "):
        fields(f'{{"a": {text}}}').get("a", whole, 0)


def test_integers_of_64_bits() -> None:
    """To the last one."""
    assert fields('{"a": -9223372036854775808}').get("a", whole, 0) == -(1 << 63)


@pytest.mark.parametrize(
    ("read", "text"),
    [(string, "1"), (truth, "0"), (number, "true"), (number, "1e400"), (number, "1e39")],
)
def test_each_field_has_its_type(read: object, text: str) -> None:
    """No guesses."""
    with pytest.raises(DecodeError):
        fields(f'{{"a": {text}}}').get("a", read, None)  # type: ignore[arg-type]


def test_half_characters_become_whole_ones() -> None:
    """They could not be answered."""
    assert fields('{"a": "\\ud800x"}').get("a", string, "") == "\ufffdx"
    assert decode(b'"\xff"') == "\ufffd"


def test_arrays() -> None:
    """Null is an empty one."""
    assert array(decode(b"[1, 2]"), "it") == (1, 2)
    assert array(decode(b"null"), "it") == ()
    with pytest.raises(DecodeError, match="it: an array was expected, not an object"):
        array(decode(b"{}"), "it")
    with pytest.raises(DecodeError, match="it: an object was expected, not an array"):
        fields("[]")


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    """Nothing else escapes."""
    try:
        value = Fields(decode(body), "it")
    except DecodeError:
        return
    for read in (string, truth, number, whole):
        with suppress(DecodeError):
            value.get("a", read, None)
