"""What is noted while the events go by."""

from __future__ import annotations

from typing import Any

from faultlab.lab.attempts.gathered import Gathered
from faultlab.lab.history import (
    AttemptBegun,
    AttemptEnded,
    ConnClosed,
    FaultFired,
    OpFailed,
    OpOk,
    ResponseHead,
)

Tell = Any  # the writer of events in conftest.py


def test_the_first_end_of_a_connection_and_the_client_s_own_are_kept_apart(tell: Tell) -> None:
    """The lab may shut a connection that the client leaves later; both facts are judged."""
    lab = ConnClosed(t=0.3, conn=1, service="core", by="lab", how="fin")
    client = ConnClosed(t=0.5, conn=1, service="core", by="client", how="fin")
    conn = Gathered(tell.history(*tell.exchange(0.1, lab, client))).conns[1]
    assert conn.first is not None
    assert conn.client is not None
    assert (conn.first.t, conn.client.t) == (0.3, 0.5)


def test_an_interim_answer_is_no_answer(tell: Tell) -> None:
    """`100 Continue` says nothing of what a request met."""
    interim = ResponseHead(t=0.2, conn=1, request=1, service="core", status=100)
    gathered = Gathered(tell.history(*tell.exchange(0.1, interim)))
    assert gathered.conns[1].exchanges[0].head is None


def test_a_fault_hits_an_exchange_or_else_its_connection(tell: Tell) -> None:
    """A fault of the stream knows no request."""
    on_request = FaultFired(t=0.2, fault=1, conn=1, request=1)
    on_stream = FaultFired(t=0.2, fault=2, conn=1)
    conn = Gathered(tell.history(*tell.exchange(0.1, on_request, on_stream))).conns[1]
    assert (conn.exchanges[0].faults, conn.faults) == ({1: 0.2}, {2: 0.2})


def test_only_the_first_end_of_an_operation_counts(tell: Tell) -> None:
    """A second one would rewrite what was judged."""
    gathered = Gathered(tell.history(tell.invoked(0.1), tell.failed(0.2), OpOk(t=0.3, op=1)))
    assert isinstance(gathered.calls[1].end, OpFailed)


def test_the_client_s_own_stamps_are_found_by_operation_and_attempt(tell: Tell) -> None:
    """An attempt that carries no tag has none."""
    gathered = Gathered(
        tell.history(
            AttemptBegun(t=0.1, op=1, attempt=2, late=0.01), AttemptEnded(t=0.4, op=1, attempt=2)
        )
    )
    told = gathered.told(1, 2)
    assert (told.begun, told.begun_late, told.ended) == (0.1, 0.01, 0.4)
    assert gathered.told(1, 1).begun is None
    assert gathered.told(None, 2).begun is None
