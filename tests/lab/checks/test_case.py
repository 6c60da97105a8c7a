"""When the attempts that were seen may not be all of them."""

from typing import Any

from msgspec.structs import replace

from faultlab.lab import history as h
from faultlab.lab.attempts import Missing, doubt, read
from faultlab.lab.checks.case import attempts, seconds


def reading_of(story: Any) -> Any:
    """What a story reads as."""
    return read(story.history())


def test_hidden_connects_matter_only_while_a_fault_can_hide_them(story: Any) -> None:
    """Under uvloop a story about statuses must still be judged."""
    told = story().arm(0.5, "refused").on(h.FaultCleared, 1.0, fault=1, name="refused")
    reading = reading_of(told.call(1, 0.1, 503).call(2, 0.7, 503))
    blind = replace(reading, missing=(Missing("connects", "this is uvloop"),))
    assert doubt(blind, blind.operations[0]) == ""
    assert doubt(blind, blind.operations[1]) == "connects that reach no proxy: this is uvloop"
    assert doubt(reading, reading.operations[1]) == ""


def test_an_inferred_attribution_is_in_doubt(story: Any) -> None:
    """A guess about whose attempt it was must not become a verdict."""
    operation = replace(reading_of(story().call(1, 0.1, 503)).operations[0], certainty="inferred")
    assert doubt(reading_of(story()), operation) == (
        "which attempts are this operation's is only inferred"
    )


def test_strays_put_only_the_operations_of_their_time_in_doubt(story: Any) -> None:
    """One untagged request must not blur a whole run."""
    told = story().begin(1, 0.1).begin(2, 0.2).start(None, None, 0.3).answer(0.31, 200)
    told.ok(1, 0.4).ok(2, 0.5).call(3, 0.6, 200)
    reading = reading_of(told)
    assert doubt(reading, reading.operations[0]) == "1 attempts belong to no single operation"
    assert doubt(reading, reading.operations[2]) == ""


def test_operations_during_which_the_lab_accepted_nothing_are_in_doubt(story: Any) -> None:
    """Their silence is the lab's, and no fault's."""
    told = story().call(1, 0.1, 200).on(h.Starved, 0.5, why="no descriptor")
    told.call(2, 0.6, 200).on(h.Starved, 0.7, over=True).call(3, 0.9, 200)
    reading = reading_of(told)
    assert [doubt(reading, one) for one in reading.operations] == [
        "",
        "meanwhile the lab could accept no connection: no descriptor",
        "",
    ]
    lasting = reading_of(told.on(h.Starved, 1.0, why="x").call(4, 1.1, 200))
    assert doubt(lasting, lasting.operations[3]).endswith(": x")


def test_what_untagged_clients_send_into_unplugged_connections_is_in_doubt(story: Any) -> None:
    """It arrives later, or never, and nothing says whose it was."""
    told = story().call(1, 0.1, 200).arm(0.5, "partition")
    told.add(h.FaultFired, 0.5, fault=1, conn=1, on="connection", heard=False)
    told.begin(2, 0.6).ok(2, 0.7)
    reading = reading_of(told)
    assert doubt(reading, reading.operations[1]) == ""
    untagged = replace(
        reading, incarnations=tuple(replace(one, tagged=False) for one in reading.incarnations)
    )
    assert doubt(untagged, untagged.operations[0]) == ""
    assert doubt(untagged, untagged.operations[1]) == (
        "what was sent on unplugged connections has not arrived, and is not tagged"
    )
    late = told.on(h.FaultCleared, 0.8, fault=1, name="partition").start(None, None, 0.9)
    late.begin(3, 1.0).ok(3, 1.1)
    reading = reading_of(late)
    assert [doubt(reading, one) for one in reading.operations] == [
        "",
        "1 attempts belong to no single operation",
        "",
    ]


def test_an_operation_that_never_ended_is_in_doubt(story: Any) -> None:
    """What would have followed was not seen."""
    reading = reading_of(story().begin(1, 0.1).on(h.OpUnknown, 5.0, op=1))
    assert doubt(reading, reading.operations[0]) == (
        "the operation was still running when the run ended"
    )


def test_numbers_for_sentences() -> None:
    """One is singular, and a millisecond is never rounded away."""
    assert (attempts(1), attempts(3), seconds(0.0421)) == ("1 attempt", "3 attempts", "0.042 s")
