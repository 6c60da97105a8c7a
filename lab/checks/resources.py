"""Checks about what a client leaves behind.

Counterpart: lab/attempts reads the connections that the proxy accepted.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Reading
from ..contract import Contract
from ..tolerance import BASE, within
from .case import seconds
from .finding import CheckInfo, Finding

GRACE = 1.0
"""Seconds after close in which a client's last FIN or RST must arrive."""

LEAK = CheckInfo(
    "C70",
    "no-connection-leak",
    "after close the client leaves no connection open",
    "the subject was closed and had opened connections",
)


def leak(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C70. Precondition: a subject that had opened connections was closed.

    Claim: each of them is over within the grace, whoever ended it. What the lab itself closes
    later, when it tidies up, hides no leak. Witness: the connection. Source: httpcore#658, #1093.
    """
    for connection in reading.connections:
        if connection.incarnation >= len(reading.incarnations):
            continue
        life = reading.incarnations[connection.incarnation]
        if life.closed is None:
            continue
        name = f"connection {connection.id} to {connection.service}"
        over = connection.closed
        waited = (over if over is not None else reading.end) - life.closed
        if connection.unheard is not None and (over is None or waited > GRACE):
            yield LEAK.unknown(
                f"{name} was unplugged, and nothing of the client was heard after it",
                to_know="heal the partition some seconds before the subject is closed",
                events=connection.events,
            )
            continue
        match within(waited, None, GRACE, BASE):
            case "yes" if over is not None:
                yield LEAK.passed()
            case "yes":
                yield LEAK.unknown(
                    f"{name} was open when the history ended, {seconds(waited)} after close",
                    to_know=f"keep the run going for {GRACE:g} s after close",
                    events=connection.events,
                )
            case "unknown":
                yield LEAK.unknown(
                    f"{name} was open for {seconds(waited)} after close, within the tolerance",
                    events=connection.events,
                )
            case "no":
                yield LEAK.failed(
                    f"{name} was still open {seconds(waited)} after close",
                    promised=f"every connection is closed within {GRACE:g} s of close",
                    events=connection.events,
                    marks=(
                        ((connection.events[-1], f"<- {seconds(waited)} after close"),)
                        if connection.events
                        else ()
                    ),
                )
