"""What is said of a test's lab, on the command line, by marks and in the ini file, and what holds.

Counterpart: `pytest_plugin.py` gathers what was said. Knows no pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...scenarios.errors import hint, meant
from ..contract import Contract
from ..environments import ENVIRONMENTS, PROXIES
from ..errors import UsageError
from ..tune import TUNES
from .promises import promised

__all__ = ["SIMULATED", "Said", "Settings", "settled"]


SIMULATED = "simulated"
"""The environment in a test's own loop, in virtual time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a test's lab is told. `contract` is what `judge` goes by.

    `tune` is a name of `TUNES`; None where nobody said one: `fast`, and in a run as its file says.
    """

    env: str = "embedded"
    proxy: str = "embedded"
    tune: str | None = None
    seed: int = 0
    contract: Contract | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Values by key. `place` and the key together say where each stands."""

    place: str
    values: Mapping[str, object]


def settled(said: Sequence[Said], root: Path) -> Settings:
    """The settings; of two places that say a key the first wins. Files are named from `root`.

    Raises UsageError with everything that is wrong, also where another place has won.
    """
    problems: list[str] = []
    found: dict[str, object] = {}
    for one in said:
        for key, value in one.values.items():
            if key not in _READ:
                problems.append(f"{one.place}{key}: no such key; {hint(key, _READ)}")
                continue
            try:
                read = _READ[key](value, root)
            except ValueError as error:
                problems.append(f"{one.place}{key}: {error}")
            else:
                found.setdefault(key, read)
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))
    return Settings(**found)  # type: ignore[arg-type]  # each is what its reader gives


def _word(value: object, known: Sequence[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    near = meant(value, known) if isinstance(value, str) else ""
    raise ValueError(f"{value!r}; expected {' or '.join(known)}{near}")


def _env(value: object, _: Path) -> str:
    return _word(value, tuple(ENVIRONMENTS))


def _proxy(value: object, _: Path) -> str:
    return _word(value, PROXIES)


def _tune(value: object, _: Path) -> str:
    return _word(value, tuple(TUNES))


def _seed(value: object, _: Path) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{value!r}; expected a whole number, 0 or more")


_READ: dict[str, Callable[[object, Path], object]] = {
    "env": _env,
    "proxy": _proxy,
    "tune": _tune,
    "seed": _seed,
    "contract": promised,
}
