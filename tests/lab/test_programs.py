"""Words of a command, and how it ended."""

from pathlib import Path

import pytest

from faultlab.lab.programs import ended, log_beside, on_port, words_of


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


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("127.0.0.1:{port}", "127.0.0.1:8080"),
        ("{port}{port}", "80808080"),
        ("sh -c 'listen ${port}'", "sh -c 'listen ${port}'"),
        ("{{port}} {ports} {}", "{port} {ports} {}"),
    ],
)
def test_a_port_takes_the_place_that_was_left_for_it(text: str, filled: str) -> None:
    """A shell's own variable, a format and JSON stay what they are."""
    assert on_port(text, 8080) == filled


def test_what_a_program_prints_lies_beside_the_history() -> None:
    """Whatever the service is called, it is one file of that folder."""
    history = Path("out/down/armed.jsonl")
    assert log_beside(history, "orders") == Path("out/down/armed.orders.log")
    assert log_beside(history, "../a b") == Path("out/down/armed..._a_b.log")
