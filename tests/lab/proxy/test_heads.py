from faultlab.lab.proxy.framer import Framer, RequestHead
from faultlab.lab.proxy.heads import forwarded, recorded, tag_of


def head(*lines: str) -> RequestHead:
    """A head with these header lines."""
    raw = "\r\n".join(["GET /x HTTP/1.1", *lines, "", ""]).encode()
    found = Framer("request").feed(raw)[1]
    assert isinstance(found, RequestHead)
    return found


def test_the_tag_names_operation_and_attempt() -> None:
    """Attribution is exact only if this is."""
    assert tag_of(head("X-Faultlab-Op: 3.1")) == (3, 1)
    assert tag_of(head("x-faultlab-op:  12.34 ")) == (12, 34)


def test_a_damaged_tag_is_none() -> None:
    """A guess would attribute to the wrong operation."""
    for text in ("", "3", "3.", "a.b", "-1.2", "3.1.1"):
        assert tag_of(head(f"X-Faultlab-Op: {text}")) is None
    assert tag_of(head()) is None


def test_only_the_tag_is_taken_off() -> None:
    """The bytes around it are the client's, to the last blank."""
    tagged = head("A:  1 ", "X-Faultlab-Op: 3.1", "B: x")
    assert forwarded(tagged, None) == b"GET /x HTTP/1.1\r\nA:  1 \r\nB: x\r\n\r\n"
    assert forwarded(head("A: 1"), None) == head("A: 1").raw


def test_a_stub_is_told_of_the_wire() -> None:
    """Behind the request line, and nobody else can say it in its place."""
    forged = head("X-Faultlab-Wire: 9.9", "A: 1")
    assert forwarded(forged, "2.1") == b"GET /x HTTP/1.1\r\nX-Faultlab-Wire: 2.1\r\nA: 1\r\n\r\n"


def test_no_secret_is_recorded() -> None:
    """A history is shown to others."""
    found = recorded(
        head(
            "Authorization: Bearer abc",
            "Cookie: a=b",
            "X-API-Key: k",
            "Accept: */*",
            "X-Other: seen by nobody",
            "X-Stainless-Retry-Count: 2",
        ).headers
    )
    assert found == {
        "authorization": "[redacted]",
        "cookie": "[redacted]",
        "x-api-key": "[redacted]",
        "accept": "*/*",
        "x-stainless-retry-count": "2",
    }


def test_an_idempotency_key_is_recorded_as_its_digest() -> None:
    """Equal keys must be seen to be equal, without showing them."""
    one, same, other = (
        recorded(head(f"Idempotency-Key: {key}").headers)["idempotency-key"] for key in "aab"
    )
    assert one == same != other
    assert len(one) == 12
