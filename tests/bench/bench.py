"""What the lab costs, as ratios within one run: `make bench`.

Absolute figures are this machine's; a ratio compares two ways that were measured in turns, under
the same load. Client, backend and each proxy are processes of their own. Loopback only; every loop
is bounded.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from containers import containers
from instrumented import instrumented
from judging import judging
from simulated import simulated
from ways import NotMeasuredError, alone, faultlab, recorded, script, toxiproxy

from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.history import Header

DIRECT = "direct"
LAB = "lab, recording"
OWN = "faultlab proxy"
REAL = "Toxiproxy"
TOXIC = ", toxics"


@dataclass(frozen=True, slots=True)
class Measure:
    """One order to the client: what, and how many; what its figures are called."""

    name: str
    count: int
    titles: tuple[str, ...]


MEASURES = (
    Measure("down", 1, ("1 stream",)),
    Measure("down", 4, ("4 streams",)),
    Measure("up", 1, ("upload",)),
    Measure("trip", 800, ("p50 us", "p99 us")),
    Measure("connects", 320, ("conn/s",)),
)
ADDED = ((LAB, REAL), (OWN, REAL), (OWN + TOXIC, REAL + TOXIC))
COMPARED = (
    (LAB, DIRECT),
    (OWN, DIRECT),
    (REAL, DIRECT),
    (LAB, REAL),
    (OWN, REAL),
    (OWN + TOXIC, REAL + TOXIC),
)
LATER = ("p50 us", "p99 us")
TITLES = tuple(title for measure in MEASURES for title in measure.titles)


@dataclass(slots=True)
class Table:
    """The figures of each way, a list by title with one for each round."""

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, way: str, titles: tuple[str, ...], figures: list[float]) -> None:
        """The figures of one round."""
        row = self.rows.setdefault(way, {title: [] for title in TITLES})
        for title, figure in zip(titles, figures, strict=True):
            row[title].append(figure)

    def show(self, ways: Iterable[str]) -> None:
        """Medians, and then what is compared."""
        _line("median of the rounds", TITLES)
        for way in ways:
            _line(way, [f"{median(self.rows[way][title]):.0f}" for title in TITLES])
        for one, other in COMPARED:
            if one in self.rows and other in self.rows:
                ratios = [self._ratios(one, other, title) for title in TITLES]
                _line(f"{one} : {other}", [f"{median(each):.2f}" for each in ratios])
                _line("", [f"{min(each):.2f}-{max(each):.2f}" for each in ratios])

        for one, other in ADDED:
            if one in self.rows and other in self.rows:
                _line(
                    f"added by {one} : by {other}",
                    [self._added_ratio(one, other, title) for title in TITLES],
                )

    def _added_ratio(self, one: str, other: str, title: str) -> str:
        """Of what is a time; of medians, since a single round may add nothing."""
        if title not in LATER:
            return ""
        return f"{self._added(one, title) / self._added(other, title):.2f}"

    def _added(self, way: str, title: str) -> float:
        """What a way adds to a direct connection."""
        return median(self.rows[way][title]) - median(self.rows[DIRECT][title])

    def _ratios(self, one: str, other: str, title: str) -> list[float]:
        pairs = zip(self.rows[one][title], self.rows[other][title], strict=True)
        return [first / second for first, second in pairs]


TABLES = ("traffic", "startup", "instrumented", "judging", "simulated", "containers")


def _line(name: str, cells: Iterable[str]) -> None:
    print(f"  {name:<50}" + "".join(f"{cell:>14}" for cell in cells))


def traffic(rounds: int) -> None:
    """Every measure on every way, in alternating rounds."""
    with ExitStack() as stack:
        server = stack.enter_context(script("server.py"))
        assert server.stdout is not None
        backend = int(server.stdout.readline())
        ways = {DIRECT: backend, LAB: stack.enter_context(recorded(backend))}
        ways[OWN], ways[OWN + TOXIC] = stack.enter_context(alone(faultlab(), backend))
        absent = ""
        try:
            ways[REAL], ways[REAL + TOXIC] = stack.enter_context(alone(toxiproxy(), backend))
        except NotMeasuredError as error:
            absent = str(error)
        client = stack.enter_context(script("load.py"))
        assert client.stdin is not None
        assert client.stdout is not None
        table = Table()
        names = list(ways)
        for number in range(rounds + 1):
            turn = number % len(names)
            for measure in MEASURES:
                for way in names[turn:] + names[:turn]:
                    order = [measure.name, ways[way], measure.count]
                    print(json.dumps(order), file=client.stdin, flush=True)
                    figures = json.loads(client.stdout.readline())
                    if number > 0:  # the first warms up
                        table.add(way, measure.titles, figures)
    print(
        f"the data path in {rounds} rounds: MB/s of large bodies, round trips of a small request,"
    )
    print("connections that carry one request each; toxics: one each way, latency of 0 ms;")
    print("ratios are of one round: median, and below it from least to most")
    table.show(names)
    if absent:
        print(f"  {REAL}: not measured ({absent})")


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
                    opened = Hosted(
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
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (7)")
    parser.add_argument(
        "--only", nargs="+", choices=TABLES, default=TABLES, help="these tables; else all"
    )
    chosen = parser.parse_args()
    rounds = max(1, chosen.rounds)
    if "traffic" in chosen.only:
        traffic(rounds)
    if "startup" in chosen.only:
        startup(rounds)
    if "instrumented" in chosen.only:
        instrumented(rounds)
    if "judging" in chosen.only:
        judging(min(3, rounds))
    if "simulated" in chosen.only:
        simulated(rounds)
    if "containers" in chosen.only:
        containers(min(3, rounds))


if __name__ == "__main__":
    main()
