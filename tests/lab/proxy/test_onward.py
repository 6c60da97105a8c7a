"""What goes on of a request."""

from faultlab.faults import Duplicate

HEAD = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nX-Faultlab-Op: 5.2\r\n\r\n"


def test_a_stub_is_told_of_the_wire_s_exchange_and_a_server_is_not(new_house) -> None:
    """Whose request it is, for the ledger; a server of the user's gets the client's bytes."""
    for tagged in (True, False):
        house = new_house(tagged=tagged)
        client, backend = house.connect()
        client.says(HEAD + b"abc")
        head, _, body = backend.took().partition(b"\r\n\r\n")
        assert (b"X-Faultlab-Wire: 1.1.5.2" in head, body) == (tagged, b"abc")


def test_a_body_goes_on_as_it_comes_also_where_it_is_kept_for_a_copy(house) -> None:
    """A duplicate must not make the first delivery late."""
    house.arm(Duplicate(service="core"))
    client, backend = house.connect()
    client.says(HEAD + b"a")
    assert backend.took().endswith(b"\r\n\r\na")
    client.says(b"bc")
    assert backend.took() == b"bc"
    house.net.move()
    (copy,) = house.net.backends[1:]
    assert copy.took().endswith(b"\r\n\r\nabc")
