from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.toxiproxy.address import Address, AddressError, listening, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        (":80", Address("", 80)),
        ("db:", Address("db", 0)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_addresses_as_the_original_reads_them(text: str, address: Address) -> None:
    """Hosts, names, both families."""
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "address : missing port in address"),
        ("db", "address db: missing port in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("::1:80", "address ::1:80: too many colons in address"),
        ("[a:80", "address [a:80: missing ']' in address"),
        ("a]:80", "address a]:80: unexpected bracket in address"),
        ("db:x", "lookup tcp/x: unknown port"),
        ("db:65536", "address 65536: invalid port"),
        (f"db:{'9' * 5000}", f"address {'9' * 5000}: invalid port"),
    ],
)
def test_what_is_no_address_is_said(text: str, says: str) -> None:
    """Clients compare the texts of the first two."""
    with pytest.raises(AddressError) as raised:
        parse(text)
    assert str(raised.value) == says


def test_where_to_listen_is_shown_resolved() -> None:
    """The text that a running proxy has."""
    assert str(listening("localhost:0", "127.0.0.1")) == "127.0.0.1:0"
    assert str(listening(":5", "127.0.0.1")) == "127.0.0.1:5"
    assert str(listening(":5", "::")) == "[::]:5"
    assert str(listening("0.0.0.0:5", "::")) == "[::]:5"
    assert str(listening("0.0.0.0:5", "127.0.0.1")) == "0.0.0.0:5"
    with pytest.raises(AddressError, match="lookup db: no such host"):
        listening("db:5", "::")


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Nothing else escapes."""
    for read in (parse, lambda one: listening(one, "::")):
        with suppress(AddressError):
            assert 0 <= read(text).port <= 65535
