"""What is drawn in a run, and that nothing of it shows afterwards."""

import os
import random
import secrets
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import choice, getrandbits, uniform
from random import random as draw

from faultlab.lab.environments.simulated.entropy import Entropy, replacements


@contextmanager
def drawn_from(seed: int | None) -> Iterator[None]:
    """Entropy of this seed, in force for everybody; None: the machine's, through what is replaced."""
    entropy = None if seed is None else Entropy(seed)
    with ExitStack() as back:
        for replacement in replacements(lambda: entropy):
            back.callback(replacement.take_back)
            replacement.put()
        yield


def draws() -> tuple[object, ...]:
    """One of each."""
    return (
        *(random.random(), random.gauss(), random.choice(range(1000)), random.getrandbits(64)),
        *(random.randbytes(4), random.shuffle([1, 2, 3]), random.betavariate(1, 2)),
        *(draw(), uniform(0, 1), choice(range(1000)), getrandbits(64)),
        *(random.Random().random(), random.SystemRandom().random()),
        *(os.urandom(8), secrets.token_hex(8), secrets.randbelow(1000)),
        *(uuid.uuid4(), uuid.uuid1()),
    )


def test_of_one_seed_everything_drawn_is_the_same_and_of_another_it_differs() -> None:
    """Both halves: a seed that nobody reads would pass the first."""

    def seeded(seed: int) -> tuple[object, ...]:
        with drawn_from(seed):
            return draws()[:-1]  # uuid1 goes by a clock

    assert seeded(1) == seeded(1)
    assert all(a != b for a, b in zip(seeded(1), seeded(2), strict=True) if a is not None)


def test_the_shared_generator_is_left_in_its_state() -> None:
    """A test that seeds `random` itself must not notice a run in between."""
    random.seed(5)
    random.gauss()  # it keeps a second one for the next call
    state = random.getstate()
    with drawn_from(1):
        draws()
        random.gauss()
        random.seed(9)
        random.setstate(random.getstate())
    assert random.getstate() == state
    assert type(random.random.__self__) is random.Random


def test_a_seed_given_in_the_run_is_kept() -> None:
    """Who seeds `random` expects its numbers."""
    with drawn_from(1):
        random.seed(7)
        inside = [random.random(), random.gauss(), random.randint(0, 99)]
    own = random.Random(7)
    assert inside == [own.random(), own.gauss(), own.randint(0, 99)]


def test_a_generator_with_a_seed_of_its_own_gives_its_own_numbers() -> None:
    """Clients inject generators."""
    before = random.Random(3)
    with drawn_from(1):
        assert random.Random(4).random() == random.Random(4).random()
        inside = before.random()
    assert inside == random.Random(3).random()


def test_one_more_draw_of_one_source_moves_no_other() -> None:
    """A UUID more must not change the jitter."""
    with drawn_from(1):
        expected = random.random()
    with drawn_from(1):
        uuid.uuid4()
        random.Random()
        assert random.random() == expected


def test_uuids_are_of_their_versions_and_never_the_same() -> None:
    """The clock stands still in a simulation; ids must not."""
    with drawn_from(1):
        made = [uuid.uuid1() for _ in range(3)] + [uuid.uuid4() for _ in range(3)]
    assert [one.version for one in made] == [1, 1, 1, 4, 4, 4]
    assert len(set(made)) == 6
    assert all(one.variant == uuid.RFC_4122 for one in made)
    assert made[0].node == made[1].node
    assert made[0].node >> 40 & 1  # no machine's address


def test_uuid1_shows_the_clock() -> None:
    """100 ns since 1582."""
    one = uuid.UUID(bytes=Entropy(1).uuid1(1_000_000_000_000_000_000))
    assert (one.time - 0x01B21DD213814000) * 100 == 1_000_000_000_000_000_000


def test_without_entropy_everything_is_the_machines() -> None:
    """In other threads the functions are replaced and must not show it."""
    random.seed(5)
    expected = [random.random(), random.gauss(), random.getrandbits(9)]
    with drawn_from(None):
        random.seed(5)
        assert [random.random(), random.gauss(), random.getrandbits(9)] == expected
        assert draws() != draws()
        assert len(os.urandom(3)) == len(os.getrandom(3)) == 3
