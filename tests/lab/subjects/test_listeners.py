"""Which address is which service, as a subject's process knows it."""

from faultlab.lab.subjects.listeners import Listeners


def test_a_service_is_found_at_the_address_of_its_url() -> None:
    """Two environments put their listeners at different addresses."""
    listeners = Listeners({"core": "http://198.18.7.2:4000", "nis": "http://127.0.0.1:4001"})
    assert listeners.service("198.18.7.2", 4000) == "core"
    assert listeners.service("127.0.0.1", 4001) == "nis"


def test_every_way_to_write_the_loopback_is_the_loopback() -> None:
    """A command calls each operation's own address of it."""
    listeners = Listeners({"core": "http://127.0.0.1:4000"})
    assert {listeners.service(host, 4000) for host in ("localhost", "127.1.0.7")} == {"core"}


def test_another_host_at_the_same_port_is_nobody_s() -> None:
    """It is where a client goes that ignores its url."""
    listeners = Listeners({"core": "http://198.18.7.2:4000"})
    assert [listeners.service(host, 4000) for host in ("127.0.0.1", "198.18.7.3", None)] == [
        None
    ] * 3
    assert [listeners.service("198.18.7.2", port) for port in (4001, None)] == [None] * 2


def test_one_can_be_added_at_any_time() -> None:
    """A test's services start when their urls are first asked for."""
    listeners = Listeners()
    listeners.add("core", "http://127.0.0.1:4000")
    assert listeners.by_port == {4000: "core"}


def test_it_is_known_whether_all_are_on_the_loopback() -> None:
    """Only there an operation can have an address of its own."""
    assert Listeners({"core": "http://127.0.0.1:4000"}).on_loopback
    assert not Listeners({"core": "http://127.0.0.1:1", "nis": "http://198.18.7.2:1"}).on_loopback
