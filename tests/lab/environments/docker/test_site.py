"""One lab's containers: what is started, in which order, on which network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from faultlab.lab.environments.docker.containers import Container, State
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.environments.docker.labels import OWNER, PART, SERVICE, Owner
from faultlab.lab.environments.docker.problems import SubnetTakenError
from faultlab.lab.environments.docker.site import Site
from faultlab.lab.errors import SetupError

OURS = Owner(pid=70, start=500, space=9)


@dataclass
class Engine:
    """Notes what it is asked to start; `refused` subnets are another's."""

    taken: list[str] = field(default_factory=list)
    refused: int = 0
    started: list[Container] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def subnets(self) -> list[str]:
        """What other networks have."""
        return self.taken

    def network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        """Refused while there are refusals left."""
        self.made.append(subnet)
        if len(self.made) <= self.refused:
            raise SubnetTakenError(f"network {name}: taken")
        return "net"

    def start(self, what: Container) -> str:
        """Its id is its part and service."""
        self.started.append(what)
        return what.labels[PART] + what.labels.get(SERVICE, "")

    def state(self, ident: str) -> State:
        """Running, unless a test has said otherwise."""
        return self.states.get(ident, State(running=True))

    def last_lines(self, ident: str) -> list[str]:
        """Its last words."""
        return ["Traceback", f"{ident} broke"]

    def remove_container(self, ident: str) -> None:
        """Note it."""
        self.removed.append(ident)


def site(engine: Engine, first: int = 4) -> Site:
    """A site whose search for a subnet begins at the `first`-th."""
    return Site(engine, "ab12", OURS, Images("ours", "toxi"), Path("/shared"), first=first)


def opened(engine: Engine) -> Site:
    """A site whose gate runs `serve`."""
    made = site(engine)
    made.connect()
    made.open(("serve",))
    return made


def test_front_toxiproxy_and_gate_share_one_namespace() -> None:
    """So either of them may end, and address and filters stay."""
    engine = Engine()
    opened(engine)
    by_part = {one.labels[PART]: one for one in engine.started}
    assert engine.started[0].labels[PART] == "front"
    assert {part: one.network for part, one in by_part.items()} == {
        "front": "net",
        "toxiproxy": "container:front",
        "gate": "container:front",
    }
    assert (by_part["front"].address, by_part["gate"].address) == ("198.18.4.2", "")


def test_toxiproxy_s_api_is_for_the_gate_alone() -> None:
    """Whoever reaches it could change what is judged."""
    engine = Engine()
    opened(engine)
    (toxiproxy,) = (one for one in engine.started if one.image == "toxi")
    assert toxiproxy.command == ("-host=127.0.0.1", "-port=8474")
    assert toxiproxy.entrypoint is None


def test_only_the_gate_may_change_its_network() -> None:
    """And nothing else has a right that a container can do without."""
    engine = Engine()
    opened(engine)
    rights = {one.labels[PART]: one.capabilities for one in engine.started}
    assert rights == {
        "front": (),
        "toxiproxy": (),
        "gate": ("NET_ADMIN", "NET_RAW", "DAC_OVERRIDE"),
    }


def test_a_subnet_that_was_taken_meanwhile_gives_way_to_the_next() -> None:
    """Two labs that start at once both see it free."""
    engine = Engine(refused=2)
    made = site(engine)
    made.connect()
    assert engine.made == ["198.18.4.0/24", "198.18.5.0/24", "198.18.6.0/24"]
    assert (made.subnet, made.address) == (IPv4Network("198.18.6.0/24"), "198.18.6.2")


def test_where_every_try_is_refused_the_last_refusal_is_told() -> None:
    """Something is wrong that another subnet does not mend."""
    with pytest.raises(SubnetTakenError, match="taken"):
        site(Engine(refused=1000)).connect()


def test_where_no_subnet_is_free_it_is_said_what_to_do() -> None:
    """Networks that nobody uses are what fills a pool."""
    with pytest.raises(SetupError, match=r"no subnet of 198\.18\.0\.0/15 is free") as raised:
        site(Engine(taken=["198.18.0.0/15", "fd00::/64"])).connect()
    assert "docker network prune" in raised.value.rows["mend"]


def test_what_is_added_has_an_address_that_nothing_else_has_had() -> None:
    """It must get the same one again after it was disconnected."""
    engine = Engine()
    made = opened(engine)
    core = made.add("holder", "ours", ("sleep", "infinity"), service="core")
    nis = made.add("holder", "ours", ("sleep", "infinity"), service="nis")
    inside = made.add("backend", "ours", ("serve",), service="nis", run=2, beside=nis, shares=True)
    assert [one.address for one in (core, nis, inside)] == [
        "198.18.4.10",
        "198.18.4.11",
        "198.18.4.11",
    ]
    assert engine.started[-1].network == "container:holdernis"
    assert engine.started[-1].folders == {"/shared": "/run/faultlab"}
    assert engine.started[-1].labels == {
        "faultlab.lab": "ab12",
        OWNER: "70.500.9",
        PART: "backend",
        SERVICE: "nis",
        "faultlab.run": "2",
    }


def test_a_container_that_has_ended_is_told_with_its_last_lines() -> None:
    """They mostly say why."""
    engine = Engine()
    made = opened(engine)
    assert made.ended() == ""
    engine.states["gate"] = State(running=False, code=137, out_of_memory=True)
    assert made.ended() == (
        "the gate (container gate) ended with code 137 (out of memory); its last lines:\n"
        "    Traceback\n"
        "    gate broke"
    )


def test_an_end_that_was_asked_for_is_no_news() -> None:
    """A story that kills a backend must not be told that it died."""
    engine = Engine()
    made = opened(engine)
    backend = made.add("backend", "ours", ("serve",), service="orders")
    engine.states["backendorders"] = State(running=False, code=137)
    assert "backend of orders" in made.ended()
    made.let_end(backend)
    made.let_end(backend)
    assert made.ended() == ""


def test_an_address_is_free_again_when_its_container_is_removed() -> None:
    """A long session has more containers than a subnet has addresses."""
    engine = Engine()
    made = opened(engine)
    holder = made.add("holder", "ours", ("sleep",), service="orders")
    beside = made.add("backend", "ours", ("serve",), service="orders", beside=holder)
    made.remove(beside)
    other = made.add("holder", "ours", ("sleep",), service="core")
    made.remove(holder)
    assert engine.removed == ["backendorders", "holderorders"]
    assert other.address != holder.address
    assert made.add("holder", "ours", ("sleep",)).address == holder.address
