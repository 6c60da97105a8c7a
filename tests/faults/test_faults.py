import pytest
from pydantic import ValidationError

from faultlab.faults import KINDS, Cut, fault_adapter

INVISIBLE = {"duplicate"}  # to a client: what they do shows at the backend


def test_a_fault_comes_back_from_its_json() -> None:
    """It travels to the lab process as text."""
    fault = Cut(service="core", at="response_body", bytes=7, endpoint="GET /x")
    assert fault_adapter.validate_json(fault_adapter.dump_json(fault)) == fault


def test_the_table_names_every_kind_by_its_own_word() -> None:
    """The word in a file, in the history and in the code is one."""
    for name, kind in KINDS.items():
        assert kind.model_fields["kind"].default == name
        assert kind.observables or name in INVISIBLE
        assert kind.family in {"down", "slow", "5xx", "partition", "partial"}


def test_a_kind_that_is_not_there_is_refused() -> None:
    """Kinds of later versions too."""
    with pytest.raises(ValidationError, match="throttle"):
        fault_adapter.validate_python({"kind": "throttle", "service": "core"})
