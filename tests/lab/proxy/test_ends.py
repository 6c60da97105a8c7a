import inspect

from faultlab.lab.proxy.ends import Ends
from faultlab.lab.proxy.link import Link


def test_a_link_is_the_two_ends_of_its_gate() -> None:
    """The same calls with the same parameters, or the gate speaks to nobody."""
    for name, call in inspect.getmembers(Ends, inspect.isfunction):
        if not name.startswith("_"):
            signature = inspect.signature(getattr(Link, name))
            assert signature.parameters.keys() == inspect.signature(call).parameters.keys(), name
