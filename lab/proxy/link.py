"""One accepted client connection and its upstream connection: bytes, ends, back-pressure.

Carries what the gate passes, in two lines that can be delayed or held, and knows who ended the
client's connection first. Knows no HTTP and no fault by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from ...faults.actions import CutConnection, Hold, Slow
from ..addresses import operation_at
from ..history import ConnClosed, ConnFull, ConnOpened, Ending, Side
from ..net import Connection
from .copies import Copies
from .ends import Due, Note
from .force import Force
from .gate import Gate
from .idle import Idle
from .line import Line
from .sent import Sent, due
from .upstream import Upstream

__all__ = ["Link"]

MARK = 4 * 1024 * 1024  # bytes waiting in one direction above which its source is paused


class _Client:
    """The client's side, as the net calls it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def received(self, data: bytes) -> None:
        self._link.client_sent(data)

    def ended(self) -> None:
        self._link.client_ended("fin")

    def lost(self, reset: bool) -> None:
        self._link.client_ended("rst" if reset else "fin")

    def drained(self) -> None:
        self._link.client_drained()


class Link:
    """One client connection. `gone` is called when both of its sides are over.

    The client's side is `open`; `ending` once the lab or the backend sent it FIN, while the lab
    reads on; `gone` when nothing can reach the client any more.
    """

    def __init__(
        self,
        force: Force,
        client: Connection,
        conn: int,
        upstream: tuple[str, int],
        gone: Callable[[Link], None],
        copies: Copies,
        *,
        tag_upstream: bool,
    ) -> None:
        self.conn = conn
        self.state: Literal["open", "ending", "gone"] = "open"
        self._force = force
        self._gone = gone
        self._client = client
        self._upstream = Upstream(force.net, upstream, self)
        self._client_ended = False
        self._held = False
        self._copies = copies
        self._copying = 0  # requests whose copies have not been answered
        self._down_held = False  # by a fault
        self._unplugged = False
        self._unheard = False  # since it was unplugged
        self._up = Line(force.net, force.holds, self._balance)
        self._down = Line(force.net, force.holds, self._left)
        self._sent = Sent(force, client, self._left)
        self._down_full = False
        self._client_paused = False
        self._told_full: set[Side] = set()
        self._received = 0
        self._released = False
        op = operation_at(client.dialled)
        self._gate = Gate(self, force, conn, op, tag_upstream=tag_upstream)
        self._idle = Idle(force, self._between, self._end_idle)
        force.record(
            ConnOpened(t=force.clock(), service=force.service, op=op, conn=conn, port=client.peer)
        )
        client.bind(_Client(self))
        self._upstream.dial()

    # --- what the proxy asks ---------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on an open connection.

        Where it was unplugged and nothing was heard of the client since, something may be.
        """
        return (
            self.state == "open"
            and not self._held
            and not self._unheard
            and self._gate.idle
            and self._up.empty
            and self._down.empty
            and self._sent.empty
        )

    @property
    def at_rest(self) -> bool:
        """Whether its backend can be another one from now on: nothing is under way there."""
        quiet = self._gate.idle and self._up.empty and not self._upstream.dialling
        return self._upstream.over or quiet

    def move(self, upstream: tuple[str, int]) -> None:
        """What comes next on it goes to this backend, which knows nothing of the one before."""
        if not self._upstream.over:
            self._upstream.move(upstream)

    @property
    def late(self) -> bool:
        """Whether its client has gone, and its backend still has to do what that asked for."""
        waits = self._gate.in_flight or not self._up.empty or self._upstream.waiting > 0
        return self.state == "gone" and waits and not (self._held or self._upstream.over)

    def halt(self, *, halted: bool) -> None:
        """Let nothing pass between here and the backend, or go on with what came meanwhile."""
        self._upstream.halt(halted=halted)

    def touch(self, fault: int) -> None:
        """A fault of the backend's keeps it from answering what is under way."""
        if self.state == "open":
            self._gate.touch(fault)

    @property
    def full(self) -> bool:
        """Whether so much waits for the client that no answer should be added."""
        return self.state == "open" and (self._down_full or self._down.size > MARK)

    def look(self) -> None:
        """A fault that ends idle connections is in force."""
        self._idle.look()

    def drain(self) -> None:
        """Take what the kernel has of both sides, now."""
        self._client.drain()
        self._upstream.drain()

    def hold(self, fault: int, hold: Hold) -> None:
        """Let nothing pass in the hold's directions; what arrives is still recorded."""
        if self._unplugged and not hold.unplugged:
            self._plug()
        self._held = True
        self._up.held = "to_backend" in hold.directions
        self._down_held = "to_client" in hold.directions
        self._hold_down()
        self._gate.hold(fault, passing=not self._up.held)
        if hold.unplugged and self.state != "gone":
            self._client.unplug()
            self._unplugged = self._unheard = True
        if self.state == "open":
            self._force.fired(fault, "connection", conn=self.conn, heard=not hold.unplugged)
        self._let_pass()

    def release(self) -> None:
        """Let what was held pass, in order, even if the client has gone."""
        if not self._held:
            return
        self._held = self._up.held = self._down_held = False
        self._hold_down()
        if self._unplugged:
            self._plug()
        self._gate.release()
        self._let_pass()
        if self.state == "gone":
            self._client.close()
        self._balance()
        self.settle()

    def _hold_down(self) -> None:
        """What keeps answers from the client: a fault, or copies that are still under way."""
        self._down.held = self._down_held or self._copying > 0

    def _plug(self) -> None:
        self._client.plug()
        self._unplugged = False

    def _let_pass(self) -> None:
        """What no hold keeps goes on: first to the backend, then to the client."""
        self._up.pump()
        self._gate.go_on()
        self._down.pump()

    def pump(self) -> None:
        """A fault is over: release what it alone kept."""
        self._up.pump()
        self._down.pump()
        self._sent.pump()

    def end(self, how: Ending, fault: int | None = None) -> None:
        """End the client's connection at once, dropping what is on its way to it."""
        if self.state != "open":
            if how == "rst" and self.state == "ending":
                self._client.reset()
                self._leave(fault)
            return
        if fault is not None:
            self._force.fired(fault, "connection", conn=self.conn)
        note = self._gate.broken_off(how)
        self._down.clear()
        self._sent.clear()
        self._end("lab", how, () if note is None else (note,), fault, at_once=True)

    def close(self) -> None:
        """Stop, whatever is under way: the run is over."""
        if self.state == "open":
            self._note_closed("lab", "fin")
        self.state = "gone"
        if self._unplugged:
            self._plug()
        self._idle.stop()
        self._up.clear()
        self._down.clear()
        self._sent.clear()
        self._client.close()
        self._upstream.end()
        self._released = True

    # --- the client's side -----------------------------------------------------------------------

    def client_sent(self, data: bytes) -> None:
        """Bytes arrived from the client."""
        self._sent.pump()  # what it had before is older
        self._unheard = False
        self._received += len(data)
        cut = self._idle.ends()
        if cut is not None:
            self._end_idle(cut)
        self._gate.from_client(data)
        if self._force.waiting.due:
            self._force.waiting.come()
        self._balance()

    def client_ended(self, how: Ending) -> None:
        """The client's FIN or RST arrived, also after the lab's own FIN.

        Its FIN ends an HTTP connection: one who would still read can't be told from one who left.
        """
        self._sent.pump()
        self._unheard = False
        if not self._client_ended:
            self._client_ended = True
            self._note_closed("client", how)
        if how == "fin" and self.state == "open" and self._gate.raw:
            # Whatever this stream is, its half-close may mean something to it.
            self.forward_fin()
            return
        if self.state != "gone":
            self._leave(None)

    def client_drained(self) -> None:
        """The client took what was written."""
        self._down_full = False
        self._gate.go_on()
        self._balance()

    def _leave(self, fault: int | None) -> None:
        """Nothing reaches the client any more. What it asked for is still carried out."""
        ending = self.state == "ending"
        self.state = "gone"
        self._down.clear()
        self._sent.clear()
        if ending or fault is not None:
            self._gate.shut(fault)
        else:
            self._gate.client_ended()
            self._gate.go_on()
        if not self._held:
            # While held, our FIN would be a sign of life.
            self._client.close()
        self._balance()
        self.settle()

    # --- the backend's side ----------------------------------------------------------------------

    def backend_sent(self, data: bytes) -> None:
        """Bytes arrived from the backend."""
        self._gate.from_backend(data)
        self._balance()

    def backend_ended(self, how: Ending, why: str = "") -> None:
        """The backend's FIN or RST arrived, or it can't be reached."""
        if self._upstream.over:
            return
        self._upstream.end()
        ender = self._force.ender
        if ender is not None and self.state == "open":
            self._force.fired(ender, "connection", conn=self.conn)
        self._up.clear()
        self._gate.backend_ended(how, why)
        self._balance()
        self.settle()

    def backend_ready(self) -> None:
        """The backend is connected, or took what was written."""
        self._balance()
        self.settle()

    # --- what the gate asks ----------------------------------------------------------------------

    def forward(self, data: bytes, slows: tuple[Slow, ...]) -> None:
        """Send to the backend, when its time has come."""
        if self._up.free and not slows:
            self._send_up(data)
        else:
            self._up.put_bytes(partial(self._send_up_part, data), len(data), slows)

    def copy(
        self, method: str, request: bytes, count: int, delays: tuple[Slow, ...], note: Note
    ) -> None:
        """Send a request again, behind what was forwarded; answers wait for the copies."""
        self._up.put(partial(self._send_copies, method, request, count, note), 0, delays)

    def forward_fin(self) -> None:
        """Send FIN to the backend, behind what was forwarded."""
        self._up.put(self._send_fin_up, 0, ())

    def deliver(self, data: bytes, slows: tuple[Slow, ...], notes: tuple[Due, ...] = ()) -> None:
        """Release to the client, when its time has come."""
        if self.state != "open":
            return
        if self._down.free and not slows:
            self._send_down(data, notes)
        else:
            self._down.put_bytes(partial(self._send_down_part, data, notes), len(data), slows)

    def finish(
        self,
        by: Side,
        how: Ending,
        slows: tuple[Slow, ...],
        notes: tuple[Note, ...] = (),
        *,
        why: str = "",
    ) -> None:
        """End the client's connection, behind what was delivered."""
        if self.state == "open":
            end = partial(self._end, by, how, notes, None, why=why)
            self._down.put(partial(self._sent.then, end), 0, slows)

    def settle(self) -> None:
        """Close the upstream connection once no exchange needs it and no new one can come."""
        if self.state == "open":
            self._idle.begins()
        if self._released or self.state == "open" or self._held:
            return
        if not self._upstream.over and not self._gate.in_flight and self._up.empty:
            if self._upstream.dialling:
                return  # what passed before will be delivered
            self._upstream.end()
        if self.state == "gone" and self._upstream.over:
            self._released = True
            self._idle.stop()
            self._gone(self)

    # --- carrying out ----------------------------------------------------------------------------

    def _between(self) -> bool:
        """Whether it stands between two exchanges."""
        return self._gate.used and self.idle

    def _end_idle(self, cut: CutConnection) -> None:
        self.end(cut.by, cut.fault)

    def _left(self) -> None:
        """What was delayed on its way to the client has gone out."""
        self._gate.go_on()
        self._balance()
        self._idle.begins()

    def _send_up(self, data: bytes) -> None:
        self._upstream.write(data)
        if self.state != "open":
            self.settle()

    def _send_fin_up(self) -> None:
        self._upstream.fin()
        if self.state != "open":
            self.settle()

    def _send_copies(self, method: str, request: bytes, count: int, note: Note) -> None:
        if self._upstream.over:
            return
        note()
        self._copying += 1
        self._hold_down()
        self._copies.send(method, request, count, self._copied)

    def _copied(self) -> None:
        self._copying -= 1
        self._hold_down()
        self._down.pump()

    def _send_up_part(self, data: bytes, start: int, stop: int) -> None:
        self._send_up(data[start:stop])

    def _send_down_part(self, data: bytes, notes: tuple[Due, ...], start: int, stop: int) -> None:
        self._send_down(data[start:stop], due(notes, start, stop))

    def _send_down(self, data: bytes, notes: tuple[Due, ...]) -> None:
        if self.state != "open":
            return
        if not self._sent.send(data, notes):
            self._down_full = True

    def _end(
        self,
        by: Side,
        how: Ending,
        notes: tuple[Note, ...],
        fault: int | None,
        *,
        why: str = "",
        at_once: bool = False,
    ) -> None:
        if self.state != "open":
            return
        for note in notes:
            note()
        self._note_closed(by, how, why)
        self.state = "ending"
        self._gate.shut(fault)
        if how == "rst":
            self._client.reset(after_written=not at_once)
            self.state = "gone"
        else:
            self._client.fin()
            if self._client_ended:
                self.state = "gone"
        self._down.clear()
        self._balance()
        self.settle()

    def _note_closed(self, by: Side, how: Ending, why: str = "") -> None:
        self._force.record(
            ConnClosed(
                t=self._force.clock(),
                service=self._force.service,
                conn=self.conn,
                by=by,
                how=how,
                sent=self._sent.count,
                sent_at=self._sent.at,
                received=self._received,
                why=why,
            )
        )

    def _balance(self) -> None:
        """Pause a source while too much of it waits, go on when it has gone."""
        waiting = self._up.size + self._upstream.waiting + self._gate.waiting_size
        if waiting > MARK:
            self._tell_full("backend")
        pause = self.state != "gone" and (self._upstream.full or waiting > MARK)
        if pause != self._client_paused:
            self._client_paused = pause
            if pause:
                self._client.pause()
            else:
                self._client.resume()
        if self._down.size > MARK:
            self._tell_full("client")
        self._upstream.pause(paused=self.full)

    def _tell_full(self, toward: Side) -> None:
        if toward not in self._told_full:
            self._told_full.add(toward)
            force = self._force
            force.record(
                ConnFull(
                    t=force.clock(), service=force.service, conn=self.conn, toward=toward, size=MARK
                )
            )
