import pytest

from faultlab.faults.actions import Answer, CutBody, CutHead, LoseAnswer
from faultlab.lab.proxy.exchange import Exchange


def test_draws_follow_the_attempt_not_the_connection() -> None:
    """A tagged request draws the same on whatever connection it comes."""
    assert Exchange(3, 0.0, (), op=7, attempt=2).key(9) == (7, 2)
    assert Exchange(3, 0.0, ()).key(9) == (9, 3)


@pytest.mark.parametrize(
    ("ending", "reaches"),
    [
        (None, True),
        (CutBody(1, 4, "fin"), True),
        (LoseAnswer(1, "fin"), True),
        (CutHead(1, "fin"), False),
        (Answer(1, 503, (), b""), False),
    ],
)
def test_only_an_answer_of_the_gate_or_a_cut_head_keeps_a_request_back(ending, reaches) -> None:
    """Every other fault leaves the backend its work, and its effect."""
    assert Exchange(1, 0.0, (), ending=ending).reaches_backend is reaches
