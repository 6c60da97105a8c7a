"""The process in which a subject is played in virtual time, one play after the other.

Started by `simulator.py` as `python -m faultlab.lab.simulation.inside COMMANDS EVENTS PARENT SUBJECT`, as a
subject's own process is (`subjects/inside.py`), and ends as that does. A process for it, since the
clocks of the interpreter are virtual while it plays.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

from ..contract import Contract
from ..environments.simulated import Escaped, Run, SimulatedLoop
from ..errors import LabError, SetupError
from ..history import HistoryError
from ..mortal import die_with
from ..plan import Plan
from ..play import Play, header
from ..subjects.commands import Command, Done, Place, Placed, Simulate
from ..subjects.declaration import Subject
from ..subjects.line import Line
from ..subjects.load import Spec, executing, file_of, load, read_spec
from .blocking import blocked, woken
from .client import VirtualClient
from .clock import VirtualClock
from .stage import VirtualStage

__all__ = ["main", "simulate"]

_CLEANING = 60.0  # virtual seconds for what a cancelled task still does


def _unguarded(_: Run) -> AbstractContextManager[None]:
    return nullcontext()


def simulate(
    spec: Spec,
    subject: Subject,
    wanted: Simulate,
    *,
    threads: Collection[threading.Thread],
    guard: Callable[[Run], AbstractContextManager[None]] = _unguarded,
) -> None:
    """One play, whose history is written where it is wanted. Raises LabError.

    `threads`: those of this process that are not the subject's. `guard`: held meanwhile.
    """
    plan = Plan.model_validate_json(wanted.plan)
    loop = SimulatedLoop(seed=plan.seed)
    gc.freeze()  # a play lets go of what it made: the collector need not look through all the rest
    try:
        stage = VirtualStage(
            loop,
            wanted.services,
            header=header(plan, wanted.kind),
            path=Path(wanted.path),
        )
        client = VirtualClient(loop, spec, subject, stage, threads=threads)
        playing = Play(
            plan,
            wanted.kind,
            lambda _what, _done: None,
            subject=wanted.subject,
            contract=Contract.model_validate_json(wanted.contract),
            stage=stage,
            client=client,
            clock=VirtualClock(loop),
        )
        with guard(loop.run):
            playing.play()
    except Escaped as escaped:
        raise blocked(spec, str(escaped)) from escaped
    finally:
        _end(loop)
        gc.unfreeze()


def _end(loop: SimulatedLoop) -> None:
    """Cancel what is left of the subject, let it clean up, and close the loop."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    with suppress(Exception, Escaped):  # of the author's code, and of nobody's concern any more
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_CLEANING))
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


class _Simulations:
    """Obeys commands one after the other, in the main thread."""

    def __init__(self, spec: Spec, line: Line) -> None:
        self._spec = spec
        self._line = line
        self._wanted: SimpleQueue[Command] = SimpleQueue()
        self._subject: Subject | None = None
        self._threads: Collection[threading.Thread] = ()

    def take(self, command: Command) -> None:
        """On the listening thread."""
        if isinstance(command, Place):
            file = file_of(self._spec) if self._subject is None else self._subject.file
            self._line.answer(Placed(number=command.number, line=executing(file)))
        else:
            self._wanted.put(command)

    def serve(self) -> NoReturn:
        """Until the parent is gone."""
        while True:
            command = self._wanted.get()
            try:
                if not isinstance(command, Simulate):
                    raise SetupError(f"{self._spec}: here it is only played")
                if self._subject is None:
                    self._threads = tuple(threading.enumerate())
                    self._subject = load(self._spec)
                simulate(self._spec, self._subject, command, threads=self._threads, guard=woken)
            except LabError as error:
                self._line.fail(command.number, error)
            except (OSError, HistoryError) as error:
                self._line.fail(command.number, SetupError(str(error)))
            except Exception as error:
                traceback.print_exc()
                self._line.fail(
                    command.number, SetupError(f"{self._spec}: the simulation failed: {error!r}")
                )
                raise
            else:
                self._line.answer(Done(number=command.number))


def main(arguments: list[str]) -> NoReturn:
    """The process's whole life."""
    orders, events, parent, name = arguments
    die_with(int(parent))
    os.set_inheritable(int(orders), False)
    os.close(int(events))  # what is recorded is written here
    line = Line(socket.socket(fileno=int(orders)))
    simulations = _Simulations(read_spec(name), line)
    threading.Thread(target=line.listen, args=(simulations.take, lambda: None), daemon=True).start()
    try:
        simulations.serve()
    except BaseException as error:  # noqa: BLE001  # whatever the author's code did
        traceback.print_exception(error)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
