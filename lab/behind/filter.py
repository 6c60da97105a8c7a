"""The packet filter before Toxiproxy's ports, by `nft`: refuse or drop connects, unplug a client.

One table of our own in the network namespace, named by the process that made it, and nothing else is
touched. A `Guard` removes it when that process closes it, or has ended, whatever ended it; where the guard
was killed, too, it goes with the namespace (a container's), or at the next start of a lab in the same
namespace: `sweep` removes the tables of processes that are gone. Calls block.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol

from ..errors import SetupError

__all__ = ["Filter", "Guard", "Shut", "name_of", "table"]

Shut = Literal["refusing", "dark"]

LIMIT = 5.0  # seconds for one call of nft; it takes some milliseconds

_OURS = re.compile(r"faultlab_(\d+)_(\d+)")


def table(name: str) -> str:
    """The table's text: three sets of ends, empty at first, and what happens to their packets.

    A SYN of a port that refuses is answered by RST, of one that is dark by nothing; of a client that
    is unplugged nothing arrives at all.
    """
    return f"""table inet {name} {{
    set refusing {{ type ipv4_addr . inet_service; }}
    set dark {{ type ipv4_addr . inet_service; }}
    set unplugged {{ type ipv4_addr . inet_service . ipv4_addr . inet_service; }}
    chain arriving {{
        type filter hook input priority -300; policy accept;
        tcp flags & (syn | ack) == syn ip daddr . tcp dport @dark drop
        tcp flags & (syn | ack) == syn ip daddr . tcp dport @refusing reject with tcp reset
        ip saddr . tcp sport . ip daddr . tcp dport @unplugged drop
    }}
}}
"""


def name_of(pid: int, stat: str) -> str:
    """The table's name: the process, and when it started, for numbers are given again.

    `stat` is the text of its /proc/PID/stat.
    """
    started = stat.rpartition(")")[2].split()[19]
    return f"faultlab_{pid}_{started}"


class Guard:
    """A process that removes a table when its input ends: with `close`, or with this process.

    Raises SetupError if it does not start.
    """

    def __init__(self, name: str) -> None:
        try:
            self._process = subprocess.Popen(
                ["sh", "-c", 'read -r _; exec nft delete table inet "$0"', name],  # noqa: S607
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what ends a whole group must not end it
            )
        except OSError as error:
            raise SetupError(f"what removes the packet filter does not start: {error}") from error

    def close(self) -> None:
        """Have the table removed; it is gone on return. Raises SetupError if it is not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:
            raise SetupError(f"the packet filter (nft) was not removed: code {code}")


class Guarding(Protocol):
    """What removes a table."""

    def close(self) -> None:
        """Remove it."""


class Filter:
    """The filter of this process. The table is made when the first rule is needed.

    Each call raises SetupError; `missing` says beforehand why there can be none.
    """

    def __init__(
        self,
        run: Callable[[str], str] | None = None,
        guarded: Callable[[str], Guarding] = Guard,
    ) -> None:
        self._run = _nft if run is None else run
        self._guarded = guarded
        self._guard: Guarding | None = None
        self._name = ""

    @staticmethod
    def missing() -> str:
        """Why this process can't filter packets; empty if it can."""
        if shutil.which("nft") is None:
            return "no packet filter (`nft`) is installed"
        try:
            _nft("add table inet faultlab_probe\ndelete table inet faultlab_probe\n")
        except SetupError:
            return "the right to filter packets (CAP_NET_ADMIN, which root has) is missing"
        return ""

    def switch(self, address: str, port: int, before: Shut | None, wanted: Shut | None) -> None:
        """From one rule for connects to another, in one step."""
        ends = f"{address} . {port}"
        lines = []
        if before is not None:
            lines.append(("delete", before, ends))
        if wanted is not None:
            lines.append(("add", wanted, ends))
        self._change(lines)

    def unplug(self, client: tuple[str, int], ours: tuple[str, int]) -> None:
        """Drop whatever this client sends to this port."""
        self._change([("add", "unplugged", _flow(client, ours))])

    def plug(self, client: tuple[str, int], ours: tuple[str, int]) -> None:
        """Let it through again."""
        self._change([("delete", "unplugged", _flow(client, ours))])

    def close(self) -> None:
        """Remove the table. Raises SetupError if it does not go."""
        self._name = ""
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.close()

    def sweep(self) -> None:
        """Remove the tables of processes that are gone."""
        told = json.loads(self._run("") or "{}")
        gone = [
            found["table"]["name"]
            for found in told.get("nftables", [])
            if _is_left(found.get("table", {}).get("name", ""))
        ]
        for name in gone:
            self._run(f"delete table inet {name}\n")

    def _change(self, lines: Iterable[tuple[str, str, str]]) -> None:
        text = ""
        if not self._name:
            self._name = name_of(os.getpid(), Path("/proc/self/stat").read_text())
            self._guard = self._guarded(self._name)  # first: no moment is without it
            text = table(self._name)
        for verb, kept, ends in lines:
            text += f"{verb} element inet {self._name} {kept} {{ {ends} }}\n"
        self._run(text)


def _flow(client: tuple[str, int], ours: tuple[str, int]) -> str:
    return f"{client[0]} . {client[1]} . {ours[0]} . {ours[1]}"


def _is_left(name: str) -> bool:
    """Whether a table is one of ours whose process is gone."""
    ours = _OURS.fullmatch(name)
    if ours is None:
        return False
    pid = int(ours[1])
    try:
        return name_of(pid, Path(f"/proc/{pid}/stat").read_text()) != name
    except (OSError, IndexError):
        return True


def _nft(text: str) -> str:
    """Carry out a text; without one, list the tables as JSON."""
    asked = ["-f", "-"] if text else ["-j", "list", "tables"]
    try:
        done = subprocess.run(
            ["nft", *asked],  # noqa: S607 - wherever the machine has it
            input=text,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"the packet filter (nft) does not run: {error}") from error
    if done.returncode:
        raise SetupError(f"the packet filter (nft) refused: {done.stderr.strip()[:300]}")
    return done.stdout
