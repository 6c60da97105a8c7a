"""The conductor's engine, as a run in the lab process has it: asked over the run's channel.

Counterparts: `orders.py` has what is asked and told, `environments/hosted.py` has it carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from .backends.container import Act, Contained, Told, Way
from .backends.servers import Image
from .orders import Wanted

__all__ = ["Asked"]


class Asked:
    """The engine (`backends/container.py`) of one run. `answer` sends what is asked."""

    def __init__(self, answer: Callable[[Wanted], None]) -> None:
        self._answer = answer
        self._numbers = count(1)
        self._waiting: dict[int, Told] = {}

    def start(self, service: str, told: Told, image: Image | None = None) -> None:
        """Have a container started: of this image, or of the lab's own."""
        number = self._waits(told)
        self._answer(Wanted(wanted=number, act="start", service=service, image=image))

    def act(self, container: int, act: Act, told: Told) -> None:
        """Have this done to it."""
        self._answer(Wanted(wanted=self._waits(told), act=act, container=container))

    def cut(self, service: str, peer: str, ways: tuple[Way, ...], told: Told) -> None:
        """Have all packets between the service's and this peer lost."""
        number = self._waits(told)
        self._answer(Wanted(wanted=number, act="cut", service=service, peer=peer, ways=ways))

    def join(self, service: str, peer: str, told: Told) -> None:
        """Have them pass again."""
        self._answer(Wanted(wanted=self._waits(told), act="join", service=service, peer=peer))

    def _waits(self, told: Told) -> int:
        number = next(self._numbers)
        self._waiting[number] = told
        return number

    def came(self, number: int, what: Contained) -> None:
        """What was asked is done, or can't be."""
        told = self._waiting.pop(number, None)
        if told is not None:
            told(what)
