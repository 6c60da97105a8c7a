import pytest

from faultlab.faults import AnyFault, Drip, Latency, Stall, Status, Throttle
from faultlab.lab.plan.slowness import BYTES, lasts, silence


@pytest.mark.parametrize(
    ("fault", "silent", "longer"),
    [
        (Latency(service="s", delay=2.0, jitter=0.5), 2.5, 2.0),
        (Latency(service="s", delay=2.0, direction="both"), 4.0, 4.0),
        (Throttle(service="s", rate=100), 0.01, BYTES / 100),
        (Throttle(service="s", rate=100, direction="both"), 0.02, 2 * BYTES / 100),
        (Drip(service="s", size=3, interval=0.5), 0.5, BYTES / 6),
        (Drip(service="s", size=1, interval=0.5, direction="to_backend"), 0.5, BYTES / 2),
        (Stall(service="s"), 0.0, 0.0),
        (Status(service="s", code=503), 0.0, 0.0),
    ],
)
def test_what_a_client_waits_for_the_next_byte_is_not_what_it_waits_for_all(
    fault: AnyFault, silent: float, longer: float
) -> None:
    """A read time-out ends the one, a deadline the other."""
    assert (silence(fault), lasts(fault)) == (pytest.approx(silent), pytest.approx(longer))


def test_while_a_request_is_on_its_way_nothing_is_heard() -> None:
    """A slow request is a silence, a slow answer is none."""
    slow = {way: Throttle(service="s", rate=100, direction=way) for way in ("to_client", "both")}
    assert silence(slow["to_client"], 300) == pytest.approx(0.01)
    assert silence(slow["both"], 300) == pytest.approx(3.01)
    drip = Drip(service="s", size=100, interval=1.0, direction="to_backend")
    assert silence(drip, 300) == pytest.approx(3.0)
