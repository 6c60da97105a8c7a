"""Which containers serve stubs, on an engine in memory: what is shared, what is a run's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import pytest

from faultlab.lab.backends.container import Contained
from faultlab.lab.backends.pipe import Place
from faultlab.lab.backends.servers import Image
from faultlab.lab.environments.docker.backends import Backends, in_one
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.environments.docker.labels import Part
from faultlab.lab.environments.docker.site import Placed
from faultlab.lab.errors import SetupError
from faultlab.lab.orders import Wanted


class Site:
    """Notes what is added and removed, and what is done to it."""

    images = Images("ours", "toxi")
    address = "the front"
    network = "the network"
    shared = "/run/faultlab"

    def __init__(self) -> None:
        self.log: list[str] = []
        self.asked: list[tuple[str, tuple[str, ...], dict[str, str]]] = []
        self.dead = ""  # how a container has ended
        self.full = False  # of whatever an engine needs
        self.placed: tuple[Placed, ...] = ()
        self.printed = ""
        self._lock = threading.Lock()

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
        """Its id is its part and service, its address that of what it is beside."""
        if self.full:
            raise SetupError("no space left on device")
        if image == "ours":
            assert entrypoint == ()
            assert shares == (part == "backend")
            assert capabilities == (("NET_ADMIN",) if part == "holder" else ("DAC_OVERRIDE",))
        else:
            assert "NET_ADMIN" not in capabilities
            assert (entrypoint, shares, lasts) == (None, False, False)
            self.asked.append((image, command, dict(environment or {})))
        with self._lock:
            told = f"{part} {service}" + (f" of run {run}" if run else "")
            self.log.append(told + (f" beside {beside.id}" if beside else ""))
        whose = f"{service} of {run}" if run else service
        address = beside.address if beside else f"at {whose}"
        placed = Placed(f"{part}-{service}", part, address, service, owns=beside is None)
        self.placed = (*self.placed, *([placed] if lasts else []))
        return placed

    def ended_of(self, placed: Placed) -> str:
        """As the test says."""
        return self.dead

    def have(self, image: str) -> None:
        """Nothing but nginx can be fetched."""
        if image != "nginx":
            raise SetupError("it is not here and can't be fetched: no such host")
        self.log.append(f"have {image}")

    def let_end(self, placed: Placed) -> None:
        """Note it."""
        self.log.append(f"let {placed.id} end")

    def remove(self, placed: Placed) -> None:
        """Note it."""
        self.log.append(f"remove {placed.id}")

    def stop(self, ident: str, patience: int) -> None:
        """Note it."""
        self.log.append(f"stop {ident} within {patience}")

    def kill(self, ident: str) -> None:
        """Note it."""
        self.log.append(f"kill {ident}")

    def pause(self, ident: str) -> None:
        """Note it."""
        self.log.append(f"pause {ident}")

    def run(self, ident: str, command: tuple[str, ...]) -> str:
        """Note it."""
        self.log.append(f"in {ident}: {' '.join(command)}")
        return self.printed

    def disconnect(self, ident: str, network: str) -> None:
        """Note it."""
        self.log.append(f"disconnect {ident} from {network}")

    def reconnect(self, ident: str, network: str, address: str) -> None:
        """Note it."""
        self.log.append(f"connect {ident} to {network} as {address}")

    def unpause(self, ident: str) -> None:
        """It is gone."""
        raise SetupError(f"container {ident}: it is gone")


@pytest.fixture
def site() -> Site:
    """Nothing runs yet."""
    return Site()


@pytest.fixture
def backends(site: Site) -> Iterator[Backends]:
    """The backends of a lab."""
    backends = Backends(site, site, site.have)
    yield backends
    backends.close()


def test_each_service_has_one_container_for_all_runs(site: Site, backends: Backends) -> None:
    """Started when it is first wanted; each is ordered at a place of its own."""
    first = backends.places(["core"]) | backends.places(["orders"])
    assert site.log == ["backend core", "backend orders beside backend-core"]
    assert {place.host for place in first.values()} == {"at core"}
    assert len({place.path for place in first.values()}) == 2
    assert backends.places(["core"]) == {"core": first["core"]}
    assert len(site.log) == 2


def test_one_container_can_serve_all(site: Site) -> None:
    """The stubs have ports of their own in it."""
    backends = Backends(site, site, site.have, one=True)
    places = backends.places(["orders", "core"])
    backends.close()
    assert (site.log, places["orders"]) == (["backend "], places["core"])


def test_a_variable_says_whether_one_container_serves_all() -> None:
    """A slip is told, and not taken for the other form."""
    assert [in_one({}), in_one({"FAULTLAB_BACKENDS": ""})] == [False, False]
    assert in_one({"FAULTLAB_BACKENDS": "one"})
    with pytest.raises(SetupError, match="'1' is no form of backends"):
        in_one({"FAULTLAB_BACKENDS": "1"})


def test_what_could_not_be_started_is_tried_again(site: Site, backends: Backends) -> None:
    """The user may have made room."""
    site.full = True
    with pytest.raises(SetupError, match="no space left"):
        backends.places(["orders", "core"])
    site.full = False
    ground = backends.places(["orders"])["orders"].host
    assert backends.places(["core"])["core"].host == ground


def test_a_run_s_own_stand_beside_a_holder_of_their_address(site: Site, backends: Backends) -> None:
    """One holder for what serves and what takes its place; another run has another."""
    one = backends.contain(1, Wanted(wanted=1, act="start", service="orders"))
    two = backends.contain(1, Wanted(wanted=2, act="start", service="orders"))
    assert site.log == [
        "holder orders of run 1",
        "backend orders of run 1 beside holder-orders",
        "backend orders of run 1 beside holder-orders",
    ]
    assert isinstance(one.place, Place)
    assert one.place.host == "at orders of 1"
    assert one.container != two.container
    backends.contain(2, Wanted(wanted=1, act="start", service="orders"))
    assert site.log[3] == "holder orders of run 2"


def test_what_is_ended_is_known_to_end(site: Site, backends: Backends) -> None:
    """Or the lab would tell of it as of one that died."""
    number = backends.contain(1, Wanted(wanted=1, act="start", service="orders")).container
    site.log.clear()
    for act in ("pause", "stop", "kill"):
        assert backends.contain(1, Wanted(wanted=2, container=number, act=act)) == Contained()
    assert site.log == [
        "pause backend-orders",
        "let backend-orders end",
        "stop backend-orders within 5",
        "let backend-orders end",
        "kill backend-orders",
    ]


def test_what_can_not_be_done_is_told_and_never_raised(site: Site, backends: Backends) -> None:
    """It is told over a channel, to a run that waits."""
    number = backends.contain(1, Wanted(wanted=1, act="start", service="orders")).container
    told = backends.contain(1, Wanted(wanted=2, container=number, act="unpause"))
    assert told.problem == "container backend-orders: it is gone"
    site.full = True
    for service in ("orders", "core"):
        told = backends.contain(1, Wanted(wanted=3, act="start", service=service))
        assert told == Contained("no space left on device")


def test_a_run_that_is_over_leaves_nothing_of_its_own(site: Site, backends: Backends) -> None:
    """The holder goes too; what others have stays."""
    for run in (1, 2):
        backends.contain(run, Wanted(wanted=1, act="start", service="orders"))
    site.log.clear()
    backends.release(1)
    backends.release(1)
    backends.close()
    assert site.log == [
        "let backend-orders end",
        "let holder-orders end",
        "remove backend-orders",
        "remove holder-orders",
    ]


def test_what_has_served_a_run_is_known_until_the_run_is_over(
    site: Site, backends: Backends
) -> None:
    """Also what it has ended; what is another run's alone, and what does nothing, is not of it."""
    wanted = Wanted(wanted=1, act="start", service="orders")
    killed = backends.contain(1, wanted).container
    backends.contain(1, Wanted(wanted=2, act="kill", container=killed))
    gate, others = Placed("g", "gate"), Placed("o", "backend", "10.0.0.9", "stock")
    backends.contain(2, wanted)
    site.placed = (gate, Placed("h", "holder"), others)
    served = [str(one.part) + one.service for one in backends.serving(1)]
    assert served == ["gate", "backendstock", "backendorders"]
    backends.release(1)
    assert backends.serving(1) == [gate, others]


