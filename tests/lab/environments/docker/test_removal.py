"""Everything of a lab goes, also what its engine was still making, and nobody else's."""

from dataclasses import dataclass, field

import pytest

from faultlab.lab.environments.docker.labels import LAB, OWNER, Found, Owner
from faultlab.lab.environments.docker.removal import remove, sweep
from faultlab.lab.errors import SetupError

HERE = Owner(pid=70, start=500, space=9)


def found(ident: str, lab: str = "a", owner: Owner = HERE) -> Found:
    """A thing of a lab."""
    return Found(ident, {LAB: lab, OWNER: str(owner)})


@dataclass
class Engine:
    """Keeps what it has in memory; `late` appears pass by pass, as what was asked for before."""

    has: list[Found] = field(default_factory=list)
    nets: list[Found] = field(default_factory=list)
    late: list[list[Found]] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    passes: int = 0

    def containers(self, lab: str | None = None) -> list[Found]:
        """Those of a lab; each look lets something late appear."""
        self.passes += 1
        self.has += self.late.pop(0) if self.late else []
        return [one for one in self.has if lab in (None, one.labels[LAB])]

    def networks(self, lab: str | None = None) -> list[Found]:
        """Those of a lab."""
        return [one for one in self.nets if lab in (None, one.labels[LAB])]

    def remove_container(self, ident: str) -> None:
        """Gone on return."""
        if ident in self.stuck:
            raise SetupError(f"{ident} does not go")
        self.has = [one for one in self.has if one.id != ident]

    def remove_network(self, ident: str) -> None:
        """Refused while a container is there."""
        if self.has:
            raise SetupError(f"{ident} has active endpoints")
        self.nets = [one for one in self.nets if one.id != ident]


def test_containers_go_before_the_network_that_they_are_in() -> None:
    """An engine refuses to remove a network that is used."""
    engine = Engine([found("front"), found("gate")], [found("net")])
    remove(engine, "a", empty=1, rest=lambda: None)
    assert (engine.has, engine.nets, engine.passes) == ([], [], 2)


def test_what_appears_after_an_empty_pass_goes_too() -> None:
    """An owner that was killed while it created has asked for more than is there."""
    engine = Engine(late=[[], [found("late")], [], [], [found("later")]])
    remove(engine, "a", empty=3, rest=lambda: None)
    assert (engine.has, engine.passes) == ([], 8)


def test_another_lab_s_are_left_alone() -> None:
    """Two labs on one machine don't meet."""
    other = found("other", lab="b")
    engine = Engine([found("mine"), other])
    remove(engine, "a", empty=1, rest=lambda: None)
    assert engine.has == [other]


def test_it_rests_between_passes() -> None:
    """An engine that is asked without a pause does nothing else."""
    rested: list[int] = []
    remove(Engine([found("front")]), "a", empty=3, rest=lambda: rested.append(1))
    assert len(rested) == 3


def test_what_does_not_go_is_said() -> None:
    """Rather than tried for ever."""
    with pytest.raises(SetupError, match=r"^front does not go"):
        remove(Engine([found("front")], stuck={"front"}), "a", empty=1, rest=lambda: None)


def test_a_sweep_takes_what_ended_owners_have_left() -> None:
    """A stopped engine keeps its containers, and no cleaner outlives a switched-off machine."""
    gone, alive = Owner(71, 600, 9), Owner(72, 700, 9)
    engine = Engine(
        [found("x", "old", gone), found("y", "live", alive), found("z", "mine")],
        [found("net", "older", Owner(71, 601, 9))],
    )
    engine.remove_network = lambda ident: engine.nets.clear()  # type: ignore[method-assign]
    assert sweep(engine, HERE, {70: 500, 72: 700}.get, rest=lambda: None) == ("old", "older")
    assert [one.id for one in engine.has] == ["y", "z"]
    assert engine.nets == []
