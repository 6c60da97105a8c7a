"""The calls of an event loop that reach a network, over the simulated one.

Counterparts: `network.py` carries, `transports.py` is what protocols get, `loop.py` turns.
"""

from __future__ import annotations

import asyncio
import random
import socket
import weakref
from asyncio import sslproto
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .network import Connecting, Host, Listening, Network
from .tcp import Endpoint, Scheduler
from .transports import SimulatedServer, SimulatedTransport

__all__ = ["Connections"]

_Factory = Callable[[], asyncio.BaseProtocol]
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]


class Connections(asyncio.BaseEventLoop):
    """A loop with a network. `host` is the machine on which its program runs.

    What a name leads to, `network.names` says; `localhost` is the program's own. Who is in `on_connect`
    is told of each connect, in the context of who makes it: address, port, and the port from which.
    """

    network: Network
    host: Host

    def __init__(self) -> None:
        super().__init__()
        self.on_connect: list[Callable[[str, int, int], None]] = []
        self._connected: weakref.WeakKeyDictionary[socket.socket, Endpoint] = (
            weakref.WeakKeyDictionary()
        )

    def on_network(self, scheduler: Scheduler, chance: random.Random) -> None:
        """Make a network of one host."""
        self.network = Network(scheduler, chance)
        self.host = self.network.host("here")

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002  # asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Numbers, `localhost`, and the names of hosts. Raises gaierror for others."""
        del type, proto
        name = host.decode() if isinstance(host, bytes) else host
        number = int(port or 0)
        addresses = await self._resolved(name, passive=bool(flags & socket.AI_PASSIVE))
        found = [
            (kind, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, number))
            for address in addresses
            for kind in (socket.AF_INET6 if ":" in address else socket.AF_INET,)
            if family in (0, kind)
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    async def _resolved(self, name: str | None, *, passive: bool) -> Sequence[str]:
        if not name:
            return ("0.0.0.0",) if passive else ("127.0.0.1",)  # noqa: S104  # of a simulated host
        answer = self.network.names.ask(name)
        if answer.takes:
            await asyncio.sleep(answer.takes)
        if answer.error is not None:
            raise answer.error
        return answer.addresses

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The numbers: nobody is asked for names."""
        del flags
        return str(sockaddr[0]), str(sockaddr[1])

    # The signatures are asyncio's, of which the options that mean nothing here are passed over.
    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: _Factory,
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        family: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        all_errors: bool = False,
        **_: Any,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """As asyncio's: the addresses of a name one after the other."""
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        if sock is None:
            infos = await self.getaddrinfo(host, port, family=family, flags=flags)
            endpoint = await self._first(infos, all_errors=all_errors)
        else:
            endpoint = self._connected.pop(sock)
            sock.close()
        protocol = protocol_factory()
        opened = self.create_future()
        transport: asyncio.BaseTransport
        if ssl:
            transport = self._secured(
                endpoint,
                protocol,
                None if ssl is True else ssl,
                opened,
                server_hostname=server_hostname,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        else:
            transport = SimulatedTransport(self, endpoint, protocol, opened=opened)
        try:
            await opened
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _first(self, infos: Sequence[_Found], *, all_errors: bool) -> Endpoint:
        """The first of these addresses that answers."""
        errors: list[OSError] = []
        for info in infos:
            try:
                return await self._connect(info[4])
            except OSError as error:
                errors.append(error)
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        if len({str(error) for error in errors}) == 1:
            raise errors[0]
        raise OSError(f"Multiple exceptions: {', '.join(map(str, errors))}")

    async def _connect(self, address: tuple[str, int]) -> Endpoint:
        answer: asyncio.Future[Endpoint] = self.create_future()

        def done(came: Endpoint | OSError) -> None:
            if isinstance(came, Endpoint):
                if answer.cancelled():
                    came.reset()
                else:
                    answer.set_result(came)
            elif not answer.cancelled():
                assert came.errno is not None
                failed = OSError(came.errno, f"Connect call failed {address[:2]}")
                answer.set_exception(failed)

        connecting: Connecting = self.host.connect(address[0], address[1], done)
        for tell in self.on_connect:
            tell(address[0], address[1], connecting.local.port)
        try:
            return await answer
        finally:
            connecting.cancel()

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect; `create_connection(sock=...)` takes it over."""
        found = await self.getaddrinfo(address[0], address[1])
        self._connected[sock] = await self._connect(found[0][4])

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: _Factory,
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        **_: Any,
    ) -> SimulatedServer:
        """As asyncio's."""
        names = [host] if host is None or isinstance(host, str) else list(host)
        addresses = [
            info[4][0]
            for name in names
            for info in await self.getaddrinfo(name, port, flags=socket.AI_PASSIVE)
        ]

        def listen(server: SimulatedServer) -> list[Listening]:
            taken: list[Listening] = []
            try:
                for address in dict.fromkeys(addresses):
                    one = self.host.listen(address, port or 0, accepted=server.accepted)
                    taken.append(one)
            except OSError:
                for one in taken:
                    one.close()
                raise
            return taken

        def serve(server: SimulatedServer, endpoint: Endpoint) -> object:
            protocol = protocol_factory()
            if ssl is None:
                return SimulatedTransport(self, endpoint, protocol, server=server)
            return self._secured(
                endpoint,
                protocol,
                ssl,
                None,
                server=server,
                server_side=True,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )

        server = SimulatedServer(self, listen, serve)
        if start_serving:
            await server.start_serving()
        return server

    def _secured(
        self,
        endpoint: Endpoint,
        protocol: asyncio.BaseProtocol,
        context: Any,
        opened: asyncio.Future[None] | None,
        *,
        server: SimulatedServer | None = None,
        server_side: bool = False,
        server_hostname: str | None = None,
        **times: float | None,
    ) -> asyncio.BaseTransport:
        """TLS by asyncio's own protocol."""
        make: Any = sslproto.SSLProtocol
        secure = make(self, protocol, context, opened, server_side, server_hostname, **times)
        SimulatedTransport(self, endpoint, secure, server=server)
        transport: asyncio.BaseTransport = secure._app_transport
        return transport

    def _refused(self, call: str) -> NoReturn:
        raise NotImplementedError(f"{call} is not simulated")

    async def sock_recv(self, *_: Any) -> NoReturn:
        """A connected socket is taken over by `create_connection(sock=...)`."""
        self._refused("loop.sock_recv")

    async def sock_recv_into(self, *_: Any) -> NoReturn:
        """As `sock_recv`."""
        self._refused("loop.sock_recv_into")

    async def sock_sendall(self, *_: Any) -> NoReturn:
        """As `sock_recv`."""
        self._refused("loop.sock_sendall")

    async def sock_accept(self, *_: Any) -> NoReturn:
        """`create_server` listens."""
        self._refused("loop.sock_accept")

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> NoReturn:
        """There is no UDP."""
        self._refused("loop.create_datagram_endpoint")

    async def create_unix_connection(self, *_: Any, **__: Any) -> NoReturn:
        """There are no Unix sockets."""
        self._refused("loop.create_unix_connection")

    async def create_unix_server(self, *_: Any, **__: Any) -> NoReturn:
        """There are no Unix sockets."""
        self._refused("loop.create_unix_server")
