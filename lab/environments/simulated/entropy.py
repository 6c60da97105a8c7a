"""Chance in a run: all that Python's own functions draw, from one seed.

`random` (its functions, and generators made in the run without a seed), `os.urandom` and with it
`secrets`, `uuid4` and SystemRandom; `uuid1` by the run's clock. A generator that was made before
the run keeps its own state: only its maker knows whether it was seeded.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from .swapping import Attribute, Function, Make, Replacement, builtin

__all__ = ["Entropy", "replacements"]

_SINCE_1582: Final = 0x01B21DD213814000  # of 100 ns, from the calendar's reform to 1970: RFC 9562


class Entropy:
    """What one run draws. The streams are apart: one more draw of one moves no other."""

    def __init__(self, seed: int) -> None:
        self.shared = random.Random(f"{seed}: the functions of random")
        self._system = random.Random(f"{seed}: the operating system")
        self._seeds = random.Random(f"{seed}: seeds")
        self._node = random.Random(f"{seed}: node").getrandbits(62)
        self._last_uuid1 = 0

    def system(self, size: int) -> bytes:
        """As `os.urandom`."""
        return self._system.randbytes(size)

    def seed(self) -> int:
        """What a generator is seeded with that was given no seed."""
        return self._seeds.getrandbits(256)

    def uuid1(self, wall_ns: int) -> bytes:
        """The bytes of the next UUID of version 1; none is the same as one before."""
        self._last_uuid1 = stamp = max(wall_ns // 100 + _SINCE_1582, self._last_uuid1 + 1)
        sequence, node = divmod(self._node, 1 << 48)
        fields = (
            stamp & 0xFFFFFFFF,
            stamp >> 32 & 0xFFFF,
            stamp >> 48 & 0x0FFF,
            sequence >> 8,
            sequence & 0xFF,
            node | 1 << 40,  # a multicast address: no machine has it
        )
        return uuid.UUID(fields=fields, version=1).bytes


On = Callable[[], Entropy | None]


def replacements(on: On) -> Iterator[Replacement]:
    """What draws from this entropy instead of the machine's where `on` gives some."""
    shared = random.random.__self__  # type: ignore[attr-defined]  # whose methods are random's functions
    yield _Shared(shared, on)
    yield builtin(random.random, _drawing(on, "random"))
    yield builtin(random.getrandbits, _drawing(on, "getrandbits"))
    for name in ("seed", "getstate", "setstate"):
        yield Attribute(random, name, _drawing(on, name))
    yield Attribute(random.Random, "seed", _seeding(on))
    yield builtin(os.urandom, _of_system(on))
    if hasattr(os, "getrandom"):
        yield builtin(os.getrandom, _of_system(on))
    safely = getattr(uuid, "_generate_time_safe", None)
    if safely is not None:
        yield builtin(safely, _stamped(on))


def _drawing(on: On, name: str) -> Make:
    def make(real: Function) -> Function:
        def standing_in(*arguments: Any, **keywords: Any) -> Any:
            entropy = on()
            call = real if entropy is None else getattr(entropy.shared, name)
            return call(*arguments, **keywords)

        return standing_in

    return make


def _seeding(on: On) -> Make:
    def make(real: Function) -> Function:
        def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
            entropy = on()
            real(self, entropy.seed() if a is None and entropy is not None else a, version)

        return seed

    return make


def _of_system(on: On) -> Make:
    def make(real: Function) -> Function:
        def standing_in(size: Any, *arguments: Any, **keywords: Any) -> bytes:
            entropy = on()
            if entropy is None or not isinstance(size, int) or size < 0:
                drawn: bytes = real(size, *arguments, **keywords)
                return drawn
            return entropy.system(size)

        return standing_in

    return make


def _stamped(on: On) -> Make:
    def make(real: Function) -> Function:
        def standing_in() -> Any:
            entropy = on()
            return real() if entropy is None else (entropy.uuid1(time.time_ns()), None)

        return standing_in

    return make


class _Shared:
    """The generator behind the functions of `random`, which are methods bound to it for good.

    While a run is on it is of a class whose draws are the run's; its own state is untouched.
    """

    def __init__(self, generator: random.Random, on: On) -> None:
        self._generator = generator
        self._original = type(generator)
        self._standing_in = _drawn_from(on)

    def put(self) -> None:
        """Replace it."""
        self._generator.__class__ = self._standing_in

    def take_back(self) -> None:
        """Make it what it was."""
        self._generator.__class__ = self._original


def _drawn_from(on: On) -> type[random.Random]:
    class Shared(random.Random):
        def random(self) -> float:
            entropy = on()
            return super().random() if entropy is None else entropy.shared.random()

        def getrandbits(self, k: int, /) -> int:
            entropy = on()
            return super().getrandbits(k) if entropy is None else entropy.shared.getrandbits(k)

        @property
        def gauss_next(
            self,
        ) -> float | None:  # every second draw of `gauss` was made with the first
            entropy = on()
            holder = self if entropy is None else entropy.shared
            value: float | None = vars(holder).get("gauss_next")
            return value

        @gauss_next.setter
        def gauss_next(self, value: float | None) -> None:
            entropy = on()
            vars(self if entropy is None else entropy.shared)["gauss_next"] = value

    return Shared
