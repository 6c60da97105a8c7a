"""What a subject's request costs with its tag, its events and the audit of its connects.

The same client, once bare and once watched, in turns; what it records goes to a process of its own,
as in a run.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from statistics import median

import httpx
from ways import script

from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.feed import Feed
from faultlab.lab.subjects.recording import Watch

__all__ = ["instrumented"]

REQUESTS = 200  # of one round, each way


SWALLOW = """
import socket, sys
with socket.socket(fileno=int(sys.argv[1])) as events:
    while events.recv(65536):
        pass
"""


def _each(request: Callable[[], object]) -> float:
    """The median of so many, in microseconds."""
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        request()
        times.append(time.perf_counter() - began)
    return median(times) * 1e6


def instrumented(rounds: int) -> None:
    """Requests on a kept connection, and on a new one each, bare and watched."""
    print(f"instrumentation, median of {rounds} rounds: one request of httpx, in microseconds")
    with script("server.py") as server, httpx.Client(trust_env=False, timeout=30) as http:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        ours, theirs = socket.socketpair()
        end = theirs.fileno()
        recorder = subprocess.Popen([sys.executable, "-c", SWALLOW, str(end)], pass_fds=(end,))
        theirs.close()
        channel = Feed(ours)
        numbers, watch = count(1), Watch()
        for title, headers in (
            ("kept connection", {}),
            ("new connection", {"connection": "close"}),
        ):

            def get(headers: dict[str, str] = headers) -> object:
                return http.get(f"http://127.0.0.1:{port}/orders/7", headers=headers)

            def watched(get: Callable[[], object] = get) -> None:
                with watch.operation(next(numbers), "read", service="orders") as ended:
                    ended.value = get()

            bare: list[float] = []
            told: list[float] = []
            for _ in range(rounds + 1):
                bare.append(_each(get))
                watch.start({port: "orders"}, channel, Stamp(time.monotonic()))
                told.append(_each(watched))
                watch.stop()
            ratios = [one / other for one, other in zip(told[1:], bare[1:], strict=True)]
            print(
                f"  {title:<17} bare {median(bare[1:]):7.0f}   watched {median(told[1:]):7.0f}   "
                f"ratio {median(ratios):5.2f}   from {min(ratios):.2f} to {max(ratios):.2f}"
            )
        channel.close()
        recorder.wait()
