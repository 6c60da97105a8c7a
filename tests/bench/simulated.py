"""What virtual time saves: scenarios a second, virtual seconds in a real one, the catalog's wall time.

`make speed` runs this file and writes the figures into README and guide; `make bench` prints them with the
others. One process, one core; only the catalog on `embedded` is real time and several processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from faultlab.lab.checks import ALL
from faultlab.lab.environments.simulated import SimulatedLoop
from faultlab.lab.history import load
from faultlab.lab.plan import Plan
from faultlab.lab.run import Session
from faultlab.lab.simulation.inside import simulate
from faultlab.lab.subjects.commands import Simulate
from faultlab.lab.subjects.load import load as load_subject
from faultlab.lab.subjects.load import read_spec
from faultlab.lab.verdict import judge
from faultlab.scenarios import catalog, parse

__all__ = ["simulated"]

HERE = Path(__file__).parent
SUBJECT = f"{HERE / 'retrying.py'}:retrying"
SCENARIO = b"""
scenario: Two failures, then an answer
fault:
  - inject: status
    code: 503
    first: 2
  - read: ok
"""
EACH = 100  # scenarios, or requests, of one round


@dataclass(frozen=True, slots=True)
class Speed:
    """The figures of one run of the bench."""

    requests: float  # a second, of httpx and a bare server in the loop
    played: float  # scenarios a second
    judged: float  # and judged
    virtual: float  # seconds that the catalog's histories last
    catalog: float  # seconds of its whole command
    embedded: float  # the same in real time

    def lines(self) -> list[str]:
        """What is printed, with what is aimed at."""
        rate = self.virtual / self.catalog
        rows = (
            (
                "httpx and a bare server on the loop",
                f"{self.requests:.0f}",
                "requests a second",
                "",
            ),
            (
                "three attempts through stub and proxy",
                f"{self.played:.0f}",
                "scenarios a second",
                "",
            ),
            ("the same, and judged", f"{self.judged:.0f}", "scenarios a second", "target 400"),
            ("the catalog by the command", f"{self.catalog:.1f}", "s", "target 3"),
            ("it lasts", f"{self.virtual:.0f}", "virtual seconds", ""),
            ("in a real one", f"{rate:.0f}", "virtual seconds", "target 5000"),
            ("the catalog on embedded, tuned fast", f"{self.embedded:.1f}", "s", ""),
        )
        return [
            f"{name:<40}{figure:>8} {unit:<20}{aside}".rstrip()
            for name, figure, unit, aside in rows
        ]

    def sentence(self) -> str:
        """For who reads the README."""
        return (
            f"The catalog takes {self.catalog:.1f} s there with a breaker's true thirty seconds "
            f"({self.virtual:.0f} virtual seconds in all),\n"
            f"{self.embedded:.0f} s on sockets with short ones; three attempts of httpx take "
            f"{1e3 / self.judged:.0f} ms, judged (`make speed`)."
        )


def measured(rounds: int) -> Speed:
    """Each figure's median, or best where a scenario is short."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        played, judged = _scenarios(rounds, out)
        runs = [_catalog("simulated", out / f"simulated-{n}") for n in range(rounds)]
        return Speed(
            requests=EACH / min(_timed(_bare) for _ in range(rounds)),
            played=played,
            judged=judged,
            virtual=runs[0][1],
            catalog=median(run[0] for run in runs),
            embedded=_catalog("embedded", out / "embedded")[0],
        )


def simulated(rounds: int) -> None:
    """Measure and print."""
    print(f"virtual time, in {rounds} rounds: one process on one core")
    for line in measured(rounds).lines():
        print(f"  {line}")


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _times(call: Callable[[], object]) -> None:
    for _ in range(EACH):
        call()


def _scenarios(rounds: int, out: Path) -> tuple[float, float]:
    """Scenarios a second: played, and played and judged."""
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    with Session(SUBJECT, environment="simulated", tune="none", seed=7, out=out) as planning:
        plan = planning.plan(parse(SCENARIO, "retries.yaml"), slugs, promises)
        assert isinstance(plan, Plan)
        contract = planning.contract_for(plan.tune)
        spec = read_spec(SUBJECT)
        path = out / "armed.jsonl"
        wanted = Simulate(
            plan=plan.model_dump_json().encode(),
            kind="armed",
            contract=contract.model_dump_json().encode(),
            services=planning.served(plan),
            subject="retrying",
            path=str(path),
        )
        threads = threading.enumerate()
        play = partial(simulate, spec, load_subject(spec), wanted, threads=threads)

        def and_judge() -> None:
            play()
            verdict = judge(contract, load(path)).verdict
            assert verdict == "pass", verdict

        and_judge()  # warm: what is imported once
        found = []
        for call in (play, and_judge):
            best = min(_timed(partial(_times, call)) for _ in range(rounds))
            found.append(EACH / best)
    return found[0], found[1]


def _bare() -> None:
    """Requests one after the other, each to an answer five virtual seconds later."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(5)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def requests() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 8000)
        async with server, httpx.AsyncClient(timeout=30) as http:
            for _ in range(EACH):
                (await http.get("http://127.0.0.1:8000/")).raise_for_status()

    loop = SimulatedLoop(seed=7)
    try:
        loop.run_until_complete(requests())
    finally:
        loop.close()


def _catalog(environment: str, out: Path) -> tuple[float, float]:
    """Seconds of the command, and those that its histories last."""
    command = [sys.executable, "-m", "faultlab", "run", "--env", environment]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--seed", "7", "--out", str(out)], capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    histories = list(out.glob("*/*.jsonl"))
    assert len(histories) == 2 * len(catalog())
    ends = (json.loads(path.read_bytes().splitlines()[-1])["t"] for path in histories)
    return took, sum(ends)


def main() -> None:
    """Print the figures, and write them into README and guide."""
    from tests.documents import (  # not where the bench is a script
        GUIDE,
        README,
        SPEED,
        written_anew,
    )

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (5)")
    speed = measured(parser.parse_args().rounds)
    shown = "\n".join(speed.lines())
    print(shown)
    for document, new in ((README, speed.sentence()), (GUIDE, f"```text\n{shown}\n```")):
        document.write_text(written_anew(document.read_text("utf-8"), SPEED, new), "utf-8")


if __name__ == "__main__":
    main()
