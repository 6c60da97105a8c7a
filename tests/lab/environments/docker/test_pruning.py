"""Which of the lab's images go, and which stay whatever their age."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.environments.docker.pruning import UNUSED, Built, outdated, prune

NOW = 10 * UNUSED
OLD = NOW - UNUSED - 1
OURS = ("faultlab:0.1.0-aaaaaaaaaaaa",)


@dataclass
class FakeKeeping:
    """An engine with these images."""

    images: list[Built]
    taken: set[str] = field(default_factory=set)
    forgotten: list[str] = field(default_factory=list)

    def built(self) -> list[Built]:
        """All there are."""
        return self.images

    def occupied(self) -> Collection[str]:
        """As given."""
        return self.taken

    def forget(self, image: str) -> None:
        """Kept in order."""
        self.forgotten.append(image)


def test_what_no_lab_has_used_for_a_day_goes() -> None:
    """By all its names, and by its id where it has none."""
    keeping = FakeKeeping(
        [
            Built("sha256:1", (*OURS, "faultlab:0.1.0"), OLD),
            Built("sha256:2", (), OLD),
            Built("sha256:3", ("faultlab-needed:bbbbbbbbbbbb",), OLD),
        ]
    )
    gone = (*OURS, "faultlab:0.1.0", "sha256:2", "faultlab-needed:bbbbbbbbbbbb")
    assert prune(keeping, lambda: NOW) == gone == tuple(keeping.forgotten)


@given(st.floats(min_value=0.0, max_value=UNUSED))
def test_what_was_used_within_the_day_stays(ago: float) -> None:
    """Another checkout's lab may be about to start containers of it."""
    assert outdated([Built("sha256:1", OURS, NOW - ago)], (), NOW) == ()


def test_what_a_container_is_of_stays() -> None:
    """A lab may run for longer than a day; what a stopped one is of stays, too."""
    keeping = FakeKeeping([Built("sha256:1", OURS, OLD)], {"sha256:1"})
    assert prune(keeping, lambda: NOW) == ()


def test_an_image_with_a_name_of_somebody_else_s_is_theirs() -> None:
    """What is built over ours inherits its label."""
    images = [Built("sha256:1", (*OURS, "mine:1"), OLD), Built("sha256:2", ("mine:2",), OLD)]
    assert outdated(images, (), NOW) == ()
