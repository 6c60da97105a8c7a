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


def test_a_backend_is_cut_from_a_peer() -> None:
    """Its listener is left alone: a client sees what the backend, or the proxy, makes of it."""
    fault = Partition(service="core", between="nis", direction="to_client")
    assert (fault.reach, fault.observable()) == ("process", ("read_timeout_headers",))
    assert fault.text() == "direction: to_client, between: nis"
    assert fault.slot() != Partition(service="core", between="proxy").slot()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"between": "core"}, "a backend can't be cut from itself"),
        ({"between": "nis", "live": "keep"}, "`live` is of a service's clients"),
        ({"between": ""}, "names another service, or `proxy`"),
        ({"between": "network", "direction": "to_client"}, "without its network loses both"),
    ],
)
def test_what_can_not_be_between_two_backends_is_refused(fields, said: str) -> None:
    """A parameter without effect would be a silent lie."""
    with pytest.raises(ValidationError, match=said):
        Partition(service="core", **fields)
