"""A command as an operation, and `cmd:...` as a subject: how both are read."""

from __future__ import annotations

import pytest

from faultlab.lab.subjects.command_line import (
    CommandLine,
    Template,
    read_template,
)

URLS = {"core": "http://127.0.0.1:1", "orders": "http://127.0.0.1:2"}


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("curl -sf {core}/health", "core GET /health"),
        ("curl '{core}/orders/7?since=1&all'", "core GET /orders/7"),
        ("check {core}", "core GET /"),
        ("env URL={core} ./check", "core GET /"),
        ("sh -c 'curl {core}/a; curl {core}/b'", "core GET /a"),
        ("join {orders}/a {core}/b", "orders GET /a"),
        ("POST /query ./ask.sh {core}", "core POST /query"),
        ("core GET /orders/{id} join {orders}/a {core}/orders/7", "core GET /orders/{id}"),
    ],
)
def test_its_request_is_written_in_front_or_read_off(text: str, endpoint: str) -> None:
    """Stories and scopes go by it; the control phase shows whether it is what is sent."""
    assert read_template(text).endpoint == endpoint


def test_places_are_filled_with_urls_and_words_stay_words() -> None:
    """No shell reads it: a blank in an address or a body splits nothing."""
    template = read_template('curl -d \'{"sku": "a b"}\' {core}/orders -H x:{orders}')
    assert template.services == ("core", "orders")
    assert template.filled(URLS).arguments == (
        "curl",
        "-d",
        '{"sku": "a b"}',
        "http://127.0.0.1:1/orders",
        "-H",
        "x:http://127.0.0.1:2",
    )


def test_a_shell_s_variables_and_doubled_braces_are_no_places() -> None:
    """awk and sh have braces of their own."""
    template = read_template("sh -c 'curl {core} | awk \"{{print}}\" >${HOME}/x'")
    assert template.services == ("core",)
    assert (
        template.filled(URLS).arguments[2] == 'curl http://127.0.0.1:1 | awk "{print}" >${HOME}/x'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no command; write the program"),
        ("'' {core}", "no command; write the program"),
        ("curl '{core}/health", "no closing quotation in curl '{core}/health"),
        ("curl http://core:8001/health", "it has no placeholder"),
        ("orders GET /x curl {core}/x", "orders stands in front of its request"),
        ("curl {core}/x | jq .", "`|` is for a shell, and none reads this"),
        ("a {core} && b", "`&&` is for a shell"),
    ],
)
def test_what_is_no_command_is_told(text: str, told: str) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match=r".") as caught:
        read_template(text)
    assert told in str(caught.value)


def test_a_quoted_operator_is_a_word() -> None:
    """`cut -d '|'` needs no shell."""
    assert read_template("cut -d '|' {core}").arguments == ("cut", "-d", "|", "{core}")


def test_a_subject_s_name_holds_no_secret() -> None:
    """It stands in every report."""
    template = read_template("curl -H 'Authorization: Bearer hunter2' {core}/x")
    assert str(template) == "cmd:curl -H 'Authorization: [redacted]' {core}/x"
    assert isinstance(template, Template)


def test_a_text_is_split_as_a_shell_splits_words() -> None:
    """An adapter has put its URLs into it already."""
    command = CommandLine.parse("curl -m 2 'http://x/a b'")
    assert command.arguments == ("curl", "-m", "2", "http://x/a b")
    assert command.program == "curl"


def test_a_key_among_its_words_is_seen() -> None:
    """A client may repeat a write that carries one."""
    assert CommandLine.parse("curl -H 'Idempotency-Key: 7' http://x").keyed
    assert not CommandLine.parse("curl -H 'Accept: x' http://x").keyed


def test_it_calls_its_operation_s_address() -> None:
    """Of the lab's ports only: what else is on this machine has no other address."""
    command = CommandLine.parse(
        "x http://127.0.0.1:80/a http://127.0.0.1:8000 127.0.0.1:80 1127.0.0.1:80"
    )
    assert command.calling("127.1.0.7", [80]).arguments == (
        "x",
        "http://127.1.0.7:80/a",
        "http://127.0.0.1:8000",
        "127.1.0.7:80",
        "1127.0.0.1:80",
    )
