"""What loading and judging cost against the length of a history.

In processor time, so that what else the machine does counts for little.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from faultlab.lab import history as h
from faultlab.lab.contract import Contract, builtin
from faultlab.lab.tune import FAST, tuned
from faultlab.lab.verdict import judge

__all__ = ["judging"]

MILLION = 1_000_000
LENGTHS = (1_000, 10_000, 100_000, MILLION)  # events
FAILS_EVERY = 20  # operations
KEPT = 50  # requests of one connection


def events(count: int) -> Iterator[h.AnyEvent]:
    """So many events, or few more: sequential reads, of which every 20th is answered 503 at first."""
    yield h.SubjectOpened(t=0.0)
    yield h.ListenerMode(t=0.0, service="core", mode="open")
    yield h.FaultArmed(t=0.0, fault=1, service="core", name="status", unfired="ok")
    t, conn, request, op, made = 0.0, 0, KEPT, 0, 3
    while made < count:
        op += 1
        t = round(t + 0.01, 6)
        endpoint = "GET /health"
        call = {"op": op, "service": "core"}
        found: list[h.AnyEvent] = [
            h.OpInvoked(t=t, name="read", endpoint=endpoint, idempotent=True, **call)
        ]
        for attempt in range(1, 3 if op % FAILS_EVERY == 0 else 2):
            if request == KEPT:
                conn, request = conn + 1, 0
                found.append(h.ConnOpened(t=t, conn=conn, service="core", port=50_000))
            request += 1
            failed = op % FAILS_EVERY == 0 and attempt == 1
            tagged = {**call, "attempt": attempt}
            wire = {**tagged, "conn": conn, "request": request}
            found += [
                h.AttemptBegun(t=t + 0.0001, **tagged),
                h.RequestStarted(t=t + 0.0002, method="GET", target="/health", **wire),
                h.RequestComplete(t=t + 0.0003, **wire),
                h.FaultFired(t=t + 0.0003, fault=1, **wire)
                if failed
                else h.RequestReceived(t=t + 0.0004, method="GET", target="/health", **wire),
                h.ResponseHead(t=t + 0.0006, status=503 if failed else 200, **wire),
                h.ResponseComplete(t=t + 0.0007, length=10, **wire),
                h.AttemptEnded(t=t + 0.0008, **tagged),
            ]
            t = round(t + (0.04 if failed else 0.0), 6)
        found.append(h.OpOk(t=t + 0.001, type="Health", **call))
        made += len(found)
        yield from found


def judging(rounds: int) -> None:
    """Loading and judging histories of growing length, the longest of them once."""
    contract = tuned(builtin("maximus"), FAST)
    print(f"judging, median of {rounds}: processor time of loading and judging a history")
    first = 0.0
    for length in LENGTHS:
        recorded = h.numbered(h.Header(scenario="bench", run="test"), events(length))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "history.jsonl"
            recorded.save(path)
            length = len(recorded)
            del recorded  # its memory is for who judges
            times = [_judged(contract, path) for _ in range(1 if length >= MILLION else rounds)]
        load, whole, clock = (median(each) for each in zip(*times, strict=True))
        each = whole / length
        first = first or each
        print(
            f"  {length:>8} events {whole:8.2f} s   loading {load:6.2f} s   "
            f"{each * 1e6:6.1f} us an event   ratio {each / first:5.2f}"
        )
    print(
        f"  a million events in {each * MILLION:.1f} s of processor time, "
        f"{clock * MILLION / length:.1f} s by the clock"
    )


def _judged(contract: Contract, path: Path) -> tuple[float, float, float]:
    """Processor seconds of loading, and of loading and judging, and those by the clock."""
    began, clock = time.process_time(), time.perf_counter()
    loaded = h.load(path)
    read = time.process_time()
    judge(contract, loaded)
    return read - began, time.process_time() - began, time.perf_counter() - clock
