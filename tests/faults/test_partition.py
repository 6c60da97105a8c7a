import pytest
from pydantic import ValidationError

from faultlab.faults import Partition


def test_it_shows_as_silence() -> None:
    """On a new connection, and on a live one unless those live on."""
    silence = ("connect_timeout", "read_timeout_headers")
    assert Partition(service="core").observable() == silence
    assert Partition(service="core", live="unplugged").observable() == silence
    assert Partition(service="core", live="keep").observable() == ("connect_timeout",)


@pytest.mark.parametrize(
    ("live", "direction", "said"),
    [
        ("keep", "to_client", "`live: keep` leaves live connections both directions"),
        ("unplugged", "to_client", "an unplugged connection loses what the client sends"),
        ("gone", "both", "'hold', 'unplugged' or 'keep'"),
    ],
)
def test_what_live_connections_cannot_lose_is_refused(live: str, direction: str, said: str) -> None:
    """A parameter without effect would be a silent lie."""
    with pytest.raises(ValidationError, match=said):
        Partition(service="core", live=live, direction=direction)
