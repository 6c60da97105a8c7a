import pytest
from pydantic import ValidationError

from faultlab.faults import Partition


def test_live_connections_are_held() -> None:
    """The other ways come with another issue, and are refused until then."""
    assert Partition(service="core").live == "hold"
    with pytest.raises(ValidationError):
        Partition(service="core", live="unplugged")


def test_it_shows_as_silence() -> None:
    """On a new connection, and on a live one."""
    assert Partition(service="core").observable() == ("connect_timeout", "read_timeout_headers")
