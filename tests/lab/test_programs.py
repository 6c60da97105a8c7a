"""Words of a command, and how it ended."""

import pytest

from faultlab.lab.programs import ended, words_of


def test_words_are_those_of_a_shell() -> None:
    """Quotes hold together what belongs together."""
    assert words_of("nginx -g 'daemon off;'") == ("nginx", "-g", "daemon off;")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no command; write the program and its arguments"),
        ("a 'b", "no closing quotation in a 'b"),
        ("a | b", '`|` is for a shell, and none reads this; write sh -c "a ..."'),
    ],
)
def test_what_only_a_shell_can_do_is_refused(text: str, problem: str) -> None:
    """It would be an argument, and surprise."""
    with pytest.raises(ValueError, match=r".") as refused:
        words_of(text)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("code", "how"),
    [(0, "exit 0"), (7, "exit 7"), (-9, "signal SIGKILL"), (-35, "signal 35")],
)
def test_an_end_is_named_by_code_or_signal(code: int, how: str) -> None:
    """Contracts name exit codes."""
    assert ended(code) == how
