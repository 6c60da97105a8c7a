"""A server that a command starts, as the lab process sees it; the test plays its keeper."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faultlab.lab.backends.servers import Command
from faultlab.lab.backends.started import Started
from faultlab.lab.escaped import SERVER

if TYPE_CHECKING:
    from .conftest import FakeProcess, Launcher

COMMAND = Command(("./orders", "{port}"), "/srv", (("MODE", "test"),), "/health", 7.0)
LOG = Path("/runs/armed.orders.log")


class Stage:
    """A backend of orders, and what was called."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.called: list[str] = []
        self.started = Started(
            launcher.loop,
            "orders",
            COMMAND,
            log=LOG,
            changed=self.calls("changed"),
            launched=launcher,  # type: ignore[arg-type]  # it starts none
        )

    def calls(self, word: str) -> Callable[[], None]:
        """A call that is remembered."""
        return lambda: self.called.append(word)

    def keeper(self, number: int = 1) -> FakeProcess:
        """The n-th that was started."""
        return self.launcher.started[number - 1]

    def says(self, number: int = 1, **told: object) -> None:
        """The n-th keeper tells."""
        self.keeper(number).pipe.send(json.dumps(told).encode())
        self.launcher.turn()

    def told(self, number: int = 1) -> list[dict[str, Any]]:
        """What the n-th keeper was told since it was asked last; None at the end."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                data = self.keeper(number).pipe.recv(1 << 16)
            except BlockingIOError:
                return found
            if not data:
                return [*found, {"end": True}]
            found.append(json.loads(data))

    def serving(self) -> None:
        """It serves on port 4001."""
        self.started.open(self.calls("served"))
        self.told()
        self.says(serving=4001)
        self.called.clear()


@pytest.fixture
def stage(launcher: Launcher) -> Iterator[Stage]:
    """A stage of this test's own."""
    stage = Stage(launcher)
    yield stage
    stage.started.close()


def test_a_keeper_is_told_what_to_start(stage: Stage) -> None:
    """All that it needs, and by what its processes are to be found."""
    assert (stage.started.address, stage.started.settled) == (("127.0.0.1", 0), True)
    stage.started.open(stage.calls("served"))
    assert not stage.started.settled
    (order,) = stage.told()
    mark = order["environment"].pop(SERVER)
    assert len(mark) == 16
    assert order == {
        "order": "start",
        "arguments": ["./orders", "{port}"],
        "folder": "/srv",
        "environment": {"MODE": "test"},
        "ready": "/health",
        "within": 7.0,
        "log": str(LOG),
    }


def test_it_is_there_when_it_serves(stage: Stage) -> None:
    """Not when its process has begun."""
    stage.started.open(stage.calls("served"))
    stage.says(serving=4001)
    assert stage.called == ["served", "changed"]
    assert (stage.started.address, stage.started.settled) == (("127.0.0.1", 4001), True)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_has_ended_when_nothing_is_left_and_starts_anew(stage: Stage, how: Any) -> None:
    """With a keeper of its own, and on another port."""
    stage.serving()
    stage.started.end(how, stage.calls("ended"))
    assert stage.told() == [{"order": how}]
    assert (stage.called, stage.started.settled) == ([], False)
    stage.started.open(stage.calls("served"))
    stage.says(ended="signal SIGKILL", said="bye")
    assert stage.called == ["ended", "changed"]
    assert stage.told() == [{"end": True}]
    assert stage.told(2)[0]["order"] == "start"
    stage.says(2, serving=4002)
    assert stage.called[2:] == ["served", "changed"]
    assert stage.started.address == ("127.0.0.1", 4002)


def test_it_is_frozen_when_all_of_it_stands_still(stage: Stage) -> None:
    """Its keeper says when; it keeps its port."""
    stage.started.freeze(stage.calls("at once"))  # there is nothing to halt
    assert stage.called == ["at once"]
    stage.serving()
    stage.started.freeze(stage.calls("frozen"))
    assert stage.told() == [{"order": "freeze"}]
    assert (stage.called, stage.started.settled) == ([], False)
    stage.says(halted=True)
    assert stage.called == ["frozen", "changed"]
    assert (stage.started.address, stage.started.settled) == (("127.0.0.1", 4001), True)
    stage.started.thaw()
    stage.started.thaw()  # it has
    assert stage.told() == [{"order": "thaw"}]


@pytest.mark.parametrize("told", [{"halted": False}, {"ended": "exit 0", "said": ""}])
def test_one_that_is_not_halted_is_waited_for_no_longer(
    stage: Stage, told: dict[str, object]
) -> None:
    """A fault that can't be in force must not hold the run up for ever."""
    stage.serving()
    stage.started.freeze(stage.calls("frozen"))
    stage.told()
    stage.says(**told)
    assert stage.called == ["frozen", "changed"]
    assert stage.started.problem


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"unable": "there is no program ./orders"}, "there is no program ./orders"),
        (
            {"ended": "exit 1", "said": "no\nport"},
            "it ended before it served, exit 1; it said: no | port",
        ),
        (
            {"ended": "exit 0", "said": ""},
            (
                "it ended before it served, exit 0; a command that goes into the background must be"
                " told not to, so that the lab can end it"
            ),
        ),
        (
            {"late": 4001},
            (
                "it did not answer `GET /health` on 127.0.0.1:4001 within 7 s; {port} and PORT tell"
                " it where to listen"
            ),
        ),
    ],
)
def test_one_that_does_not_serve_says_why(
    stage: Stage, told: dict[str, object], problem: str
) -> None:
    """Once, with what it printed last and where the rest is."""
    stage.started.open(stage.calls("served"))
    stage.told()
    stage.says(**told)
    assert stage.started.problem == f"orders: the command ./orders: {problem}; log: {LOG}"
    assert (stage.called, stage.started.settled) == (["changed"], True)
    assert stage.told() == [{"end": True}]
    stage.started.open(stage.calls("served"))  # never again
    assert len(stage.launcher.started) == 1


def test_one_that_ends_by_itself_is_a_problem(stage: Stage) -> None:
    """It would be blamed on the client."""
    stage.serving()
    stage.says(ended="signal SIGSEGV", said="")
    assert stage.started.problem == (
        f"orders: the command ./orders: it ended by itself, signal SIGSEGV; log: {LOG}"
    )


def test_a_keeper_that_is_gone_is_a_problem(stage: Stage) -> None:
    """Nobody knows of the server any more."""
    stage.serving()
    stage.keeper().ends(-9)
    stage.launcher.turn()
    assert "the process that keeps it is gone" in stage.started.problem


def test_a_process_that_can_t_be_started_is_a_problem(stage: Stage) -> None:
    """The machine has no more of them."""
    stage.launcher.refuses = True
    stage.started.open(stage.calls("served"))
    assert "its process does not start: Cannot allocate memory" in stage.started.problem


def test_it_is_gone_when_its_keeper_is(stage: Stage) -> None:
    """Closing waits for nothing: other runs are being served."""
    stage.serving()
    stage.started.close()
    assert stage.told() == [{"end": True}]
    assert not stage.started.gone
    stage.keeper().ends(0)
    stage.started.wait()
    assert stage.started.gone
