"""What a process records of its own subject: operations, attempts, connects.

One `Watch` serves the subject's child process (`child.py`) and a test that is itself the subject
(`pytest_plugin`). It puts attribution, the audit hook and the channel together, and knows nothing
of adapters.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from ..counting import PACKETS
from ..history import (
    AnyEvent,
    Left,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpHung,
    OpInvoked,
    OpOk,
    Sample,
    SubjectClosed,
    SubjectOpened,
)
from ..packets import PacketsError
from ..stamp import Stamp
from .attribution import Attribution, Current, current
from .channel import Channel
from .clients import instrumented
from .connects import AUDIT, Connects
from .elsewhere import Address
from .leftovers import Held
from .listeners import LOOPBACK, Listeners
from .outcome import chain, digest, qualified
from .packets import Packets

__all__ = ["Ended", "Watch"]

_UNTOLD = object()  # None is a value, too


class Ended:
    """How an operation came back: `value` is set by whoever knows it, `cancelled` by the lab."""

    __slots__ = ("cancelled", "value")

    def __init__(self) -> None:
        self.value: object = _UNTOLD
        self.cancelled = False


class Watch:
    """Records one process from `start` to `stop`, and starts anew after it.

    Connects are recorded whoever makes them; requests are tagged, and attempts recorded, only
    inside `operation`. Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self._installed = ExitStack()
        self._listeners = Listeners()
        self._channel: Channel | None = None
        self._stamp: Stamp | None = None
        self._connects: Connects | None = None
        self._packets: Packets | None = None

    def start(self, listeners: Listeners, channel: Channel, stamp: Stamp) -> None:
        """Watch connects to these listeners, and tag requests to them."""
        if self._channel is not None:
            raise RuntimeError("this Watch has been started and not been stopped")
        self._listeners = listeners
        self._channel, self._stamp = channel, stamp
        self._connects = Connects(listeners, stamp, self._audited)
        attribution = Attribution(listeners, stamp, channel.record)
        with ExitStack() as installing:
            installing.enter_context(instrumented(attribution, self._connects))
            installing.enter_context(self._connects.watching())
            self._installed = installing.pop_all()

    def add(self, service: str, url: str) -> None:
        """Watch one more listener from now on."""
        self._listeners.add(service, url)

    def stop(self) -> None:
        """Undo every patch, and send what was recorded. Twice does no harm."""
        self._installed.close()
        self._packets = None
        if self._channel is not None:
            self._channel.flush()
        self._channel = None

    def capture(self) -> str:
        """From now on count connects by the packets, whichever process makes them.

        How they are known then: `packets`, or `none: REASON` where packets can't be captured.
        """
        assert self._stamp is not None
        assert self._connects is not None
        if not self._listeners.on_loopback:
            return "none: packets are captured on the loopback only"
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
            self._connects.overlook(port)
            try:
                self._packets = Packets(
                    self._listeners.by_port, self._stamp.start, self._noted, port
                )
            except PacketsError as error:
                return f"none: {error}"
        self._installed.enter_context(self._packets.watching())
        return PACKETS

    def drain(self) -> None:
        """Take what the kernel has captured. From any thread."""
        packets = self._packets
        if packets is not None:
            packets.drain()

    @property
    def ports(self) -> frozenset[int]:
        """The services' ports."""
        return frozenset(self._listeners.by_port)

    @property
    def connects(self) -> str:
        """How connects are known so far: `audit`, or `none: REASON`."""
        return AUDIT if self._connects is None else self._connects.known

    def elsewhere(self) -> tuple[Address, ...]:
        """The latest addresses this process went to that are none of the services'."""
        return () if self._connects is None else self._connects.elsewhere()

    def now(self) -> tuple[float, float]:
        """The present, as events carry it."""
        return (0.0, 0.0) if self._stamp is None else self._stamp()

    def opened(
        self,
        began: tuple[float, float] | None = None,
        *,
        connects: str = AUDIT,
        tags: str = "exact",
    ) -> None:
        """The subject was entered, from `began` on; now unless given.

        `connects` says how its connects are known, `tags` how its attempts are attributed.
        """
        t, late = self.now() if began is None else began
        self._record(SubjectOpened(t=t, late=late, connects=connects, tags=tags))

    def closed(self) -> None:
        """The subject was left."""
        t, late = self.now()
        self._record(SubjectClosed(t=t, late=late))

    def holds(self, when: tuple[float, float], held: Held) -> None:
        """What the process held before the subject was entered; `when` that was, from `now`."""
        t, late = when
        self._record(Sample(t=t, late=late, at="open", counts=held.counts))

    def kept(self, held: Held, left: tuple[Left, ...]) -> None:
        """What the process still holds after the subject was left, and what of it is the subject's."""
        t, late = self.now()
        self._record(Sample(t=t, late=late, at="close", counts=held.counts, left=left))

    def hung(self, op: int, awaits: tuple[str, ...], unless: str) -> None:
        """Nothing is left to happen that would end an operation, but for `unless`."""
        t, late = self.now()
        self._record(OpHung(t=t, late=late, op=op, awaits=awaits, unless=unless))

    def cancelling(self, op: int, service: str) -> None:
        """The lab is about to cancel an operation."""
        t, late = self.now()
        self._record(OpCancelRequested(t=t, late=late, op=op, service=service))

    @contextmanager
    def operation(
        self,
        op: int,
        name: str,
        *,
        service: str = "",
        endpoint: str = "",
        idempotent: bool | None = False,
        keyed: bool = False,
        ended: Ended | None = None,
    ) -> Iterator[Ended]:
        """Run the block as one operation: its requests are tagged, its end is recorded.

        What the block raises passes through. Catch it outside: an error that is swallowed inside
        the block is none for the history. `ended` is yielded; whoever cancels passes their own.
        """
        ended = Ended() if ended is None else ended
        token = current.set(Current(op))
        t, late = self.now()
        self._record(
            OpInvoked(
                t=t,
                late=late,
                op=op,
                name=name,
                service=service,
                endpoint=endpoint,
                idempotent=idempotent,
                keyed=keyed,
            )
        )
        try:
            yield ended
        except BaseException as error:
            # Stamped before the error is read: that takes its time.
            t, late = self.now()
            if ended.cancelled and isinstance(error, asyncio.CancelledError):
                self._record(OpCancelled(t=t, late=late, op=op, service=service))
            else:
                errors = chain(error)
                self._record(OpFailed(t=t, late=late, op=op, service=service, errors=errors))
            raise
        else:
            t, late = self.now()
            kind, told = ("", "") if ended.value is _UNTOLD else _told(ended.value)
            self._record(OpOk(t=t, late=late, op=op, service=service, type=kind, digest=told))
        finally:
            # Left in another context than it was entered in, there is nothing to undo.
            with suppress(ValueError):
                current.reset(token)

    def _audited(self, event: AnyEvent) -> None:
        if self._packets is None:  # else it is among them
            self._noted(event)

    def _noted(self, event: AnyEvent) -> None:
        """Inside the audit hook: never blocks, and may interrupt itself."""
        if self._channel is not None:
            self._channel.note(event)

    def _record(self, event: AnyEvent) -> None:
        if self._channel is not None:
            self._channel.record(event)


def _told(value: object) -> tuple[str, str]:
    return qualified(type(value)), digest(value)
