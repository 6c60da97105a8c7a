"""The oracle's words."""

from __future__ import annotations

import pytest

from faultlab.lab.oracle import Demands, Key


def test_keys_read_well() -> None:
    """They stand in messages."""
    assert str(Key(1, "endpoint", "core", "GET /health")) == "endpoint core GET /health"
    assert str(Key(0, "client")) == "client"


def test_an_operation_that_was_not_read_is_a_key_error() -> None:
    """A check that asks for it has mixed up two readings."""
    with pytest.raises(KeyError):
        Demands((), (), ()).of(1)
