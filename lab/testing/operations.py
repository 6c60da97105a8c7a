"""The operations of a test: what it marks of a client that has no adapter.

Counterparts: `subjects/recording.py` records and tags them, `lab.py` counts by their names.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager
from itertools import count
from types import TracebackType
from typing import Self

from typing_extensions import override

from ...scenarios.errors import nearest
from ..errors import UsageError
from ..subjects.attribution import current
from ..subjects.recording import Ended, Watch

__all__ = ["Marked", "Operations"]

__tracebackhide__ = True  # pytest: the line to show is the test's own


class Operations:
    """Marks the operations of one test, numbered from 1 in the order in which they begin."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._numbers = count(1)
        self._begun: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def marked(self, name: str, idempotent: bool | None) -> Marked:
        """The block of one operation. Raises UsageError for a name or a value that is none."""
        given: object = name  # a test is not always type-checked
        if not isinstance(given, str) or not given.strip() or not given.isprintable():
            raise UsageError(f"lab.operation({given!r})", expected="a name, like get_order")
        said: object = idempotent
        if said is not None and said is not True and said is not False:
            raise UsageError(
                f"lab.operation({name!r}, idempotent={said!r})",
                expected="True or False; left out, the method of its requests tells",
            )
        return Marked(self, name, idempotent)

    def numbers(self, name: str) -> frozenset[int]:
        """The numbers of those of this name. Raises UsageError where none has begun."""
        given: object = name  # a test is not always type-checked
        with self._lock:
            begun = dict(self._begun)
        if isinstance(given, str) and given in begun:
            return frozenset(begun[given])
        close = nearest(given, begun) if isinstance(given, str) else None
        raise UsageError(
            f"operation={name!r}: no operation of this name has begun in this test",
            expected=", ".join(begun),
            nearest="" if close is None else close,
            mend=f'with lab.operation("{given}"): ...' if isinstance(given, str) else "",
        )

    def recorded(
        self, name: str, idempotent: bool | None, ended: Ended
    ) -> AbstractContextManager[Ended]:
        """One more of this name, from when it is entered to when it is left."""
        with self._lock:
            number = next(self._numbers)
            self._begun.setdefault(name, []).append(number)
        return self._watch.operation(number, name, idempotent=idempotent, ended=ended)


class Marked:
    """A block that is one operation: its requests are its attempts, its end is how it ended.

    For `with`, in sync and async tests. Tasks and threads that are begun in the block belong to it.
    What the block raises passes through, and is how the operation failed: catch it outside.
    """

    def __init__(self, operations: Operations, name: str, idempotent: bool | None) -> None:
        self._operations = operations
        self._name = name
        self._idempotent = idempotent
        self._ended = Ended()
        self._running: AbstractContextManager[Ended] | None = None

    def __enter__(self) -> Self:
        if self._running is not None or current.get() is not None:
            raise UsageError(
                f"lab.operation({self._name!r}) begins inside another operation",
                expected="one after the other, or side by side in tasks or threads",
            )
        self._ended = Ended()
        self._running = self._operations.recorded(self._name, self._idempotent, self._ended)
        self._running.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        running, self._running = self._running, None
        self._ended.cancelled = isinstance(error, asyncio.CancelledError) and _being_cancelled()
        if running is not None:
            running.__exit__(kind, error, trace)

    @override
    def __repr__(self) -> str:
        return f"<operation {self._name!r}>"


def _being_cancelled() -> bool:
    """Whether someone asked for this task's end: else the client raised it of its own."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0
