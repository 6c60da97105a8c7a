"""Which backend a service gets in the lab process: in it, in a process or a container of its own, or elsewhere.

Counterpart: `lab/rig.py` asks for one and knows only what they have in common.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ..history import AnyEvent
from ..programs import log_beside
from .apart import Apart
from .container import Engine, StubContainer
from .imaged import Imaged
from .pipe import Place
from .process import StubProcess
from .served import Builtin, Routed
from .servers import Command, Image
from .shared import Shared
from .started import Started

__all__ = ["Making"]


class Making:
    """Makes the backends of one run, on the lab process's loop.

    `places`: where processes stand that serve the stubs of many runs; None: there are none, and a stub
    of its own is a process. `engine` starts containers. What commands print lies beside `history`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        engine: Engine,
        places: Mapping[str, Place] | None,
        history: Path,
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._contained = places is not None
        self._places = dict(places or {})
        self._history = history

    def add(self, service: str, place: Place) -> None:
        """One more service has a process that serves its stub."""
        self._places[service] = place

    def shared(
        self,
        service: str,
        specification: Routed | Builtin,
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        changed: Callable[[], None],
    ) -> Shared:
        """A stub in the process that serves those of many runs. Raises ValueError if there is none."""
        place = self._places.get(service)
        if place is None:
            raise ValueError(f"{service}: no process serves its stub here")
        return Shared(
            self._loop, place, service, specification, record, start=start, changed=changed
        )

    def apart(
        self,
        service: str,
        specification: Routed | Builtin,
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        changed: Callable[[], None],
    ) -> Apart:
        """A stub of this run's own, in a process or a container."""
        if not self._contained:
            new = partial(StubProcess, self._loop)
            return Apart(new, service, specification, record, start=start, changed=changed)
        return Apart(
            partial(StubContainer, self._loop, self._engine, service),
            service,
            specification,
            record,
            start=start,
            changed=changed,
            what="stub container",
            halts="paused by the engine",
            engine=self._engine,
        )

    def started(
        self, service: str, server: Command | Image, *, changed: Callable[[], None]
    ) -> Started | Imaged:
        """A server of the user's."""
        if isinstance(server, Image):
            return Imaged(self._engine, service, server, changed=changed)
        log = log_beside(self._history, service)
        return Started(self._loop, service, server, log=log, changed=changed)