def test_a_backend_is_cut_from_all_that_serve_a_peer_of_its_run(
    site: Site, backends: Backends
) -> None:
    """The shared one and the run's own, and no other run's; the filter is where its address is."""
    for service in ("core", "orders"):
        backends.places([service])
    for run, service in ((1, "orders"), (1, "core"), (2, "core")):
        backends.contain(run, Wanted(wanted=1, act="start", service=service))
    site.log.clear()
    site.printed = '{"nftables": [{"rule": {"expr": [{"counter": {"packets": 5}}]}}]}'
    for peer, there in (("core", "{ at core, at core of 1 }"), ("proxy", "{ the front }")):
        wanted = Wanted(wanted=2, act="cut", service="orders", peer=peer, ways=("to_backend",))
        assert backends.contain(1, wanted) == Contained()
        assert site.log[-1].startswith("in holder-orders: nft add table")
        assert there in site.log[-1]
        wanted = Wanted(wanted=3, act="join", service="orders", peer=peer)
        assert backends.contain(1, wanted) == Contained(lost=5)
        assert "delete table" in site.log[-1]


def test_a_backend_loses_its_network_and_has_it_back_with_its_address(
    site: Site, backends: Backends
) -> None:
    """An engine would give it another one."""
    backends.contain(1, Wanted(wanted=1, act="start", service="orders"))
    site.log.clear()
    for number, act in ((2, "cut"), (3, "join")):
        told = backends.contain(1, Wanted(wanted=number, act=act, service="orders", peer="network"))
        assert told == Contained()
    assert site.log == [
        "disconnect holder-orders from the network",
        "connect holder-orders to the network as at orders of 1",
    ]


