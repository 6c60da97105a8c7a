"""What the lab costs, as ratios within one run: `make bench`.

Absolute times are this machine's; a ratio compares two things measured in turns, under the same
load. Loopback only; every loop is bounded.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faultlab.lab.backends.specification import Url, parse
from faultlab.lab.environments.embedded import Embedded, LabProcess
from faultlab.lab.history import Header

REQUEST = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
WARM = 200

# A backend of its own process: what is measured is the way there, not what serves.
SERVER = """
import asyncio

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 8\\r\\n\\r\\n{\\"id\\":7}"

class Serve(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@contextmanager
def backend() -> Iterator[int]:
    """A server in a process of its own; its port."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def client(port: int) -> Iterator[Callable[[], float]]:
    """A call that makes one round trip on a kept connection, and gives its seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def call() -> float:
            began = time.perf_counter()
            sock.sendall(REQUEST)
            got = b""
            while not got.endswith(b"}"):
                got += sock.recv(4096)
            return time.perf_counter() - began

        for _ in range(WARM):
            call()
        yield call


def quantiles(times: list[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    cut = statistics.quantiles(times, n=100)
    return cut[49], cut[98]


def latency(rounds: int, calls: int) -> None:
    """Round trips direct and through the proxy with recording on, in alternating rounds."""
    direct: list[float] = []
    proxied: list[float] = []
    with ExitStack() as stack:
        port = stack.enter_context(backend())
        process = stack.enter_context(LabProcess())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        feed, events = socket.socketpair()
        stack.enter_context(events)
        lab = Embedded(
            process,
            {"orders": Url(f"http://127.0.0.1:{port}")},
            header=Header(scenario="bench"),
            path=Path(folder) / "bench.jsonl",
            feed=feed,
        )
        stack.callback(lab.close)
        one = stack.enter_context(client(port))
        other = stack.enter_context(client(lab.ports["orders"]))
        for _ in range(rounds):
            direct += [one() for _ in range(calls)]
            proxied += [other() for _ in range(calls)]
    (d50, d99), (p50, p99) = quantiles(direct), quantiles(proxied)
    print(f"round trip of a small request, {rounds} x {calls} each, recorded")
    print(f"  direct               p50 {d50 * 1e6:7.0f} us   p99 {d99 * 1e6:7.0f} us")
    print(f"  through the proxy    p50 {p50 * 1e6:7.0f} us   p99 {p99 * 1e6:7.0f} us")
    print(f"  ratio                p50 {p50 / d50:7.1f}      p99 {p99 / d99:7.1f}")
    print(
        f"  added                p50 {(p50 - d50) * 1e6:7.0f} us   p99 {(p99 - d99) * 1e6:7.0f} us"
    )


def startup(rounds: int) -> None:
    """From nothing to a lab process that answers, beside a bare interpreter's start."""
    bare: list[float] = []
    lab: list[float] = []
    run: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", ""], check=True)
            bare.append(time.perf_counter() - began)
            began = time.perf_counter()
            with LabProcess() as process:
                for name, times in (("first", lab), ("next", run)):
                    feed, events = socket.socketpair()
                    opened = Embedded(
                        process,
                        {"orders": parse({"GET /orders/{id}": {"id": 7}})},
                        header=Header(scenario="bench"),
                        path=Path(folder) / f"{name}-{number}.jsonl",
                        feed=feed,
                    )
                    times.append(time.perf_counter() - began)
                    opened.close()
                    events.close()
                    began = time.perf_counter()
    median = statistics.median
    print(f"start-up, median of {rounds}")
    print(f"  bare interpreter     {median(bare) * 1e3:7.1f} ms")
    print(
        f"  lab, first listener  {median(lab) * 1e3:7.1f} ms   ratio {median(lab) / median(bare):6.1f}"
    )
    print(
        f"  each further test    {median(run) * 1e3:7.1f} ms   ratio {median(run) / median(bare):6.2f}"
    )


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=500)
    chosen = parser.parse_args()
    latency(chosen.rounds, chosen.calls)
    startup(chosen.rounds)


if __name__ == "__main__":
    main()
