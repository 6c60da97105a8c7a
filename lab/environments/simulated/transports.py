"""asyncio's transports and servers over the simulated network.

Counterparts: `tcp.py` is the connection, `sockets.py` what is shown of it to who asks for its socket.
"""

from __future__ import annotations

import asyncio
from asyncio import protocols
from collections.abc import Callable, Iterable
from typing import Any, Final

from .network import Listening
from .sockets import ConnectedSocket, ListeningSocket
from .tcp import Endpoint

__all__ = ["SimulatedServer", "SimulatedTransport"]

_HIGH: Final = 64 * 1024  # bytes in our buffer above which a writer should pause, as asyncio's


class SimulatedTransport(asyncio.Transport):
    """One connection. `opened` is called when its protocol has been told that it is made."""

    _start_tls_compatible = True

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: Endpoint,
        protocol: asyncio.BaseProtocol,
        *,
        opened: asyncio.Future[None] | None = None,
        server: SimulatedServer | None = None,
    ) -> None:
        super().__init__({"peername": tuple(endpoint.peer), "sockname": tuple(endpoint.local)})
        self._loop = loop
        self._endpoint = endpoint
        self._protocol = protocol
        self._server = server
        self._out = bytearray()
        self._high, self._low = _HIGH, _HIGH // 4
        self._writing_paused = False
        self._reading_paused = False
        self._eof_wanted = False
        self._closing = False
        self._gone = False
        self._socket: ConnectedSocket | None = None
        if server is not None:
            server.attach()
        loop.call_soon(self._open, opened)

    def _open(self, opened: asyncio.Future[None] | None) -> None:
        self._protocol.connection_made(self)
        if not self._closing:
            self._endpoint.bind(self)
        if opened is not None and not opened.cancelled():
            opened.set_result(None)

    # --- what the endpoint tells -----------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes came."""
        if self._closing:
            return
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            protocols._feed_data_to_buffered_proto(self._protocol, data)  # type: ignore[attr-defined]  # as every transport of asyncio's
        else:
            assert isinstance(self._protocol, asyncio.Protocol)
            self._protocol.data_received(data)

    def ended(self) -> None:
        """FIN came: unless the protocol wants to go on writing, it is over."""
        if self._closing:
            return
        assert isinstance(self._protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        if not self._protocol.eof_received():
            self.close()

    def lost(self, error: OSError | None) -> None:
        """The connection is over."""
        named = error
        if isinstance(error, OSError) and error.errno is not None:
            named = type(error)(error.errno, error.strerror)
        self._force_close(named)

    def writable(self) -> None:
        """There is room again."""
        self._flush()

    # --- what the protocol asks ------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's; the socket is made when somebody asks for it: its descriptor is a real one."""
        if name == "socket":
            if self._socket is None:
                self._socket = ConnectedSocket(self._endpoint)
                if self._gone:
                    self._socket.close()
            return self._socket
        return super().get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell another."""
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Whether it is closed or about to."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether what comes is told."""
        return not self._reading_paused and not self._closing

    def pause_reading(self) -> None:
        """Leave what comes where it is."""
        if self.is_reading():
            self._reading_paused = True
            self._endpoint.pause()

    def resume_reading(self) -> None:
        """Tell it again."""
        if self._reading_paused and not self._closing:
            self._reading_paused = False
            self._endpoint.resume()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or buffer; the protocol is told when that is too much."""
        if self._eof_wanted:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._gone:
            return
        self._out += data
        self._flush()
        if not self._writing_paused and len(self._out) > self._high:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """All of these."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """FIN behind what was written; reading goes on."""
        if not self._eof_wanted and not self._closing:
            self._eof_wanted = True
            self._flush()

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def get_write_buffer_size(self) -> int:
        """Bytes that nobody has taken yet."""
        return len(self._out)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's."""
        if high is None:
            high = _HIGH if low is None else 4 * low
        low = high // 4 if low is None else low
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def close(self) -> None:
        """FIN behind what was written; the protocol is told that it is over after that."""
        if not self._closing:
            self._closing = True
            self._endpoint.pause()
            if not self._out:
                self._force_close(None)

    def abort(self) -> None:
        """Without what was buffered."""
        self._force_close(None)

    def _flush(self) -> None:
        if self._out:
            taken = self._endpoint.write(bytes(self._out))
            del self._out[:taken]
        if self._writing_paused and len(self._out) <= self._low:
            self._writing_paused = False
            self._protocol.resume_writing()
        if not self._out:
            if self._closing:
                self._force_close(None)
            elif self._eof_wanted:
                self._endpoint.shutdown()

    def _force_close(self, error: Exception | None) -> None:
        if not self._gone:
            self._gone = self._closing = True
            self._out.clear()
            self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            if self._socket is not None:
                if self._socket.resets:
                    self._endpoint.reset()
                self._socket.close()
            self._endpoint.close()
            if self._server is not None:
                self._server.detach()
                self._server = None


class SimulatedServer(asyncio.AbstractServer):
    """The listeners of one `create_server`. `serve` makes the transport of each connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listen: Callable[[SimulatedServer], list[Listening]],
        serve: Callable[[SimulatedServer, Endpoint], object],
    ) -> None:
        self._loop = loop
        self._serve = serve
        self._serving = False
        self._closed = False
        self._connections = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._forever: asyncio.Future[None] | None = None
        self._listening = listen(self)
        for listening in self._listening:
            listening.switch("refusing")  # bound, and nobody listens yet

    @property
    def sockets(self) -> tuple[ListeningSocket, ...]:
        """What is known of its listeners."""
        return () if self._closed else tuple(map(ListeningSocket, self._listening))

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Its loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether it takes connections."""
        return self._serving

    def accepted(self, endpoint: Endpoint) -> None:
        """One more connection."""
        if self._closed:
            endpoint.reset()
        else:
            self._serve(self, endpoint)

    def attach(self) -> None:
        """One more is open."""
        self._connections += 1

    def detach(self) -> None:
        """One is closed."""
        self._connections -= 1
        self._wake()

    def close(self) -> None:
        """Take no more connections; those that are open stay."""
        if not self._closed:
            self._closed, self._serving = True, False
            for listening in self._listening:
                listening.close()
            if self._forever is not None and not self._forever.done():
                self._forever.cancel()
            self._wake()

    async def start_serving(self) -> None:
        """Take connections."""
        if not self._closed and not self._serving:
            self._serving = True
            for listening in self._listening:
                listening.switch("open")

    async def serve_forever(self) -> None:
        """Until it is closed or this call is cancelled."""
        await self.start_serving()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        finally:
            self.close()

    async def wait_closed(self) -> None:
        """Until it is closed and none of its connections is open."""
        if not self._closed or self._connections:
            waiting = self._loop.create_future()
            self._waiting.append(waiting)
            await waiting

    def _wake(self) -> None:
        if self._closed and not self._connections:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
