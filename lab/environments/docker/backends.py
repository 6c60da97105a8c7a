"""The containers that serve a lab's stubs: those that runs share, and a run's own.

Shared: one for each service, started when it is first wanted, in which each run has a stub on a port of
its own. The first of them owns network and address, and the others are beside it: to make a namespace
is most of what a container costs to start, and stubs send one another nothing. A run's own, for a stub that is to be ended or halted: a holder, which does nothing, owns
network and address, and what serves is beside it. So a process that has died is a refusal at once,
and the next one has its address.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Protocol, assert_never

from ....faults.partition import NETWORK, PROXY
from ...backends.container import Act, Contained
from ...backends.pipe import Place
from ...backends.servers import Image
from ...errors import SetupError
from ...orders import Wanted
from ...programs import on_port
from .answering import await_answer
from .cuts import counters, cut, dropped, join
from .images import Images
from .labels import Part
from .site import Placed

__all__ = ["Acting", "Adding", "Backends", "in_one"]

ORDERLY = 5  # seconds for an orderly end; what takes longer is killed
_THREADS = 4  # more of them gain nothing: an engine starts containers mostly one by one
_USUAL = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
"""What an engine lets a container do unless told otherwise: strangers' images count on it."""
_FOREVER = ("sleep", "infinity")
_SERVES = ("python3", "-P", "-m", "faultlab.lab.apart")


_FORM = "FAULTLAB_BACKENDS"

Answering = Callable[[str, Image, Callable[[], str]], None]


class Adding(Protocol):
    """What of a site is needed here. Each call may raise SetupError."""

    @property
    def images(self) -> Images:
        """What containers are made of."""

    @property
    def shared(self) -> str:
        """The lab's folder, as containers have it."""

    def add(
        self,
        part: Part,
        image: str,
        command: tuple[str, ...],
        *,
        entrypoint: tuple[str, ...] | None = None,
        service: str = "",
        run: int | None = None,
        beside: Placed | None = None,
        shares: bool = False,
        capabilities: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        lasts: bool = True,
    ) -> Placed:
        """Start one more container."""

    @property
    def network(self) -> str:
        """The lab's, by its id."""

    @property
    def address(self) -> str:
        """The front's, where proxies are."""

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Every container, in order of start."""

    def ended_of(self, placed: Placed) -> str:
        """How a container has ended, with its last lines; empty while it runs."""

    def let_end(self, placed: Placed) -> None:
        """It is to end: its end is no news."""

    def remove(self, placed: Placed) -> None:
        """Remove it; its address is free again."""


class Acting(Protocol):
    """What of an engine is needed here. Each call may raise SetupError."""

    def stop(self, ident: str, patience: int) -> None:
        """Have a container end, in order if it does so within `patience` seconds."""

    def kill(self, ident: str) -> None:
        """End it at once; it is gone on return."""

    def pause(self, ident: str) -> None:
        """Stop all that runs in it where it stands."""

    def unpause(self, ident: str) -> None:
        """Let it go on."""

    def run(self, ident: str, command: tuple[str, ...]) -> str:
        """Run a command in it; what it prints."""

    def disconnect(self, ident: str, network: str) -> None:
        """Take it from a network, with its interface there."""

    def reconnect(self, ident: str, network: str, address: str) -> None:
        """Give it back what it had there."""


def in_one(environ: Mapping[str, str]) -> bool:
    """Whether a single container is to serve all shared stubs. Raises SetupError."""
    form = environ.get(_FORM, "")
    if form not in ("", "one"):
        raise SetupError(
            f"{_FORM}: {form!r} is no form of backends",
            expected="`one`, for a single container; unset, for one of each service",
        )
    return form == "one"


@dataclass(frozen=True, slots=True)
class _Own:
    """A container of a run's own. `image`: of the user's, whose end from outside is the run's."""

    run: int
    placed: Placed
    image: bool


