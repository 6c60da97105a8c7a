"""One play's place in a simulation that is driven from outside: proxies, stubs and recorder on its loop.

Counterparts: `environment.py` is the same in a loop that runs by itself; `environments/hosted.py` is one
in a process of the lab's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from typing_extensions import override

from ..backends.specification import Specification
from ..environments.simulated import Hang, SimulatedLoop
from ..errors import SetupError
from ..history import Header, History
from .environment import Simulation

__all__ = ["VirtualStage"]

_PATIENCE = 60.0  # virtual seconds until what is begun must be over


class VirtualStage(Simulation):
    """An environment for one play (`Stage` of lab/play.py): every call turns the loop until it is done.

    `path` is where its history goes. Raises SetupError where that can't be written, and for a server
    outside the simulation.
    """

    connects = ""

    def __init__(
        self,
        loop: SimulatedLoop,
        services: Mapping[str, Specification],
        *,
        header: Header,
        path: Path,
    ) -> None:
        super().__init__(loop, header=header, path=path)
        for name, specification in services.items():
            self.serve(name, specification)
        self._settle()

    @override
    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Everything that was sent has arrived, and is recorded."""
        self._await(self._rig.when_arrived, "what clients have sent arrives")
        super().barrier(flush)

    @override
    def close(self) -> History:
        """Wait for what is late, stop everything; the whole history."""
        self._await(self._rig.when_quiet, "nothing is under way at a backend")
        super().barrier()
        self.abandon()
        return super().close()

    def abandon(self) -> None:
        """Let go of it without waiting."""
        self._let_go()

    @override
    def fresh(self) -> None:
        """Close idle client connections by FIN, which has arrived on return."""
        super().fresh()
        self._settle()

    @override
    def _settle(self) -> None:
        super()._settle()
        self._await(self._rig.when_settled, "backends and listeners are as they were told to be")
        # As on loopback, where the next call of a client finds its connections ended.
        self._await(self._rig.when_arrived, "what the lab has sent arrives")
        super().barrier()

    def _await(self, when: Callable[[Callable[[], None]], None], what: str) -> None:
        """Turn the loop until it is so; mostly it is at once. Raises SetupError."""
        so = self._loop.create_future()
        when(lambda: so.set_result(None))
        in_vain = f"the simulation waits in vain: {what}"
        try:
            if not self._loop.run_within(_PATIENCE, so):
                raise SetupError(f"{in_vain}, in {_PATIENCE:g} s")
        except Hang as hang:
            raise SetupError(in_vain, seen=str(hang)) from hang
