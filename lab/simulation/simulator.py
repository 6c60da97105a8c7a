"""The conductor's side of the process in which a subject is played in virtual time.

Counterpart: `inside.py` runs there. It is started for the first play, and anew where it has ended.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ..backends.specification import Specification
from ..contract import Contract
from ..errors import SetupError
from ..history import History, load
from ..plan import Plan
from ..subjects.child import Child
from ..subjects.commands import Simulate

__all__ = ["Simulator"]

REAL = 60.0
"""Seconds that a play may take by this machine's clock: one that goes on takes well under one."""

_MODULE = "faultlab.lab.simulation.inside"


class Simulator:
    """Plays one subject, `spec`, in virtual time. Thread-safe.

    `log`: where what it prints goes. `limit`: seconds of this machine's that a play may take.
    """

    def __init__(self, spec: str, log: Path, *, limit: float = REAL) -> None:
        self._spec = spec
        self._log = log
        self._playing = threading.Lock()
        self._child: Child | None = None
        self._stopped = False
        self._limit = limit

    def play(
        self,
        plan: Plan,
        kind: Literal["armed", "baseline"],
        *,
        contract: Contract,
        services: Mapping[str, Specification],
        subject: str,
        path: Path,
    ) -> History:
        """The history of one play, kept at `path`. Raises SubjectError and SetupError."""
        wanted = Simulate(
            plan=plan.model_dump_json().encode(),
            kind=kind,
            contract=contract.model_dump_json().encode(),
            services=dict(services),
            subject=subject,
            path=str(path.absolute()),
        )
        with self._playing:
            child = self._running()
            try:
                child.simulate(wanted, limit=self._limit)
            except BaseException:
                if not child.is_ready:  # whatever it still does has to do with nobody
                    self._child = None
                    child.kill()
                raise
        return load(path)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._stopped = True
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _running(self) -> Child:
        if self._stopped:
            raise SetupError("the run was stopped")
        if self._child is None:
            events, nobody = socket.socketpair()
            with events, nobody:  # it writes its histories itself
                self._child = Child(self._spec, events, log=self._log, module=_MODULE)
        return self._child
