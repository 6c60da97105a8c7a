"""A subject in the event loop that runs now: entered, its operations run, and left again.

Knows no process and no clock but the loop's. Counterpart: `inside.py` is a process of it.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from ..errors import SubjectError
from ..tune import Tune
from .declaration import Op, Subject, entered
from .load import Spec, broken
from .recording import Ended, Watch

__all__ = ["Opened"]

Call = Callable[[int, Op], Awaitable[object]]
"""How an operation, by its id, is called."""


class Opened:
    """An open subject: what it offers, the context that it made, and the task that will leave it.

    `running` holds the task of each operation under way, by its id.
    """

    def __init__(self, spec: Spec, subject: Subject, watch: Watch, call: Call) -> None:
        self.offers: Mapping[str, Op] = {}
        self.running: dict[int, asyncio.Task[None]] = {}
        self._spec = spec
        self._subject = subject
        self._watch = watch
        self._call = call
        self._context = contextvars.Context()
        self._leave = asyncio.Event()
        self._keeper: asyncio.Task[SubjectError | None] | None = None

    async def enter(self, urls: Mapping[str, str], tune: Tune | None, seed: int) -> None:
        """One task enters the factory, and will leave it. Raises SubjectError."""
        opened: asyncio.Future[tuple[Mapping[str, Op], contextvars.Context]]
        opened = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(urls, tune, seed, opened))
        self.offers, self._context = await opened

    async def leave(self) -> None:
        """Leave it. Raises SubjectError for what it raised then."""
        self._leave.set()
        assert self._keeper is not None
        error = await self._keeper
        # What the client let go of is closed now, and not when the collector comes by: requests leaves
        # its pooled connections to it, and a subject that has been closed allocates nothing more.
        gc.collect()
        if error is not None:
            raise error

    async def operate(
        self,
        ops: Sequence[tuple[int, str]],
        *,
        concurrency: int,
        cancel_after: float | None,
        ended: Callable[[int], None],
    ) -> None:
        """Run operations, as ids and names, so many at once; `ended` is told of each.

        Raises SubjectError for a name that it does not offer.
        """
        missing = sorted({name for _, name in ops} - self.offers.keys())
        if missing:
            raise SubjectError(
                f"{self._spec}: it does not offer {', '.join(missing)}", seen=", ".join(self.offers)
            )
        waiting = iter(ops)

        async def one_after_another() -> None:
            for op, name in waiting:
                await self._begun(op, name, cancel_after)
                ended(op)

        at_once = min(concurrency, len(ops))
        await asyncio.gather(*(one_after_another() for _ in range(at_once)))

    async def _keep(
        self,
        urls: Mapping[str, str],
        tune: Tune | None,
        seed: int,
        opened: asyncio.Future[tuple[Mapping[str, Op], contextvars.Context]],
    ) -> SubjectError | None:
        try:
            async with entered(self._subject, urls, tune, seed) as offers:
                opened.set_result((offers, contextvars.copy_context()))
                await self._leave.wait()
        except BaseException as error:  # noqa: BLE001  # the author's code; sys.exit included
            doing = "raised when it was left" if opened.done() else "raised at start"
            told = broken(self._spec, doing, error, self._subject.file)
            traceback.print_exception(error)
            if opened.done():
                return told
            opened.set_exception(told)
        return None

    def _begun(self, op: int, name: str, cancel_after: float | None) -> asyncio.Task[None]:
        """A task in a fresh copy of the context that the factory made."""
        offer, ending = self.offers[name], Ended()
        service = self._subject.service_of(offer)
        task = asyncio.create_task(
            self._run(op, name, service, offer, ending), context=self._context.copy()
        )
        self.running[op] = task
        task.add_done_callback(lambda _: self.running.pop(op))
        if cancel_after is not None:
            cancel = partial(self._cancel, op, service, ending, task)
            timer = asyncio.get_running_loop().call_later(cancel_after, cancel)
            task.add_done_callback(lambda _: timer.cancel())
        return task

    def _cancel(self, op: int, service: str, ending: Ended, task: asyncio.Task[None]) -> None:
        if not task.done():  # its callbacks may be about to run
            ending.cancelled = True
            self._watch.cancelling(op, service)
            task.cancel()

    async def _run(self, op: int, name: str, service: str, offer: Op, ending: Ended) -> None:
        try:
            with self._watch.operation(
                op,
                name,
                service=service,
                endpoint=offer.endpoint,
                idempotent=offer.idempotent,
                keyed=offer.keyed,
                ended=ending,
            ):
                ending.value = await self._call(op, offer)
        except BaseException:  # noqa: BLE001, S110  # recorded; whatever it is, it is the subject's
            pass