def test_a_peer_that_no_container_serves_is_told(backends: Backends) -> None:
    """A filter without addresses would lose nothing."""
    backends.contain(1, Wanted(wanted=1, act="start", service="orders"))
    wanted = Wanted(wanted=2, act="cut", service="orders", peer="pay", ways=("to_backend",))
    assert backends.contain(1, wanted) == Contained("no container serves pay here")


IMAGE = Image("nginx", 9, ("-p", "{port}"), (("AT", ":{port}"),), ready_within=0.05)
ASKED = Wanted(wanted=1, act="start", service="orders", image=IMAGE)


def test_an_image_of_the_user_s_is_started_beside_a_holder(site: Site) -> None:
    """It keeps its entry point, gets its port in words and environment, and is the run's own."""
    answered: list[str] = []
    backends = Backends(
        site, site, site.have, answering=lambda address, image, ended: answered.append(address)
    )
    came = backends.contain(3, ASKED)
    assert came == Contained(container=1, place=Place("", "at orders of 3"))
    assert site.asked == [("nginx", ("-p", "9"), {"AT": ":9"})]
    assert answered == ["at orders of 3"]
    assert site.log == [
        "holder orders of run 3",
        "have nginx",
        "backend orders of run 3 beside holder-orders",
    ]
    assert backends.contain(3, Wanted(wanted=2, container=1, act="kill")) == Contained()
    assert site.log[-1] == "kill backend-orders"
    site.dead = "ended with code 137"
    assert backends.lost(3) == ""  # it was told to
    backends.contain(3, ASKED)
    assert (backends.lost(3), backends.lost(4)) == ("ended with code 137", "")
    backends.contain(3, Wanted(wanted=1, act="start", service="core"))
    backends.contain(
        3, Wanted(wanted=2, act="cut", service="core", peer="orders", ways=("to_backend",))
    )
    assert "{ at orders of 3 }" in site.log[-1]


def test_an_image_that_does_not_serve_leaves_nothing(site: Site, backends: Backends) -> None:
    """Its last words are told."""
    site.dead = "ended with code 1; its last lines: no"
    came = backends.contain(3, ASKED)
    assert came.problem == f"it ended before it served: {site.dead}"
    assert site.log[-1] == "remove backend-orders"
    site.dead = ""
    backends.release(3)
    assert "the run was stopped" in backends.contain(3, ASKED).problem
    nowhere = Wanted(wanted=1, act="start", service="orders", image=Image("nowhere", 80))
    assert "can't be fetched" in backends.contain(3, nowhere).problem
