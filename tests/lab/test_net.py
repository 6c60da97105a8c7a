import inspect

import pytest

from faultlab.lab import net
from faultlab.lab.sockets import RealNet
from faultlab.lab.sockets.connection import SocketConnection
from faultlab.lab.sockets.listener import SocketListener


@pytest.mark.parametrize(
    ("port", "real"),
    [
        (net.Net, RealNet),
        (net.Entrance, RealNet),
        (net.Connection, SocketConnection),
        (net.Listener, SocketListener),
    ],
)
def test_the_real_net_has_each_call_with_the_ports_parameters(port, real) -> None:
    """The simulated twin is held to the same list."""
    for name, call in inspect.getmembers(port, inspect.isfunction):
        if not name.startswith("_"):
            assert (
                inspect.signature(getattr(real, name)).parameters.keys()
                == inspect.signature(call).parameters.keys()
            )