class Backends:
    """The backends of one lab. Thread-safe.

    `have` fetches a user's image that is not there, and raises SetupError. `one`: a single container serves all shared stubs. That is started sooner, and dies as one.
    """

    def __init__(
        self,
        site: Adding,
        engine: Acting,
        have: Callable[[str], None],
        *,
        answering: Answering = await_answer,
        one: bool = False,
    ) -> None:
        self._site = site
        self._engine = engine
        self._have = have
        self._answering = answering
        self._one = one
        self._pool = ThreadPoolExecutor(_THREADS, "faultlab-backends")
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._shared: dict[str, Future[Place]] = {}
        self._ground: Future[Placed] | None = None  # the shared one that owns their address
        self._holders: dict[tuple[int, str], Future[Placed]] = {}
        self._own: dict[int, _Own] = {}
        self._ending: set[int] = set()  # containers that were told to end
        self._released: set[int] = set()  # runs

    def places(self, services: Iterable[str]) -> dict[str, Place]:
        """Where stubs of these are served; what does not run yet is started, all at once.

        Raises SetupError.
        """
        return {service: coming.result() for service, coming in self.begin(services).items()}

    def begin(self, services: Iterable[str]) -> dict[str, Future[Place]]:
        """The same, without waiting for it."""
        wanted = {service: "" if self._one else service for service in services}
        with self._lock:
            for name in wanted.values():
                known = self._shared.get(name)
                if known is None or (known.done() and known.exception() is not None):
                    self._shared[name] = self._pool.submit(self._share, name)
            return {service: self._shared[name] for service, name in wanted.items()}

    def contain(self, run: int, wanted: Wanted) -> Contained:
        """Start a container of this run's own, or act on one; what came of it."""
        try:
            match wanted.act:
                case "start":
                    return self._start(run, wanted.service, wanted.image)
                case "cut" if wanted.peer == NETWORK:
                    holder = self._holder(run, wanted.service)
                    self._engine.disconnect(holder.id, self._site.network)
                case "join" if wanted.peer == NETWORK:
                    holder = self._holder(run, wanted.service)
                    self._engine.reconnect(holder.id, self._site.network, holder.address)
                case "cut":
                    peers = self._addresses(run, wanted.peer)
                    if not peers:
                        return Contained(f"no container serves {wanted.peer} here")
                    self._filter(run, wanted.service, cut(wanted.peer, peers, wanted.ways))
                case "join":
                    return Contained(lost=self._join(run, wanted.service, wanted.peer))
                case act:
                    if act in ("stop", "kill"):
                        self._ending.add(wanted.container)
                    self._act(self._own[wanted.container].placed, act)
        except SetupError as error:
            return Contained(str(error))
        return Contained()

    def lost(self, run: int) -> str:
        """Which servers of images of this run's have ended by themselves, with their last lines."""
        with self._lock:
            mine = [
                own.placed
                for number, own in self._own.items()
                if own.run == run and own.image and number not in self._ending
            ]
        return "\n".join(filter(None, map(self._site.ended_of, mine)))

    def serving(self, run: int) -> list[Placed]:
        """What serves this run, or has: the lab's own parts, shared stubs, and what is its alone."""
        with self._lock:
            own = [one for _, one in sorted(self._own.items())]
        others = {one.placed for one in own if one.run != run}
        mine = [one.placed for one in own if one.run == run]
        shared = [one for one in self._site.placed if one.part != "holder" and one not in others]
        return list(dict.fromkeys((*shared, *mine)))

    def release(self, run: int) -> None:
        """Remove all of this run's own, soon; what is awaited is given up."""
        with self._lock:
            self._released.add(run)
            mine = [number for number, own in self._own.items() if own.run == run]
            gone = [self._own.pop(number).placed for number in mine]
            keys = [key for key in self._holders if key[0] == run]
            held = [self._holders.pop(key) for key in keys]
        holders = [one.result() for one in held if one.exception() is None]
        for placed in (*gone, *holders):
            self._site.let_end(placed)
        self._pool.submit(self._remove, (*gone, *holders))

    def close(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        self._pool.shutdown()

    def _remove(self, placed: Sequence[Placed]) -> None:
        """Holders last: their addresses are another's then, and nothing may answer there."""
        for one in placed:
            self._site.remove(one)

    def _share(self, service: str) -> Place:
        with self._lock:
            ground = self._ground
            first = ground is None or (ground.done() and ground.exception() is not None)
            if ground is None or first:
                ground = self._ground = Future()
        if not first:
            return self._serve(service, None, ground.result())[1]
        try:
            placed, place = self._serve(service, None, None)
        except BaseException as error:
            ground.set_exception(error)
            raise
        ground.set_result(placed)
        return place

    def _start(self, run: int, service: str, image: Image | None) -> Contained:
        with self._lock:
            holder = self._holders.get((run, service))
            first = holder is None
            if holder is None:
                holder = self._holders[run, service] = Future()
        if first:
            self._hold(run, service, holder)
        if image is None:
            placed, place = self._serve(service, run, holder.result())
        else:
            placed = self._of_image(service, run, holder.result(), image)
            place = Place("", placed.address)
        with self._lock:
            number = next(self._numbers)
            self._own[number] = _Own(run, placed, image is not None)
        return Contained(container=number, place=place)

    def _hold(self, run: int, service: str, holder: Future[Placed]) -> None:
        image = self._site.images.lab
        try:
            holder.set_result(
                self._site.add(
                    "holder",
                    image,
                    _FOREVER,
                    entrypoint=(),
                    service=service,
                    run=run,
                    capabilities=("NET_ADMIN",),  # for packet filters
                )
            )
        except SetupError as error:
            holder.set_exception(error)

    def _serve(self, service: str, run: int | None, holder: Placed | None) -> tuple[Placed, Place]:
        with self._lock:
            path = f"{self._site.shared}/stubs-{next(self._numbers)}"
        placed = self._site.add(
            "backend",
            self._site.images.lab,
            (*_SERVES, path),
            entrypoint=(),
            service=service,
            run=run,
            beside=holder,
            shares=True,
            capabilities=("DAC_OVERRIDE",),  # the folder is the user's
        )
        return placed, Place(path, placed.address)

    def _addresses(self, run: int, peer: str) -> list[str]:
        """Where a peer is: of a service, all that serve this run."""
        if peer == PROXY:
            return [self._site.address]
        with self._lock:
            others = {own.placed for own in self._own.values() if own.run != run}
            servers = [own.placed for own in self._own.values() if own.run == run and own.image]
        stubs = [one for one in self._site.placed if one.part == "backend" and one not in others]
        return sorted({one.address for one in (*stubs, *servers) if one.service in (peer, "")})

    def _filter(self, run: int, service: str, command: tuple[str, ...]) -> str:
        return self._engine.run(self._holder(run, service).id, command)

    def _holder(self, run: int, service: str) -> Placed:
        return self._holders[run, service].result()

    def _join(self, run: int, service: str, peer: str) -> int:
        """Let packets pass again; how many were lost."""
        lost = dropped(self._filter(run, service, counters(peer)))
        self._filter(run, service, join(peer))
        return lost

    def _of_image(self, service: str, run: int, holder: Placed, image: Image) -> Placed:
        """A container of the user's image, whose server answers."""
        self._have(image.image)
        placed = self._site.add(
            "backend",
            image.image,
            tuple(on_port(word, image.port) for word in image.arguments),
            service=service,
            run=run,
            beside=holder,
            capabilities=_USUAL,
            environment={name: on_port(value, image.port) for name, value in image.environment},
            lasts=False,
        )
        try:
            self._answering(placed.address, image, partial(self._gone, run, placed))
        except SetupError:
            self._site.remove(placed)
            raise
        return placed

    def _gone(self, run: int, placed: Placed) -> str:
        """Why a container is waited for no longer."""
        return "the run was stopped" if run in self._released else self._site.ended_of(placed)

    def _act(self, placed: Placed, act: Act) -> None:
        match act:
            case "stop":
                self._site.let_end(placed)
                self._engine.stop(placed.id, ORDERLY)
            case "kill":
                self._site.let_end(placed)
                self._engine.kill(placed.id)
            case "pause":
                self._engine.pause(placed.id)
            case "unpause":
                self._engine.unpause(placed.id)
            case _:
                assert_never(act)
