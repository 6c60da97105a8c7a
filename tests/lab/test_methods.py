import maximus.policy
from faultlab.lab.methods import IDEMPOTENT, METHODS, SAFE


def test_idempotent_methods_are_methods() -> None:
    """A misspelt one would make a repeated effect look allowed, or an allowed retry a bug."""
    assert set(METHODS) - IDEMPOTENT == {"PATCH", "POST"}


def test_the_reference_client_means_the_same() -> None:
    """It must not import the lab's list, and is judged by it."""
    assert maximus.policy.IDEMPOTENT_METHODS == IDEMPOTENT


def test_what_only_reads_may_be_repeated() -> None:
    """RFC 9110 9.2.2; and what is not safe is remembered of a stub that moves."""
    assert SAFE < IDEMPOTENT
    assert {"DELETE", "PUT"} == IDEMPOTENT - SAFE
