"""What an engine's refusal means to whoever can mend it."""

import pytest

from faultlab.lab.environments.docker.problems import NotThereError, SubnetTakenError, refused


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [
        (404, "No such container: ab", NotThereError),
        (403, "Pool overlaps with other one on this address space", SubnetTakenError),
        (409, "subnet 198.18.0.0/24 overlaps with 198.18.0.0/16", SubnetTakenError),
    ],
)
def test_what_the_lab_can_go_on_from_is_told_apart(
    status: int, told: str, expected: type[Exception]
) -> None:
    """A taken subnet is no reason to give up."""
    assert type(refused("network x", OSError(), status=status, told=told)) is expected


@pytest.mark.parametrize(
    ("status", "told", "said"),
    [
        (404, "No such image: faultlab:7", "gate: its image is missing"),
        (500, "driver failed: port is already allocated", "gate: a port of it is taken"),
        (500, "write /x: no space left on device", "gate: the engine's disk is full"),
        (400, "invalid reference format", "gate: the Docker engine refuses"),
        (None, "", "gate: the Docker engine is gone or does not answer"),
    ],
)
def test_each_refusal_is_a_sentence_with_the_engine_s_own_words(
    status: int | None, told: str, said: str
) -> None:
    """The one says what to do, the others what to search for."""
    error = refused("gate", TimeoutError("read timed out"), status=status, told=told)
    assert error.text == said
    assert error.rows["seen"] == (told or "TimeoutError: read timed out")
