"""The ways to fail, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from faultlab.faults import Partition, Refused
from faultlab.lab.errors import FaultError, UsageError
from faultlab.lab.testing import Lab

if TYPE_CHECKING:
    from .conftest import Paper


@pytest.mark.parametrize(
    ("arm", "call"),
    [
        (lambda lab: lab.down("core"), 'lab.down("core", unfired="ok")'),
        (
            lambda lab: lab.down("core", kind="killed", restart=1),
            'lab.down("core", kind="killed", unfired="ok")',
        ),
        (lambda lab: lab.slow("core", 0.5), 'lab.slow("core", 0.5, unfired="ok")'),
        (lambda lab: lab.status("core", 503), 'lab.status("core", 503, unfired="ok")'),
        (lambda lab: lab.partition("core"), 'lab.partition("core", unfired="ok")'),
        (
            lambda lab: lab.cut("core", "response_body"),
            'lab.cut("core", "response_body", unfired="ok")',
        ),
        (lambda lab: lab.inject(Refused(service="core")), 'lab.inject(..., unfired="ok")'),
    ],
)
def test_what_to_write_is_said_as_it_was_written(
    lab: Lab, arm: Callable[[Lab], Any], call: str
) -> None:
    """The reader pastes the line."""
    with pytest.raises(AssertionError) as caught, arm(lab):
        pass
    assert str(caught.value).split("\n")[-1].strip() == call


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda lab: lab.serve("", {}), "lab.serve: service=''"),
        (lambda lab: lab.serve(5, {}), "lab.serve: service=5"),
        (lambda lab: lab.serve("a\ud800", {}), "lab.serve: service='a"),
        (lambda lab: lab.serve("a\nb", {}), "lab.serve: service='a"),
        (lambda lab: lab.serve("orders", {"GET": {}}), "lab.serve('orders', ...): "),
        (lambda lab: lab.status("core", 99), "lab.status: code=99"),
        (lambda lab: lab.slow("core", -1), "lab.slow: delay=-1"),
        (lambda lab: lab.cut("core", "body"), "lab.cut: at='body'"),
        (lambda lab: lab.down("core", live="hold"), "lab.down: live='hold'"),
        (lambda lab: lab.down("core", kind="kiled"), "lab.down: kind='kiled'"),
        (lambda lab: lab.down("core", kind=5), "lab.down: kind=5"),
        (lambda lab: lab.down("core", kind="killed", live="keep"), "lab.down: live='keep'"),
        (lambda lab: lab.down("core", restart=1), "lab.down: restart=1"),
        (lambda lab: lab.down("core", kind="killed", restart=-1), "lab.down: restart=-1"),
        (lambda lab: lab.partition("core", live="gone"), "lab.partition: live='gone'"),
        (lambda lab: lab.down("core", unfired="no"), "unfired='no'"),
        (lambda lab: lab.inject(), "lab.inject() arms nothing"),
        (lambda lab: lab.inject("refused"), "lab.inject: 'refused' is no fault"),
        (lambda lab: lab.inject(Partition), "lab.inject: <class"),
    ],
)
def test_a_wrong_value_is_one_message_and_arms_nothing(
    lab: Lab, paper: Paper, use: Callable[[Any], object], text: str
) -> None:
    """It names the call and the parameter, whoever built the value."""
    with pytest.raises((FaultError, UsageError)) as caught:
        use(lab)
    assert str(caught.value).startswith(text)
    assert paper.armed == {}
