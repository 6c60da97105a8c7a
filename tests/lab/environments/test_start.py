"""Each environment that can be named has a lab process, which is started anew where it has ended."""

from typing import Any

import pytest

from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.environments.start import _HOSTS, Lasting
from faultlab.lab.errors import SetupError


class Host:
    """One that ends when it is told to."""

    def __init__(self) -> None:
        self.alive = True
        self.closed = False

    def close(self) -> None:
        """It ends."""
        self.closed = True


@pytest.fixture
def begun() -> list[Host]:
    """Those that were started."""
    return []


@pytest.fixture
def lasting(begun: list[Host]) -> Lasting:
    """What starts them."""

    def begin() -> Any:
        begun.append(Host())
        return begun[-1]

    return Lasting(begin)


def test_every_environment_can_be_started() -> None:
    """A name that `--env` takes and nothing starts would fail in the middle of a run."""
    assert _HOSTS.keys() == ENVIRONMENTS.keys() - {"simulated"}  # which needs none


def test_nothing_is_started_before_it_is_asked_for(lasting: Lasting, begun: list[Host]) -> None:
    """A plan alone starts nothing, and what was not started has no end."""
    lasting.close()
    assert begun == []


def test_one_that_lives_serves_all(lasting: Lasting, begun: list[Host]) -> None:
    """It is started once for all runs."""
    assert lasting.host() is lasting.host() is begun[0]
    assert len(begun) == 1


def test_one_that_has_ended_is_closed_and_followed_by_another(
    lasting: Lasting, begun: list[Host]
) -> None:
    """Its own runs are lost; those that come later are not."""
    lasting.host()
    begun[0].alive = False
    assert lasting.host() is begun[1]
    assert [host.closed for host in begun] == [True, False]


def test_one_that_did_not_start_is_tried_again(begun: list[Host]) -> None:
    """The engine may be back by then."""
    answers: list[Any] = [SetupError("no engine"), Host()]

    def begin() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, SetupError):
            raise answer
        return answer

    lasting = Lasting(begin)
    with pytest.raises(SetupError, match="no engine"):
        lasting.host()
    assert lasting.host() is not None


def test_none_is_started_after_the_end(lasting: Lasting, begun: list[Host]) -> None:
    """A story that was about to begin when all was stopped would leave it behind."""
    lasting.host()
    lasting.close()
    assert begun[0].closed
    with pytest.raises(SetupError, match="the run was stopped"):
        lasting.host()
