"""Clients are paired with connections in Toxiproxy's order, and never by a guess."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.behind.clients import CLOSE, Client, Clients

ONE, TWO, THREE = (Client("127.0.0.1", port) for port in (1, 2, 3))


def told(*clients: Client) -> Clients:
    """These were accepted, in this order."""
    all_ = Clients()
    for client in clients:
        all_.told(client)
    return all_


def test_the_first_accepted_arrives_first() -> None:
    """Toxiproxy dials for one client before it accepts the next."""
    clients = told(ONE, TWO)
    assert [clients.arrived(), clients.arrived()] == [ONE, TWO]
    assert clients.waiting == 0
    assert clients.doubt == ""


def test_a_client_that_could_not_be_passed_on_is_passed_over() -> None:
    """Every later one would get the name of the one before it."""
    clients = told(ONE, TWO, THREE)
    clients.failed(TWO.address, TWO.port)
    clients.failed("127.0.0.1", 9)
    assert [clients.arrived(), clients.arrived()] == [ONE, THREE]


def test_whom_a_closed_port_had_not_accepted_never_arrives() -> None:
    """Its kernel has reset them."""
    clients = told(ONE)
    clients.forget()
    clients.told(TWO)
    assert clients.arrived() == TWO


def test_a_connection_that_nobody_opened_ends_all_knowledge() -> None:
    """Whose was it? Whoever is told later may be that one."""
    clients = told()
    assert clients.arrived() is None
    clients.told(ONE)
    assert clients.arrived() is None
    assert clients.doubt == "a connection arrived that no client was seen to open"


def test_lost_packets_end_all_knowledge() -> None:
    """One of them may have been a handshake."""
    clients = told(ONE)
    clients.lose("lost")
    clients.lose("and more")
    assert clients.arrived() is None
    assert clients.doubt == "lost"


def test_two_processors_at_the_same_time_are_nobodys_to_order() -> None:
    """The third lies far enough behind."""
    first = Client("127.0.0.1", 1, at=5.0, lane=0)
    second = Client("127.0.0.1", 2, at=5.0 + CLOSE / 2, lane=1)
    third = Client("127.0.0.1", 3, at=5.0 + 2 * CLOSE, lane=0)
    clients = told(second, first, third)
    assert [clients.arrived() for _ in range(3)] == [None, None, third]
    assert clients.doubt == "connects of several processors lay too close together to be told apart"


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 4 * CLOSE),  # from one handshake to the next
            st.integers(0, 2),  # its processor
            st.floats(0.0, 0.49 * CLOSE),  # from the packet to the queue
            st.integers(0, 3),  # how many have arrived by then, of those that wait
        ),
        max_size=12,
    )
)
def test_whoever_is_named_is_the_right_one(steps) -> None:
    """Packets are stamped, and queued a little later: per processor in the same order."""
    now, queued_at = 0.0, dict.fromkeys(range(3), 0.0)
    seen: list[tuple[float, Client]] = []
    for number, (rest, lane, late, _) in enumerate(steps):
        now += rest
        queued_at[lane] = max(queued_at[lane], now + late)
        seen.append((queued_at[lane] + number * 1e-12, Client("a", number, at=now, lane=lane)))
    truth = [client for _, client in sorted(seen, key=lambda one: one[0])]
    clients = Clients()
    arrived = 0
    for (_, client), (*_, count) in zip(seen, steps, strict=True):
        clients.told(client)
        # Only who has been queued arrives, and what was stamped before is known by then.
        ready = [one for at, one in seen if at <= client.at and one.port <= client.port]
        for _ in range(min(count, len(ready) - arrived)):
            assert clients.arrived() in (None, truth[arrived])
            arrived += 1
    while arrived < len(truth):
        assert clients.arrived() in (None, truth[arrived])
        arrived += 1
    assert clients.waiting == 0
