import inspect
from typing import get_args

import pytest

from faultlab.lab import history, net, sockets


def test_the_modes_are_the_historys() -> None:
    """Two lists of the same words would part one day."""
    assert get_args(net.Mode) == get_args(history.Mode)


@pytest.mark.parametrize(
    ("port", "real"),
    [
        (net.Net, sockets.RealNet),
        (net.Connection, sockets._Connection),
        (net.Listener, sockets._Listener),
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
