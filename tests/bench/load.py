"""The bench's client, a process of its own: `python load.py` reads orders and prints figures.

One JSON line each way: `[measure, port, count]` in, the figures out. Blocking sockets and large
reads, so that what lies before the client is what limits the rate.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time

BLOCK = 1024 * 1024  # bytes of one read
MB = 1_000_000
SIZE = 128 * MB  # of all bodies of one measure
WARM = 20  # round trips before those that count
AT_ONCE = 8  # connections that are open together
PATIENCE = 60.0  # seconds for one call of a socket
REQUEST = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWERED = b'{"id":7}'


def connected(port: int) -> socket.socket:
    """A connection to this port."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def answer(sock: socket.socket) -> None:
    """Wait for a small answer."""
    got = b""
    while not got.endswith(ANSWERED):
        data = sock.recv(4096)
        if not data:
            raise EOFError(f"the connection ended after {got!r}")
        got += data


def fetch(port: int, size: int) -> None:
    """A body of so many bytes, to its end."""
    block = bytearray(BLOCK)
    with connected(port) as sock:
        sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % size)
        got = 0
        while got < size and (part := sock.recv_into(block)):
            got += part
        if got < size:
            raise EOFError(f"{got} of {size} bytes came")


def down(port: int, streams: int) -> list[float]:
    """MB/s of bodies fetched on so many connections at once."""
    threads = [threading.Thread(target=fetch, args=(port, SIZE // streams)) for _ in range(streams)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [SIZE / MB / (time.perf_counter() - began)]


def up(port: int, requests: int) -> list[float]:
    """MB/s of so many requests' bodies, each until it is answered."""
    block = memoryview(bytes(BLOCK))
    began = time.perf_counter()
    for _ in range(requests):
        with connected(port) as sock:
            size = SIZE // requests
            sock.sendall(b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
            for start in range(0, size, BLOCK):
                sock.sendall(block[: min(BLOCK, size - start)])
            answer(sock)
    return [SIZE / MB / (time.perf_counter() - began)]


def trip(port: int, count: int) -> list[float]:
    """Median and 99th percentile, in microseconds, of small requests on one kept connection."""
    times: list[float] = []
    with connected(port) as sock:
        for _ in range(WARM + count):
            began = time.perf_counter()
            sock.sendall(REQUEST)
            answer(sock)
            times.append(time.perf_counter() - began)
    cut = statistics.quantiles(times[WARM:], n=100)
    return [cut[49] * 1e6, cut[98] * 1e6]


def connects(port: int, count: int) -> list[float]:
    """Connections a second, each with one small request, `AT_ONCE` of them together."""
    began = time.perf_counter()
    for _ in range(0, count, AT_ONCE):
        socks = [connected(port) for _ in range(AT_ONCE)]
        for sock in socks:
            sock.sendall(REQUEST)
        for sock in socks:
            answer(sock)
            sock.close()
    return [count / (time.perf_counter() - began)]


MEASURES = {"down": down, "up": up, "trip": trip, "connects": connects}

if __name__ == "__main__":
    for line in sys.stdin:
        name, to, number = json.loads(line)
        print(json.dumps(MEASURES[name](to, number)), flush=True)
