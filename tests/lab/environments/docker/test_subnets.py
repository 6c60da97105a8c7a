"""Which subnet a lab's network gets."""

from ipaddress import IPv4Network
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.environments.docker.subnets import POOL, free, routed

TABLE = """Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0102000A	0003	0	0	0	00000000	0	0	0
eth0	0002000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	000012C6	00000000	0001	0	0	0	0000FFFF	0	0	0
"""


def test_the_search_begins_where_it_is_told_and_goes_around() -> None:
    """Two labs that start at once seldom try the same first."""
    found = [str(one) for one in free((), 511)]
    assert (found[0], found[1], len(found)) == ("198.19.255.0/24", "198.18.0.0/24", 512)


def test_what_overlaps_is_left_out() -> None:
    """A container at an address that has a route elsewhere could not be dialled."""
    taken = (IPv4Network("198.18.0.0/16"), IPv4Network("198.19.0.128/25"))
    assert str(next(free(taken, 0))) == "198.19.1.0/24"


def test_a_pool_that_is_taken_whole_has_none() -> None:
    """The caller says so."""
    assert list(free((IPv4Network("198.0.0.0/8"),), 3)) == []


@given(st.lists(st.integers(0, 511), max_size=8), st.integers(0, 100_000))
def test_no_subnet_is_ever_given_that_somebody_has(numbers: list[int], first: int) -> None:
    """Whatever the order of the search."""
    every = list(POOL.subnets(new_prefix=24))
    taken = [every[number] for number in numbers]
    assert not set(islice(free(taken, first), 20)) & set(taken)


def test_the_machine_s_routes_are_read() -> None:
    """All but the default one, which overlaps with everything."""
    assert [str(one) for one in routed(TABLE)] == ["10.0.2.0/24", "198.18.0.0/16"]
    assert list(routed("")) == []
