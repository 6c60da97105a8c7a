import pytest

from faultlab.faults import KINDS
from faultlab.scenarios import later


@pytest.mark.parametrize("kind", sorted(later.LATER_KINDS))
def test_a_later_kind_is_refused_by_name(of_step, kind: str) -> None:
    """Its author learns that the word is right and the version is not."""
    assert of_step(f"inject: {kind}\nafter: 3s") == (
        f"orders.yaml:5: fault[3].inject: `{kind}` comes with a later version; "
        f"now: {', '.join(KINDS)}"
    )


@pytest.mark.parametrize("key", sorted(later.LATER_PLUS_KEYS))
def test_a_later_key_of_an_operation_is_refused_by_name(of_step, key: str) -> None:
    """The same for what drives the load."""
    assert (
        of_step(f"read: ok\n{key}: 3")
        == f"orders.yaml:6: fault[3].{key}: comes with a later version"
    )


@pytest.mark.parametrize("key", sorted(later.LATER_SERVICE_KEYS))
def test_a_later_word_of_a_service_is_refused_by_name(refused, key: str) -> None:
    """A server that were ignored would leave the subject with another one."""
    text = f"scenario: A\nservices:\n  core:\n    {key}: 1\n"
    assert refused(f"{text}fault:\n  - inject: refused\n  - read: ok\n") == (
        f"orders.yaml:4: services.core.{key}: comes with a later version"
    )


def test_no_word_is_both_here_and_later() -> None:
    """Whoever brings a kind takes it out of the table of the absent."""
    assert not later.LATER_KINDS & KINDS.keys()
