import copy
import pickle

import pytest

from maximus import (
    MaximusAPIError,
    MaximusCircuitOpenError,
    MaximusConnectionError,
    MaximusDeadlineError,
    MaximusError,
    MaximusResponseError,
    MaximusTimeoutError,
)

WHERE = {"service": "core", "endpoint": "GET /health", "attempts": 3, "elapsed": 1.5}


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (MaximusConnectionError, MaximusError),
        (MaximusTimeoutError, MaximusConnectionError),
        (MaximusDeadlineError, MaximusTimeoutError),
        (MaximusCircuitOpenError, MaximusConnectionError),
        (MaximusAPIError, MaximusError),
        (MaximusResponseError, MaximusError),
        (MaximusError, Exception),
    ],
)
def test_the_tree_is_the_one_drawn_in_the_module(error, parent):
    """Callers write `except` clauses against it."""
    assert error.__bases__ == (parent,)


def test_a_text_tells_where_what_how_often_and_how_long():
    """A log line must be enough to know which operation failed."""
    error = MaximusConnectionError("no connection", **WHERE)
    assert str(error) == "core: GET /health: no connection (3 attempts, 1.500 s)"


def test_one_attempt_is_singular():
    """Small, but everybody reads it."""
    assert "(1 attempt, " in str(MaximusError("x", **WHERE | {"attempts": 1}))


@pytest.mark.parametrize(
    "error",
    [
        MaximusError("x", **WHERE),
        MaximusDeadlineError("x", phase="read", **WHERE),
        MaximusCircuitOpenError("x", scope="endpoint", retry_in=2.5, **WHERE),
        MaximusAPIError("x", status=503, retry_after=1.0, detail={"a": 1}, **WHERE),
    ],
)
def test_an_error_survives_a_copy_and_a_journey_between_processes(error):
    """The default for exceptions with keywords loses them, and the error with them."""
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)
