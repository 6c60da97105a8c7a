from faultlab.lab.plan import Offer
from faultlab.lab.plan.offered import Offered

OFFERS = (
    Offer(name="read", service="core", method="GET", path="/a/{id}", idempotent=True),
    Offer(name="list", service="side", method="GET", path="/b", idempotent=True),
)
MANY = Offered("orders", OFFERS)
ONE = Offered("orders", OFFERS[1:])


def test_why_an_operation_is_lacking_is_said_in_the_subject_s_name() -> None:
    """A role can't be misspelt; a name of one's own can."""
    assert ONE.lacks("read.elsewhere") == "orders has one service"
    assert MANY.lacks("read.elsewhere") == "orders has no operation `read.elsewhere`"
    assert MANY.lacks("write") == "orders has no operation `write`"
    assert MANY.lacks("lsit") == "orders has no operation `lsit` (nearest: list)"


def test_a_long_name_is_not_said_in_every_sentence() -> None:
    """A command is its own name."""
    command = Offered("cmd:curl -sf --max-time 2 --retry 2 {core}/health", OFFERS[1:])
    assert command.lacks("write") == "the subject has no operation `write`"


def test_a_fault_without_a_service_is_the_read_s() -> None:
    """Else the only one that it can mean."""
    assert MANY.home(None) == "core"
    assert ONE.home(None) == "side"
    two = (OFFERS[1], Offer(name="x", service="far", method="GET", path="/c", idempotent=True))
    assert Offered("orders", two).home(None) is None
    assert Offered("orders", two).home("GET /c") == "far"


def test_an_endpoint_is_served_by_who_calls_it() -> None:
    """A pattern that nobody calls is a typing error."""
    assert MANY.serves("core", "GET /a/*")
    assert not MANY.serves("side", "GET /a/*")
    assert MANY.endpoints("core") == ("GET /a/{id}",)
    assert MANY.services == ("core", "side")
