"""Real servers: what an author may write of one that is started, and what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from faultlab.lab.backends.servers import Command, Image, Url
from faultlab.lab.backends.specification import Server, Specification, amended, parse

HERE = str(Path().absolute())
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cmd:./orders --port {port}", Command(("./orders", "--port", "{port}"), HERE)),
        ({"command": "sh -c 'exec ./a'"}, Command(("sh", "-c", "exec ./a"), HERE)),
        (
            {
                "command": ["./a", "b c"],
                "environment": {"MODE": "x", "DEBUG": True, "LEVEL": 3},
                "ready": "GET /health",
                "ready_within": 90,
            },
            Command(
                ("./a", "b c"),
                HERE,
                (("MODE", "x"), ("DEBUG", "true"), ("LEVEL", "3")),
                "/health",
                90.0,
            ),
        ),
        ("image:nginx:1.27@80", Image("nginx:1.27", 80)),
        (f"image:host:5000/a/b@{DIGEST}@80", Image(f"host:5000/a/b@{DIGEST}", 80)),
        (
            {"image": "nginx", "port": 80, "command": "nginx -g 'daemon off;'", "ready": "/"},
            Image("nginx", 80, ("nginx", "-g", "daemon off;"), ready="/"),
        ),
    ],
)
def test_a_server_that_is_started(written: object, meant: Specification) -> None:
    """As a text or in words; a command is started beside who names it."""
    found = parse(written, "orders")
    assert found == meant
    assert msgspec.json.decode(msgspec.json.encode(found), type=Server) == meant


def test_a_command_is_started_beside_who_names_it(tmp_path: Path) -> None:
    """As an OpenAPI file is looked for."""
    assert parse("cmd:./orders", folder=tmp_path) == Command(("./orders",), str(tmp_path))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("cmd:", "no command; write the program and its arguments"),
        ("cmd:a | b", '`|` is for a shell, and none reads this; write sh -c "a ..."'),
        (
            {"command": []},
            "command: []; expected a text, or a list of words: ['nginx', '-c', 'orders.conf']",
        ),
        ({"command": ["", "a"]}, "command: ['', 'a']; the first word is the program"),
        (
            {"command": "a", "port": 80},
            "port: is not for `command`; allowed beside it: environment, ready, ready_within",
        ),
        ({"command": "a", "url": "http://x"}, "url and command: one of them says who serves"),
        ({"command": "a", "ready": "POST /"}, "ready: 'POST /'; expected GET /path"),
        (
            {"command": "a", "ready_within": "30s"},
            "ready_within: '30s'; expected seconds, up to 3600",
        ),
        ({"command": "a", "environment": ["b"]}, "environment: list; expected names with values"),
        (
            {"command": "a", "environment": {"A=B": "c"}},
            "environment: 'A=B' is no name of a variable",
        ),
        (
            {"command": "a", "environment": {"TOKEN": ["hunter2"]}},
            "environment: TOKEN: list; expected a text",
        ),
        (
            {"command": "a", "environment": {"PORT": "80"}},
            "environment: PORT is the port that the lab gives it; use another name",
        ),
        (
            {"image": "nginx"},
            "image: nginx: no port; write beside it the one that its server listens on: port: 80",
        ),
        (
            {"image": "nginx", "port": 0},
            "port: 0; expected the port in the container, 1 to 65535",
        ),
        ({"image": "a b", "port": 80}, "image: 'a b'; expected a name like nginx:1.27"),
        (
            "image:nginx:1.27",
            (
                "image:nginx:1.27: expected an image and the port that its server listens on, like"
                " image:nginx:1.27@80"
            ),
        ),
        ({"image": "nginx", "port": 80, "pace": "loaded"}, "pace: is not for `image`; allowed"),
    ],
)
def test_what_starts_nothing_is_refused(written: object, problem: str) -> None:
    """No value of an environment is told: it may be a secret."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse(written, "orders")
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("given", "words", "meant"),
    [
        (
            Command(("./a",), "/home", (("A", "b"),), "/x", 30.0),
            {"ready": "/y"},
            Command(("./a",), "/home", (("A", "b"),), "/y", 30.0),
        ),
        (Command(("./a",), "/home"), {"url": "http://x:1"}, Url("http://x:1")),
        (
            Image("nginx", 80, ("a",), (("A", "b"),), "/x"),
            {"environment": {"C": "d"}},
            Image("nginx", 80, ("a",), (("C", "d"),), "/x"),
        ),
        (Url("http://x:1"), {"image": "nginx", "port": 80}, Image("nginx", 80)),
    ],
)
def test_a_server_is_amended(
    given: Specification, words: dict[str, object], meant: Specification
) -> None:
    """What a file says takes the place of what was there; the rest stays, the folder too."""
    assert amended(given, words) == meant


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (Url("http://x:1"), "http://x:1"),
        (Command(("./orders", "--token=hunter2")), "the command ./orders"),
        (Image("nginx:1.27", 80), "the image nginx:1.27"),
    ],
)
def test_a_message_says_who_serves(server: Server, text: str) -> None:
    """Arguments may be secrets."""
    assert server.text == text
