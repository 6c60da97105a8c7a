"""What there is, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.mark.parametrize("what", ["scenarios", "faults", "checks", "subjects", "services"])
def test_everything_can_be_listed_for_people_and_programs(call: Call, what: str) -> None:
    """Names are looked up here, not in the source."""
    table, data = call("list", what), call("list", what, "--json")
    assert table.exit_code == data.exit_code == 0
    assert max(map(len, table.output.splitlines())) <= 80
    records = json.loads(data.output)
    assert all(str(next(iter(record.values()))) in table.output for record in records)
