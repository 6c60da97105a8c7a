"""What the lab's server does differently from Toxiproxy 2.12, on purpose, as data. Pure.

The same test bodies run against both (tests/wire/toxiproxy): each row is what they measure, so a row
that holds no more fails them. The guide's table is written from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["DIFFERENCES", "Difference", "Way", "as_markdown"]

Way: TypeAlias = Literal["original", "embedded", "strict"]
"""Whose behaviour: the real server's, the lab's, or the lab's with --strict-compat."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row. `item`: its place in the list of what both are held to; `why`: the reason for it."""

    item: str
    what: str
    original: str
    embedded: str
    strict: str
    why: str

    def of(self, way: Way) -> str:
        """What this server does."""
        return {"original": self.original, "embedded": self.embedded, "strict": self.strict}[way]


LOGGER = Difference(
    "C03",
    "the key `Logger` of a proxy",
    "there",
    "absent",
    "there",
    "an accident of the original; no client reads it",
)
EVERY = Difference(
    "C03",
    "an address without a host",
    "[::]",
    "127.0.0.1",
    "[::]",
    "the lab binds to loopback unless told otherwise",
)
UNUSABLE = Difference(
    "C04",
    "a text that is no address",
    "500",
    "400",
    "500",
    "it is the client's mistake, and not the server's",
)
TAKEN = Difference(
    "C04",
    "a port that somebody else has",
    "500",
    "409",
    "500",
    "a client can tell it from a server that fails",
)
UNSOUND = Difference(
    "C09",
    "attributes that mean nothing",
    "taken",
    "refused",
    "taken",
    "the original crashes on some of them once bytes pass",
)
PACKET_LOSS = Difference(
    "C11",
    "the type `packet_loss`",
    "refused",
    "taken",
    "refused",
    "it came to the original after 2.12",
)
HALF_DONE = Difference(
    "C12",
    "an update of which one attribute is wrong",
    "half done",
    "not done",
    "not done",
    "who is refused expects that nothing has changed",
)
POPULATED = Difference(
    "C15",
    "toxics in a populate",
    "ignored",
    "set",
    "ignored",
    "no early connection escapes them",
)
KNOWN_AGAIN = Difference(
    "C15",
    "populate with the same address in another spelling",
    "replaced",
    "kept",
    "replaced",
    "an application that starts again must not lose its toxics",
)
HALF_CLOSE = Difference(
    "W01",
    "the answer to a client that has sent FIN",
    "lost",
    "passed",
    "lost",
    "such clients are right, and a proxy should not break them",
)
RESET = Difference(
    "W01",
    "an RST reaches the other side as",
    "fin",
    "rst",
    "fin",
    "which of both a client meets decides which error it raises",
)
LIVE_RESET = Difference(
    "W09",
    "`reset_peer` on a connection that is older",
    "fin",
    "rst",
    "fin",
    "a test sets its toxics in the middle of a conversation",
)
SPARED_RESET = Difference(
    "W09",
    "the end of a connection that toxicity spares from `reset_peer`",
    "rst",
    "fin",
    "fin",
    "a toxic that does not act should not be seen",
)
REDRAWN = Difference(
    "W13",
    "toxicity on a live connection when its toxic is updated",
    "drawn again",
    "kept",
    "kept",
    "the same seed hits the same connections",
)
SEED = Difference(
    "W13",
    "two runs with the same seed",
    "differ",
    "agree",
    "agree",
    "a run that failed can be played again",
)
METRICS = Difference(
    "W17",
    "`/metrics`, with `-proxy-metrics`",
    "the bytes of each link that has ended",
    "absent",
    "absent",
    "what passes when is told by the lab's history; this server only stands in for the original",
)
CRASH = Difference(
    "H01",
    "bytes through a `bandwidth` of rate -1",
    "the server dies",
    "refused before",
    "nothing passes",
    "one bad value must not end all tests",
)
BLACK_HOLE = Difference(
    "H05",
    "calls about a proxy while its upstream answers no connect",
    "wait",
    "answered at once",
    "answered at once",
    "the accept loop of the original dials one by one, without a limit",
)
LONG_RESET = Difference(
    "H06",
    "the removal of a `reset_peer` that still waits",
    "waits too",
    "answered at once",
    "answered at once",
    "its wait can't be interrupted in the original",
)

DIFFERENCES = (
    *(LOGGER, EVERY, UNUSABLE, TAKEN, UNSOUND, PACKET_LOSS, HALF_DONE, POPULATED, KNOWN_AGAIN),
    *(
        HALF_CLOSE,
        RESET,
        LIVE_RESET,
        SPARED_RESET,
        REDRAWN,
        SEED,
        METRICS,
        CRASH,
        BLACK_HOLE,
        LONG_RESET,
    ),
)
"""All of them, in the order of the list."""


def as_markdown() -> str:
    """The table of the guide."""
    rows = [
        "| | Toxiproxy 2.12 | `faultlab proxy` | with `--strict-compat` | why |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {one.what} | {one.original} | {one.embedded} | {one.strict} | {one.why} |"
        for one in DIFFERENCES
    ]
    return "\n".join(rows)
