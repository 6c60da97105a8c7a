"""Stories in containers: what a client does wrong is found there, too, whoever it is."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from faultlab.fixtures.planted import BUGS
from faultlab.fixtures.planted.bug import Described
from faultlab.fixtures.sync.planted import BUGS as SYNC_BUGS
from faultlab.lab.checks import ALL
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.history import ConnectAttempted, SubjectOpened
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

ALL_BUGS: dict[str, Described] = {**BUGS, **SYNC_BUGS}
SLUGS = {info.slug: info.id for info in ALL}
PROMISES = {info.id: info.promise for info in ALL}
AT_ONCE = 5


def session(out: Path, subject: str) -> Session:
    """A client in `docker`, its lab started."""
    made = Session(subject, environment="docker", tune=None, seed=7, out=out)
    made.play([], ended=lambda _: None, jobs=1)
    return made


def played(playing: Session, name: str) -> Result:
    """What becomes of one story of the catalog."""
    plan = playing.plan(catalog()[name], SLUGS, PROMISES)
    assert isinstance(plan, Plan)
    results: list[Result] = []
    playing.play([plan], ended=results.append, jobs=1)
    return judged(results[0])


@pytest.fixture(scope="module")
def planted(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    """Each planted client in its story, in the lab of the correct one."""
    out = tmp_path_factory.mktemp("planted")

    def one(part: tuple[Session, Described]) -> tuple[str, Result]:
        correct, bug = part
        client = copy.copy(correct)
        client.spec = client.subject = f"planted:{bug.name}"
        client.out = out / bug.name
        return bug.name, played(client, bug.story)

    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        parts: list[tuple[Session, Described]] = []
        for subject, bugs in (("maximus", BUGS), ("sync", SYNC_BUGS)):
            correct = stack.enter_context(session(out / subject, subject))
            parts += [(correct, bug) for bug in bugs.values()]
        # Judged by how waits are spread, which a crowded machine blurs: played when the others are over.
        spread = [part for part in parts if part[1].check in ("C21", "C22")]
        others = [part for part in parts if part not in spread]
        return dict([*pool.map(one, others), *map(one, spread)])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ALL_BUGS)
def test_a_planted_client_fails_by_its_bug(planted: Mapping[str, Result], name: str) -> None:
    """A lab that finds less in containers would be no lab for them."""
    assert planted[name].error is None
    judgement = planted[name].judgement
    assert judgement is not None
    assert [found.check for found in judgement.baseline if found.outcome == "fail"] == []
    (found,) = (one for one in judgement.findings if one.check == ALL_BUGS[name].check)
    assert (found.outcome, found.missing) == ("fail", "")


@pytest.fixture
def curl(images: Images, tmp_path: Path) -> Iterator[Session]:
    """A command as a client."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl")
    with session(tmp_path, f"cmd:{program} -sf --max-time 1 {{core}}/health") as made:
        yield made


@pytest.mark.timeout(120)
def test_the_connects_of_a_command_are_counted_where_they_arrive(curl: Session) -> None:
    """No audit event tells of them, and the loopback does not see them."""
    result = played(curl, "down")
    assert result.armed is not None, result.error
    opened = [event for event in result.armed if isinstance(event, SubjectOpened)]
    attempted = [event for event in result.armed if isinstance(event, ConnectAttempted)]
    assert {event.connects for event in opened} == {"packets"}
    assert len(attempted) == 5
    assert result.judgement is not None
    assert result.judgement.verdict == "pass"


TEST = """
import httpx

def test_it(lab):
    assert lab.env == "docker"
    with httpx.Client(base_url=lab.url("core"), timeout=1) as http:
        assert http.get("/health").status_code == 200
        with lab.down("core") as down:
            try:
                http.get("/health")
            except httpx.ConnectError:
                pass
        assert down.attempts == 1
        assert http.get("/health").status_code == 200
    assert lab.attempts("core") == 3
"""


@pytest.mark.timeout(120)
def test_a_test_s_lab_can_be_in_containers(images: Images, tmp_path: Path) -> None:
    """The fixture is the same, and counts the same."""
    (tmp_path / "test_it.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--faultlab-env=docker"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
