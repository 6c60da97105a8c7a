"""What a client leaves behind: the corners of the claim."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import parse


def closed(story: Any, until: float, **end: Any) -> Any:
    """A subject that made one call and was closed at 1.0; the history ends at `until`."""
    told = story().call(1, 0.1, 200)
    if end:
        told.close(**end)
    return told.add(h.SubjectClosed, 1.0).add(h.PhaseEntered, until)


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
    told.add(h.SubjectClosed, 1.7).add(h.PhaseEntered, 4.0)
    finding = found("C70", told)
    assert (finding.outcome, finding.more) == ("fail", 0)
    assert finding.seen.startswith("connection 1 to orders")


def test_an_unplugged_connection_may_have_ended_unheard(story: Any, found: Any) -> None:
    """The client's FIN vanishes with all else that it sends."""
    told = story().call(1, 0.1, 200).arm(0.5, "partition")
    told.add(h.FaultFired, 0.5, fault=1, conn=1, on="connection", heard=False)
    told.add(h.SubjectClosed, 1.0).add(h.PhaseEntered, 4.0)
    finding = found("C70", told)
    assert (finding.outcome, finding.missing) == (
        "unknown",
        "connection 1 to orders was unplugged, and nothing of the client was heard after it",
    )


HELD = {"task": 1, "thread": 2, "timer": 0, "descriptor": 8}


def left_behind(story: Any, *left: h.Left, since: float = 0.0) -> Any:
    """One life of a subject that made one call and left this behind."""
    told = story().add(h.Sample, since, at="open", counts=HELD).call(1, 0.1, 200)
    return told.add(h.SubjectClosed, 1.0).add(h.Sample, 1.01, at="close", left=left)


def test_what_is_left_is_told_by_name_and_number(story: Any, found: Any) -> None:
    """A count alone sends its reader searching."""
    kinds = [("refresh at shop.py:88", 2), *((f"poll-{number}", 1) for number in range(4))]
    left = [h.Left(kind="task", name=name, count=count) for name, count in kinds]
    finding = found("C71", left_behind(story, *left))
    assert finding.seen == (
        "6 tasks still running after close: refresh at shop.py:88 (2), poll-0, poll-1, 2 more names"
    )
    assert [mark for _, mark in finding.marks] == ["<- 6 tasks"]


def test_each_kind_is_a_finding_of_its_own(story: Any, found: Any) -> None:
    """A thread and the pipe that it reads are mended in two places."""
    left = [h.Left(kind="thread", name="poll"), h.Left(kind="descriptor", name="pipe", count=2)]
    finding = found("C71", left_behind(story, *left))
    assert (finding.seen, finding.more) == ("1 thread still running after close: poll", 1)


def test_a_coroutine_names_the_operation_that_threw_it_away(story: Any, found: Any) -> None:
    """It ran in none of its lines, so the operation is all there is to find it by."""
    left = h.Left(kind="coroutine", name="Shop.get", op=1)
    finding = found("C71", left_behind(story, left))
    assert (finding.seen, finding.operation) == (
        "1 coroutine thrown away and never awaited: Shop.get",
        1,
    )


@pytest.mark.parametrize(("most", "outcome"), [("none", "fail"), (1, "fail"), (2, "pass")])
def test_a_contract_may_allow_some(story: Any, found: Any, most: int | str, outcome: str) -> None:
    """A pool of threads may belong to the whole process."""
    told = left_behind(story, h.Left(kind="thread", name="pool", count=2))
    shared = parse({"resources": {"threads_after": most}}, "shared")
    finding = found("C71", told, shared)
    assert finding.outcome == outcome
    if most == 1:
        assert finding.promised == "after close at most 1 threads are left"
        assert finding.field == "resources.threads_after: 1"


def test_without_a_contract_nothing_may_be_left(story: Any, found: Any) -> None:
    """It holds for every client."""
    left = h.Left(kind="timer", name="poll")
    assert found("C71", left_behind(story, left), None).outcome == "fail"


def test_a_life_is_blamed_for_what_it_left_itself(story: Any, found: Any) -> None:
    """The next one begins with it."""
    told = left_behind(story, h.Left(kind="timer", name="poll"))
    told.add(h.SubjectOpened, 1.1).add(h.Sample, 1.2, at="open", counts={**HELD, "timer": 1})
    told.add(h.SubjectClosed, 1.3).add(h.Sample, 1.4, at="close")
    finding = found("C71", told)
    assert (finding.outcome, finding.cases, finding.more) == ("fail", 2, 0)


def test_where_nobody_could_look_nothing_is_known(story: Any, found: Any) -> None:
    """A test's own process holds more than the client; a killed one holds nothing any more."""
    told = story().call(1, 0.1, 200).add(h.SubjectClosed, 1.0)
    assert found("C71", told).outcome == "not_exercised"
    told.add(h.Sample, 0.01, at="open", counts=HELD)
    assert found("C71", told).missing == "the subject's process ended before it could be looked at"
