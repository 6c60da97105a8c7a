"""How slow a fault makes an answer, before anything has been sent.

Counterpart: `faults.decide`, which slows bytes that are there. Knows no contract.
"""

from __future__ import annotations

from ...faults import AnyFault, Drip, Latency, Throttle

BYTES = 300  # that a request or an answer is taken to have: nobody knows before it has come


def silence(fault: AnyFault, request: int = 1) -> float:
    """The longest that a client waits for the next byte, in seconds, because of this fault.

    While the request of so many bytes is on its way to the backend the client hears nothing. A
    fault that withholds bytes until it is over has no such time: 0, as for those that slow nothing.
    """
    match fault:
        case Latency(delay=delay, jitter=jitter):
            up = down = delay + jitter
        case Throttle(rate=rate):
            up, down = request / rate, 1 / rate
        case Drip(size=size, interval=interval):
            up, down = request / size * interval, interval
        case _:
            return 0.0
    return {"to_client": down, "to_backend": up, "both": up + down}[fault.direction]


def lasts(fault: AnyFault) -> float:
    """Seconds by which an exchange of a few hundred bytes takes longer; 0 as in `silence`."""
    match fault:
        case Latency(delay=each):
            pass
        case Throttle(rate=rate):
            each = BYTES / rate
        case Drip(size=size, interval=interval):
            each = BYTES / size * interval
        case _:
            return 0.0
    return 2 * each if fault.direction == "both" else each
