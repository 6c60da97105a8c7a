import maximus.policy
from faultlab.lab.methods import IDEMPOTENT, METHODS


def test_idempotent_methods_are_methods() -> None:
    """A misspelt one would make a repeated effect look allowed, or an allowed retry a bug."""
    assert set(METHODS) - IDEMPOTENT == {"PATCH", "POST"}


def test_the_reference_client_means_the_same() -> None:
    """It must not import the lab's list, and is judged by it."""
    assert maximus.policy.IDEMPOTENT_METHODS == IDEMPOTENT
