"""`faultlab stubs`, as a process of its own."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.wire

LIMIT = 30.0
CREATE = "/api/v1/governance/session/create"
OPERATOR = {"operator_id": "op-1", "operator_name": "Operator One"}


@contextmanager
def running(*options: str, descriptors: int = 0) -> Iterator[subprocess.Popen[str]]:
    """The command; begun with so many descriptors, 0: as many as this process."""

    def prepare() -> None:
        # A job in the background of a shell would inherit that it is ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if descriptors:
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, most))

    with subprocess.Popen(
        [sys.executable, "-m", "faultlab", "stubs", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """The next line of the listing."""
    assert process.stdout is not None
    return process.stdout.readline()


def url(told: str) -> str:
    """Where a stub is, from its first line."""
    found = re.search(r"http://127\.0\.0\.1:\d+", told)
    assert found is not None, told
    return found[0]


def test_all_eight_answer_and_ctrl_c_ends_them() -> None:
    """With nothing left: no port, and no word but that it was interrupted."""
    with running("--seed", "7") as process:
        lines = [line(process) for _ in range(8)]
        names = [told.split()[1] for told in lines]
        assert names == ["core", "penelope", "maba", "nis", "icarus", "metis", "noesis", "sophia"]
        urls = [url(told) for told in lines]
        for one in urls:
            answer = httpx.get(f"{one}/health", trust_env=False)
            assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
        assert line(process).endswith("  1.1  GET /health\n")
        assert line(process).endswith("  1.1  200\n")
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, error) == (130, "interrupted; everything is closed (exit 130)\n")
    for one in urls:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(one.rpartition(":")[2])), 10)


def test_a_polite_end_is_a_success_though_streams_are_open() -> None:
    """SIGTERM, as containers send it, while an operator listens."""
    with running("core") as process:
        core = url(line(process))
        with httpx.Client(base_url=core, trust_env=False, timeout=LIMIT) as http:
            session = http.post(CREATE, json=OPERATOR).json()["session_id"]
            path = f"/api/v1/governance/stream/op-1?session_id={session}"
            with http.stream("GET", path) as stream:
                told = stream.iter_lines()
                assert [next(told), next(told)] == [f"id: conn_{session}", "event: connected"]
                process.terminate()
                assert process.wait(LIMIT) == 0


def test_json_lines_tell_requests_effects_and_answers() -> None:
    """By connection and number; a repeated key has no second effect, and time is the clock's."""
    options = ("core", "--json", "--honours-idempotency-key", "--preset", "core=degraded")
    with running(*options) as process:
        begun: dict[str, Any] = json.loads(line(process))
        assert (begun["kind"], begun["presets"]) == ("stub.listening", ["degraded"])
        with httpx.Client(base_url=begun["url"], trust_env=False, timeout=LIMIT) as http:
            sent = [
                http.post(CREATE, json=OPERATOR, headers={"Idempotency-Key": "k"}).json()
                for _ in range(2)
            ]
            health = http.get("/health").json()
        told = [json.loads(line(process)) for _ in range(7)]
    assert sent[0] == sent[1]
    assert (health["status"], abs(health["timestamp"] - time.time()) < 600) == ("degraded", True)
    assert [(it["kind"], it["conn"], it["request"]) for it in told] == [
        ("request.received", 1, 1),
        ("effect.applied", 1, 1),
        ("response.sent", 1, 1),
        ("request.received", 1, 2),
        ("response.sent", 1, 2),
        ("request.received", 1, 3),
        ("response.sent", 1, 3),
    ]


def test_a_pace_is_kept_on_the_wire() -> None:
    """Half a second at least, for each."""
    with running("penelope", "--pace", "loaded", "--seed", "7") as process:
        told = line(process)
        assert told.endswith(", pace loaded, seed 7\n")
        began = time.monotonic()
        assert httpx.get(f"{url(told)}/health", trust_env=False, timeout=LIMIT).status_code == 200
        assert time.monotonic() - began >= 0.46


def test_a_port_in_use_names_the_port_and_who_has_it() -> None:
    """The machine's matter, exit 3; those that were there already are gone again."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running("nis", "core", "--port", f"core={port}") as process:
            out, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (3, "")
    assert f"port {port} of core can't be had on 127.0.0.1: Address already in use" in error
    assert f"(pid {os.getpid()}) listens there" in error


def test_it_takes_the_descriptors_that_it_may_have() -> None:
    """Each connection is one; the limit that a shell sets is far below what is allowed."""
    with running("core", descriptors=64) as process:
        line(process)
        limit, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert limit > 64


def test_a_wrong_word_is_the_command_line_s() -> None:
    """Exit 2, before anything is served."""
    with running("core", "--preset", "core=sabbath") as process:
        out, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (2, "")
    assert "core has no preset 'sabbath'" in error


HOSTILE = [
    b"\x00" * 64 + b"\r\n\r\n",
    b"GET /health HTTP/9.9\r\nhost: x\r\n\r\n",
    b"POST /query HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    b'POST /query HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n{"quer}',
    b"POST /query HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n\xff\xff\xff\xff",
    b"POST /query HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET /api/v1/governance/session/%00%ff/stats HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /api/v1/governance/decision/\x1b[31m HTTP/1.1\r\nhost: x\r\n\r\n",
]


@pytest.mark.parametrize("sent", HOSTILE)
def test_what_is_no_request_is_answered_and_harms_nobody(sent: bytes) -> None:
    """A 4xx or 5xx, and the next client is served; no byte of it reaches the terminal raw."""
    with running("core") as process:
        core = url(line(process))
        with socket.create_connection(("127.0.0.1", int(core.rpartition(":")[2])), 10) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(LIMIT)
            answer = client.recv(4096)
        assert answer == b"" or re.match(rb"HTTP/1\.1 [2345]\d\d ", answer)
        assert httpx.get(f"{core}/health", trust_env=False).status_code == 200
        process.terminate()
        out, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, error) == (0, "")
    assert out.replace("\n", "").isprintable()
