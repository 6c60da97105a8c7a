"""What a client leaves behind: the corners of the claim."""

from typing import Any

from faultlab.lab import history as h


def closed(story: Any, until: float, **end: Any) -> Any:
    """A subject that made one call and was closed at 1.0; the history ends at `until`."""
    told = story().call(1, 0.1, 200)
    if end:
        told.close(**end)
    return told.add(h.SubjectClosed, 1.0).add(h.Sample, until, gauge="sockets", value=0.0)


def test_what_the_lab_ended_first_is_closed(story: Any, found: Any) -> None:
    """A client can't close what was taken from it."""
    assert found("C70", closed(story, 3.0, t=0.5, by="lab")).outcome == "pass"


def test_what_the_lab_tidies_up_hides_no_leak(story: Any, found: Any) -> None:
    """At its end the lab closes everything."""
    assert found("C70", closed(story, 5.0, t=4.0, by="lab")).outcome == "fail"


def test_a_connection_that_stays_open_is_a_leak(story: Any, found: Any) -> None:
    """The proxy saw no FIN within the grace."""
    finding = found("C70", closed(story, 3.0))
    assert finding.seen == "connection 1 to orders was still open 2.000 s after close"
    assert finding.promised == "every connection is closed within 1 s of close"


def test_a_history_that_ends_too_early_proves_no_leak(story: Any, found: Any) -> None:
    """The FIN may have been on its way."""
    finding = found("C70", closed(story, 1.2))
    assert (finding.outcome, finding.to_know) == (
        "unknown",
        "keep the run going for 1 s after close",
    )


def test_a_subject_that_was_never_closed_is_not_judged(story: Any, found: Any) -> None:
    """It may still need its pool."""
    assert found("C70", story().call(1, 0.1, 200)).outcome == "not_exercised"


def test_each_life_of_a_subject_answers_for_its_own_connections(story: Any, found: Any) -> None:
    """The second life must not be blamed for what the first one left."""
    told = closed(story, 1.1).add(h.SubjectOpened, 1.2)
    told.begin(2, 1.3).meet(2, 1, 1.4, 200, conn=2).ok(2, 1.5).close(1.6, conn=2)
    told.add(h.SubjectClosed, 1.7).add(h.Sample, 4.0, gauge="sockets", value=0.0)
    finding = found("C70", told)
    assert (finding.outcome, finding.more) == ("fail", 0)
    assert finding.seen.startswith("connection 1 to orders")


def test_an_unplugged_connection_may_have_ended_unheard(story: Any, found: Any) -> None:
    """The client's FIN vanishes with all else that it sends."""
    told = story().call(1, 0.1, 200).arm(0.5, "partition")
    told.add(h.FaultFired, 0.5, fault=1, conn=1, on="connection", heard=False)
    told.add(h.SubjectClosed, 1.0).add(h.Sample, 4.0, gauge="sockets", value=0.0)
    finding = found("C70", told)
    assert (finding.outcome, finding.missing) == (
        "unknown",
        "connection 1 to orders was unplugged, and nothing of the client was heard after it",
    )
