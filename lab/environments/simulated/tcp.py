"""One side of one simulated TCP connection: ordered bytes, FIN, RST, and what a kernel does of itself.

It knows no asyncio: what happens to it is told to its owner. Counterpart: `network.py` carries what
it sends, or loses it. Times of retransmission are those that were measured on a kernel.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from .liveness import KeepAlive

__all__ = ["Address", "Cancellable", "Endpoint", "Owner", "Path", "Scheduler"]

SEND_BUFFER: Final = 2_500_000  # bytes that are written and not acknowledged: net.ipv4.tcp_wmem
RECEIVE_BUFFER: Final = 4_000_000  # bytes that came and nobody has read
FIRST_RETRANSMISSION: Final = 0.21  # seconds; each later one comes when the wait has doubled
LONGEST: Final = 120.0  # seconds between two of them
GIVES_UP: Final = 924.6  # seconds without an answer: net.ipv4.tcp_retries2
_ROUNDING: Final = 1e-9  # seconds: sums of times are not exact


class Address(NamedTuple):
    """Where one side is."""

    host: str
    port: int


class Cancellable(Protocol):
    """A call in the future."""

    def cancel(self) -> None:
        """Never make it."""


class Scheduler(Protocol):
    """The time, and calls in the future. Of two for the same moment the first asked for is first."""

    def now(self) -> float:
        """Seconds."""

    def later(self, delay: float, call: Callable[[], None]) -> Cancellable:
        """Call `delay` seconds from now."""


class Path(Protocol):
    """The way to the other side."""

    def send(self, size: int, arrive: Callable[[], None]) -> None:
        """Have `arrive` called when so many bytes are there, behind all sent before; or never."""


class Owner(Protocol):
    """Who uses one side. Told from the scheduler; never from inside a call of its own."""

    def received(self, data: bytes) -> None:
        """Bytes came, unless reading is paused."""

    def ended(self) -> None:
        """The other side sends no more; ours still can."""

    def lost(self, error: OSError | None) -> None:
        """It is over: by RST or without an answer (`error`), or both sides have ended."""

    def writable(self) -> None:
        """There is room again, after `write` took less than all."""


class _Flight(NamedTuple):
    """What is sent at once: bytes, or the end."""

    number: int
    data: bytes
    fin: bool


class Endpoint:
    """One side. It is told what comes once it has an owner; until then, and while paused, it waits."""

    def __init__(self, scheduler: Scheduler, local: Address, peer: Address) -> None:
        self.local = local
        self.peer = peer
        self._scheduler = scheduler
        self._path: Path | None = None
        self._other: Endpoint | None = None
        self._owner: Owner | None = None
        self._unsent: deque[bytes] = deque()  # beyond the other side's window
        self._size = 0  # bytes written and not acknowledged
        self._short = False  # a write took less than all
        self._flights: deque[_Flight] = deque()  # sent and not acknowledged
        self._number = 0  # of the next flight
        self._expected = 0  # of the other side's
        self._waits_since = 0.0
        self._retransmission: Cancellable | None = None
        self._inbox: deque[bytes] = deque()
        self._held = 0  # bytes in the inbox
        self._paused = False
        self._unplugged = False
        self._fin_written = False
        self._peer_fin = False  # came
        self._peer_ended = False  # was told
        self._acknowledged_fin = False
        self._abandoned = False  # nobody reads any more: what comes is answered with RST
        self._told_over = False
        self._aborted = False  # by RST, ours or theirs, or given up: there is nothing to answer for
        self._heard: Callable[[Endpoint], None] | None = None
        self._keep_alive: KeepAlive | None = None
        self._next_look: Cancellable | None = None  # whether the other side is still there
        self._probes = 0  # unanswered
        self._heard_at = scheduler.now()
        self.patience: float | None = None
        """Seconds without an acknowledgement after which it is given up (TCP_USER_TIMEOUT)."""
        self.error: OSError | None = None
        self.over = False

    def join(self, other: Endpoint, path: Path) -> None:
        """Established: this is the other side, and the way to it."""
        self._other, self._path = other, path

    def await_hello(self, heard: Callable[[Endpoint], None]) -> None:
        """Call when the other side, which connected, is heard for the first time."""
        self._heard = heard

    def hello(self) -> None:
        """The last step of a handshake; like all else it is sent again until it is there."""
        self._launch(_Flight(self._number, b"", fin=False))

    @property
    def readable(self) -> int:
        """Bytes that wait to be read."""
        return self._held

    @property
    def at_eof(self) -> bool:
        """Whether a read would come back at once though no bytes wait: at the end, or broken."""
        return not self._inbox and (self._peer_fin or self.over)

    @property
    def unacknowledged(self) -> int:
        """Bytes that were taken and that the other side's kernel is not known to have."""
        return self._size

    @property
    def has_more(self) -> bool:
        """Whether the other side, on this machine, has sent more than has come.

        On a loopback there is no way for it to be on: the kernel that took it has it for us.
        """
        other = self._other
        if other is None or self._unplugged or self.local.host != self.peer.host:
            return False
        return other._number > self._expected or (other.over and not self.over)

    def bind(self, owner: Owner) -> None:
        """Set the owner; what has waited is told at the scheduler's next turn."""
        self._owner = owner
        self._scheduler.later(0.0, self._tell)

    # --- writing ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        """Send; how many of the bytes were taken. After less than all `writable` is told."""
        if self.over or self._fin_written:
            return len(data)  # as a kernel takes them before it has learnt that nobody will read
        taken = data[: max(0, SEND_BUFFER - self._size)]
        self._short = self._short or len(taken) < len(data)
        if taken:
            self._size += len(taken)
            self._unsent.append(bytes(taken))
            self._push()
        return len(taken)

    def shutdown(self) -> None:
        """FIN, behind what was written."""
        if not self._fin_written and not self.over:
            self._fin_written = True
            self._push()

    def reset(self) -> None:
        """RST; the other side's kernel keeps what it has. The owner is told nothing."""
        if not self.over:
            self._end(None, tell=False)
            self._send_reset()

    def close(self) -> None:
        """Let go: FIN behind what was written, or RST where bytes came that nobody has read."""
        self._owner = None
        self._abandoned = True
        if self._inbox:
            self.reset()
        else:
            self.shutdown()

    def pause(self) -> None:
        """Read no more; the other side's bytes wait here, and then there."""
        self._paused = True

    def resume(self) -> None:
        """Read again; what has waited is told at the scheduler's next turn."""
        if self._paused:
            self._paused = False
            self._scheduler.later(0.0, self._tell)

    def drain(self) -> None:
        """Tell the owner what has waited, now: of all calls the only one inside which it is told."""
        self._tell()

    def keep_alive(self, wanted: KeepAlive | None) -> None:
        """Ask whether the other side is there while it is silent, from now on; None: don't."""
        self._keep_alive, self._probes = wanted, 0
        self._look_later()

    def unplug(self) -> None:
        """From now on nothing of the other side's arrives, not even what acknowledges."""
        self._unplugged = True

    def plug(self) -> None:
        """Hear the other side again, when it sends once more."""
        self._unplugged = False

    # --- sending ---------------------------------------------------------------------------------

    def _push(self) -> None:
        """Send what the other side has room for."""
        if self._other is None or self.over:
            return
        room = RECEIVE_BUFFER - self._other._held - sum(len(one.data) for one in self._flights)
        while self._unsent and room > 0:
            data = self._unsent.popleft()
            if len(data) > room:
                self._unsent.appendleft(data[room:])
                data = data[:room]
            room -= len(data)
            self._launch(_Flight(self._number, data, fin=False))
        last = self._flights[-1].fin if self._flights else self._acknowledged_fin
        if self._fin_written and not self._unsent and not last:
            self._launch(_Flight(self._number, b"", fin=True))

    def _launch(self, flight: _Flight) -> None:
        self._number += 1
        if not self._flights:
            self._waits_since = self._scheduler.now()
            self._await_acknowledgement()
        self._flights.append(flight)
        self._carry(flight)

    def _carry(self, flight: _Flight) -> None:
        other, path = self._other, self._path
        assert other is not None
        assert path is not None
        path.send(len(flight.data), lambda: other._arrived(flight))

    def _await_acknowledgement(self) -> None:
        if self._retransmission is not None:
            self._retransmission.cancel()
        waited = self._scheduler.now() - self._waits_since
        delay = min(max(FIRST_RETRANSMISSION, waited), LONGEST)
        if self.patience is not None:
            delay = min(delay, max(0.0, self.patience - waited))
        self._retransmission = self._scheduler.later(delay, self._send_again)

    def _send_again(self) -> None:
        self._retransmission = None
        if self.over or not self._flights:
            return
        limit = GIVES_UP if self.patience is None else self.patience
        if self._scheduler.now() - self._waits_since >= limit - _ROUNDING:
            self._give_up()
            return
        for flight in self._flights:
            self._carry(flight)
        self._await_acknowledgement()

    def _acknowledged(self, number: int) -> None:
        """The other side has all flights before this number."""
        if self._unplugged or self.over:
            return
        self._hears()
        news = False
        while self._flights and self._flights[0].number < number:
            flight = self._flights.popleft()
            self._size -= len(flight.data)
            self._acknowledged_fin = self._acknowledged_fin or flight.fin
            news = True
        if news:
            if self._retransmission is not None:
                self._retransmission.cancel()
                self._retransmission = None
            if self._flights:
                self._waits_since = self._scheduler.now()
                self._await_acknowledgement()
        self._push()
        if self._short and self._size < SEND_BUFFER:
            self._short = False
            if self._owner is not None:
                self._owner.writable()
        self._check_over()

    # --- receiving -------------------------------------------------------------------------------

    def _arrived(self, flight: _Flight) -> None:
        if self._unplugged:
            return
        self._hears()
        if flight.number < self._expected and not self._aborted:
            self._acknowledge()  # sent again, since the acknowledgement was lost: also after the end
            return
        if self.over or (self._abandoned and flight.data):
            if not self.over:
                self._end(None, tell=False)
            self._send_reset()
            return
        if flight.number == self._expected:
            self._expected += 1
            heard, self._heard = self._heard, None
            if heard is not None:
                heard(self)
            if flight.fin:
                self._peer_fin = True
            elif flight.data:
                self._inbox.append(flight.data)
                self._held += len(flight.data)
        self._acknowledge()
        self._tell()

    def _acknowledge(self) -> None:
        other, path, number = self._other, self._path, self._expected
        assert other is not None
        assert path is not None
        path.send(0, lambda: other._acknowledged(number))

    def _tell(self) -> None:
        """What came, to the owner who wants it."""
        while self._inbox and self._owner is not None and not self._paused:
            data = self._inbox.popleft()
            self._held -= len(data)
            self._owner.received(data)
            if not self._inbox and self._other is not None:
                self._acknowledge()  # there is room again
        done = not self._inbox and not self._paused
        if self._peer_fin and not self._peer_ended and done:
            self._peer_ended = True
            if self._owner is not None:
                self._owner.ended()
        self._check_over()

    # --- whether the other side is there ---------------------------------------------------------

    def _hears(self) -> None:
        self._heard_at, self._probes = self._scheduler.now(), 0

    def _look_later(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._keep_alive is not None and not self.over:
            due = self._heard_at + self._keep_alive.due(self._probes)
            if self._flights:  # what was sent again asks already
                due = self._scheduler.now() + self._keep_alive.idle
            delay = max(0.0, due - self._scheduler.now())
            self._next_look = self._scheduler.later(delay, self._look)

    def _look(self) -> None:
        self._next_look = None
        if self._keep_alive is None or self.over:
            return
        silence = self._scheduler.now() - self._heard_at + _ROUNDING
        match self._keep_alive.decide(silence, self._probes, self.patience):
            case "gone" if not self._flights:
                self._give_up()
            case "probe" if not self._flights:
                self._probes += 1
                other, path = self._other, self._path
                if other is not None and path is not None:
                    path.send(0, other._was_asked)
        self._look_later()

    def _was_asked(self) -> None:
        if self._unplugged:
            return
        if self._aborted:
            self._send_reset()
        else:
            self._acknowledge()

    def _give_up(self) -> None:
        self._end(OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))

    def _send_reset(self) -> None:
        other, path = self._other, self._path
        if other is not None and path is not None:
            path.send(0, other._was_reset)

    def _was_reset(self) -> None:
        if not self._unplugged and not self.over:
            code = errno.EPIPE if self._peer_ended else errno.ECONNRESET
            self._end(OSError(code, os.strerror(code)))

    # --- the end ---------------------------------------------------------------------------------

    def _check_over(self) -> None:
        ended = self._peer_ended or (self._abandoned and self._peer_fin)
        if ended and self._acknowledged_fin and not self.over:
            self._end(None)
        elif self.over and not self._told_over and not self._inbox:
            self._tell_over()

    def _end(self, error: OSError | None, *, tell: bool = True) -> None:
        self.over, self.error = True, error
        self._aborted = error is not None or not tell
        self._unsent.clear()
        self._flights.clear()
        if self._retransmission is not None:
            self._retransmission.cancel()
            self._retransmission = None
        self._told_over = not tell
        self._look_later()
        if tell and not self._paused and not self._inbox:  # what came before it is read first
            self._tell_over()

    def _tell_over(self) -> None:
        if self._owner is not None and not self._told_over:
            self._told_over = True
            self._owner.lost(self.error)
