"""What containers print, as it is kept: whose it was, without secrets, and never without end."""

from __future__ import annotations

from dataclasses import dataclass, field

from faultlab.lab.environments.docker.printed import printed
from faultlab.lab.environments.docker.site import Placed
from faultlab.lab.errors import SetupError

GATE = Placed("1", "gate")
CORE = Placed("2", "backend", service="core")
NEXT = Placed("3", "backend", service="core")


@dataclass
class FakeEngine:
    """Containers that have printed this, by their ids; others are gone."""

    texts: dict[str, bytes]
    asked: list[float] = field(default_factory=list)

    def printed(self, ident: str, since: float) -> bytes:
        """As given."""
        self.asked.append(since)
        if ident not in self.texts:
            raise SetupError("no such container")
        return self.texts[ident]


def test_each_service_has_what_served_it_one_behind_the_other() -> None:
    """A lab's own part has its name; who printed nothing has no file; who is gone is left out."""
    engine = FakeEngine({"1": b"started\n", "2": b"one\n", "3": b"two\n", "4": b""})
    found = printed(engine, [GATE, CORE, NEXT, Placed("4", "front"), Placed("5", "backend")], 7.0)
    assert found == {"gate": b"started\n", "core": b"one\ntwo\n"}
    assert set(engine.asked) == {7.0}


def test_no_secret_is_kept() -> None:
    """A server may print the headers that it gets."""
    engine = FakeEngine({"2": b"Authorization: Bearer abcdefgh12345678\n"})
    assert b"abcdefgh12345678" not in printed(engine, [CORE], 0.0)["core"]


def test_of_a_flood_the_two_ends_are_kept() -> None:
    """A run's folder stays small."""
    engine = FakeEngine({"2": b"".join(b"%d %s\n" % (n, b"x" * 100) for n in range(20_000))})
    kept = printed(engine, [CORE], 0.0)["core"]
    assert len(kept) < 500_000
    assert kept.startswith(b"0 x")
    assert kept.splitlines()[-1].startswith(b"19999 x")
