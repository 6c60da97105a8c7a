"""The oracle's words."""

from __future__ import annotations

from typing import Any

import pytest

from faultlab.lab.oracle import Demands, Key

Story = Any  # the writer of readings in conftest.py


def test_keys_read_well() -> None:
    """They stand in messages."""
    assert str(Key(1, "endpoint", "core", "GET /health")) == "endpoint core GET /health"
    assert str(Key(0, "client")) == "client"


def test_an_operation_that_was_not_read_is_a_key_error() -> None:
    """A check that asks for it has mixed up two readings."""
    with pytest.raises(KeyError):
        Demands((), (), ()).of(1)


def test_a_demand_is_found_by_the_id_of_its_operation(story: Story) -> None:
    """Ids may have gaps."""
    for _ in range(3):
        story.op("ok")
    found = story.judge()
    some = Demands(found.operations[::2], (), ())
    assert some.of(3) is found.of(3)
    with pytest.raises(KeyError):
        some.of(2)
