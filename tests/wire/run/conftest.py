"""A stranger's subjects, and ways to play a story on them: in this process, or by the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result
from faultlab.lab.run import Progress, Session
from faultlab.scenarios import parse

SUBJECTS = '''
import os, threading, time
import httpx
from faultlab import op, subject

ORDERS = {"orders": {"GET /orders/{id}": {"id": 7}, "POST /orders": {"id": 8}}}

def client(urls):
    return httpx.Client(base_url=urls["orders"], timeout=2, trust_env=False)

def tell(urls):
    """Have the test know that an operation runs, and where: the open waits for its reader."""
    if "TOLD" in os.environ:
        with open(os.environ["TOLD"], "w") as pipe:
            pipe.write(f"{os.getpid()} {urls['orders'].rpartition(':')[2]}")

@subject(services=ORDERS, contract="httpx")
def orders(urls):
    with client(urls) as http:
        yield {
            "read": op("GET /orders/{id}", http.get, "/orders/7"),
            "write": op("POST /orders", http.post, "/orders", json={"sku": "a"}),
        }

BREAKING = {
    "attempts": {"max": 1},
    "breaker": [{
        "scope": "service", "counts": ["m5xx"], "success": ["m2xx"], "layer": "per_call",
        "window": "consecutive", "fail_max": 2, "reset_timeout": 30,
    }],
}

@subject(services=ORDERS, contract=BREAKING)
def breaking(urls):
    with client(urls) as http:
        yield {"read": op("GET /orders/{id}", http.get, "/orders/7")}

@subject(services=ORDERS, contract="httpx")
def hangs(urls):
    with client(urls) as http:
        def read():
            if http.get("/orders/7").status_code == 503:
                tell(urls)
                threading.Event().wait()
        yield {"read": op("GET /orders/{id}", read)}

@subject(services=ORDERS, contract="httpx")
async def blocks(urls):
    async with httpx.AsyncClient(base_url=urls["orders"], timeout=2, trust_env=False) as http:
        async def read():
            if (await http.get("/orders/7")).status_code == 503:
                tell(urls)
                time.sleep(600)  # blocks the loop
        yield {"read": op("GET /orders/{id}", read)}

@subject(services=ORDERS, contract="httpx")
def raises(urls):
    yield {"read": op("GET /orders/{id}", print, urls["order"])}

@subject(services=ORDERS, contract="httpx")
def broken(urls):
    with client(urls) as http:
        def read():
            raise KeyError(http.get("/orders/7").json()["id"])
        yield {"read": op("GET /orders/{id}", read)}

@subject(services=ORDERS, contract="httpx")
def never(urls):
    with client(urls) as http:
        def read():
            http.get("/orders/7")
            threading.Event().wait()
        yield {"read": op("GET /orders/{id}", read)}

@subject(services=ORDERS, contract="httpx")
def elsewhere(urls):
    yield {"read": op("GET /orders/{id}", httpx.get, os.environ["ORDERS_URL"], trust_env=False)}

@subject(services=ORDERS, contract="httpx")
def misdeclares(urls):
    with client(urls) as http:
        yield {"read": op("GET /orders/{id}", http.post, "/orders", json={"sku": "a"})}

@subject(services=ORDERS, contract="httpx")
def nowhere(urls):
    yield {"read": op("GET /orders/{id}", lambda: {"id": 7})}

@subject(services=ORDERS, contract="httpx")
def dies(urls):
    with client(urls) as http:
        def read():
            if http.get("/orders/7").status_code == 503:
                os._exit(3)
        yield {"read": op("GET /orders/{id}", read)}
'''

HANGS = """scenario: The client hangs at a 503
fault:
  - inject: status
    code: 503
  - read: status:503
    times: 2
"""


@dataclass
class Told:
    """What a running operation told: its process, and the port that it was given."""

    pid: int
    port: int


@dataclass
class Ground:
    """Where a story is played. `told` waits for the operation that hangs."""

    folder: Path
    out: Path
    pipe: Path

    def subject(self, name: str) -> str:
        """As the command line names it."""
        return f"{self.folder / 'orders_lab.py'}:{name}"

    def session(self, name: str) -> Session:
        """A session of this subject."""
        return Session(self.subject(name), environment="embedded", tune=None, seed=7, out=self.out)

    def plan(self, session: Session, text: str, limit: float | None = None) -> Plan:
        """The story's plan, perhaps with a limit of the test's."""
        slugs = {info.slug: info.id for info in ALL}
        promises = {info.id: info.promise for info in ALL}
        found = session.plan(parse(text.encode(), "story.yaml"), slugs, promises)
        assert isinstance(found, Plan)
        return found if limit is None else found.model_copy(update={"limit": limit})

    def play(
        self,
        name: str,
        text: str,
        limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Result:
        """The story's result, not judged."""
        results: list[Result] = []
        with self.session(name) as session:
            session.play(
                [self.plan(session, text, limit)], progress=progress, ended=results.append, jobs=1
            )
        (result,) = results
        return result

    def told(self) -> Told:
        """Wait for the operation that hangs."""
        return Told(*map(int, self.pipe.read_text().split()))


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The subjects' file, an empty run folder, and a pipe."""
    (tmp_path / "orders_lab.py").write_text(SUBJECTS)
    (tmp_path / "hangs.yaml").write_text(HANGS)
    pipe = tmp_path / "told"
    os.mkfifo(pipe)
    monkeypatch.setenv("TOLD", str(pipe))
    return Ground(tmp_path, tmp_path / "out", pipe)


@pytest.fixture
def hang() -> str:
    """The story in which the client hangs."""
    return HANGS


Started = subprocess.Popen[str]


@pytest.fixture
def started(ground: Ground) -> Iterator[Callable[..., Started]]:
    """Starts `faultlab run` on a subject and a story of the folder; kills what a test left."""
    with ExitStack() as stack:

        def start(name: str, story: str, out: Path, **environment: str) -> Started:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "faultlab", "run", str(ground.folder / story)),
                    *("--subject", ground.subject(name), "--seed", "7", "--out", str(out)),
                ],
                env={**os.environ, **environment},
                cwd=ground.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start
