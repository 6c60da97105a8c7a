"""Real servers, as values: one that runs already, a command that the lab starts, an image.

Counterpart: `specification.py` reads all that may serve. They keep no ledger and no journal, so what
they did is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from ..programs import words_of
from ..redaction import redacted

__all__ = [
    "BESIDE",
    "COMMAND",
    "IMAGE",
    "Command",
    "Image",
    "Server",
    "Url",
    "is_url",
    "read_command",
    "read_image",
    "read_image_text",
    "read_url",
]

COMMAND = "cmd:"  # in front of a command, where one text says who serves
IMAGE = "image:"  # in front of an image and its port

BESIDE = {
    "url": (),
    "command": ("environment", "ready", "ready_within"),
    "image": ("port", "command", "environment", "ready", "ready_within"),
}
"""What may stand beside the word that says who serves."""

STARTS = 20.0
"""Seconds that a command has until it serves, unless told otherwise."""
PULLED = 60.0
"""The same for an image that is there."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IMAGE = re.compile(
    r"[A-Za-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?"
)
_READY = re.compile(r"(?:GET +)?(/[!-~]*)")
_LONGEST = 3600.0  # seconds


class Url(msgspec.Struct, frozen=True, tag_field="by", tag="url"):
    """A server that already runs, at `http://host:port`."""

    url: str

    @property
    def host(self) -> str:
        """Its host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port; 80 unless given."""
        port = urlsplit(self.url).port
        return 80 if port is None else port

    @property
    def text(self) -> str:
        """What serves, for a message."""
        return self.url


class Command(msgspec.Struct, frozen=True, tag_field="by", tag="command"):
    """A program that the lab starts in `folder`, on a port that the lab chooses.

    `{port}` in an argument and in a value of `environment` stands for that port; `PORT` in its
    environment says it too. `ready`: a path that it answers with success as soon as it serves; empty:
    it serves when its port takes a connection. `ready_within`: seconds that it has until then.
    """

    arguments: tuple[str, ...]
    folder: str = "."
    environment: tuple[tuple[str, str], ...] = ()
    ready: str = ""
    ready_within: float = STARTS

    @property
    def text(self) -> str:
        """What serves, for a message: the program."""
        return f"the command {redacted(self.arguments[0])}"


class Image(msgspec.Struct, frozen=True, tag_field="by", tag="image"):
    """A container of this image, whose server listens on `port`. `arguments`: as a command of it,
    instead of its own; the rest as `Command` has it.
    """

    image: str
    port: int
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    ready: str = ""
    ready_within: float = PULLED

    @property
    def text(self) -> str:
        """What serves, for a message."""
        return f"the image {self.image}"


Server = Url | Command | Image


# --- from an author's words ----------------------------------------------------------------------


def is_url(text: str) -> bool:
    """Whether a text is meant as a server's address."""
    return text.startswith(("http://", "https://"))


def read_url(text: str) -> Url:
    """The server at an address. Raises ValueError."""
    shown = redacted(text)
    if text.startswith("https://"):
        raise ValueError(
            f"{shown!r}: https comes with a later version; expected 'http://host:port'"
        )
    if not text.startswith("http://"):
        raise ValueError(f"url: {shown!r}; expected 'http://host:port'")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{shown!r}: {error}; expected 'http://host:port'") from error
    rest = parts.path.rstrip("/") + parts.query + parts.fragment
    if not parts.hostname or port == 0 or rest or "@" in parts.netloc:
        raise ValueError(f"{shown!r}: the address of a server is http://host:port and no more")
    return Url(text.rstrip("/"))


def read_command(words: Mapping[str, object], folder: str) -> Command:
    """The server of a `command` and what stands beside it. Raises ValueError."""
    own = _environment(words.get("environment", {}))
    if any(name == "PORT" for name, _ in own):
        raise ValueError("environment: PORT is the port that the lab gives it; use another name")
    return Command(
        _arguments(words["command"]),
        folder,
        own,
        _ready(words.get("ready", "")),
        _within(words.get("ready_within", STARTS)),
    )


def read_image(words: Mapping[str, object]) -> Image:
    """The server of an `image` and what stands beside it. Raises ValueError."""
    name = words["image"]
    if not isinstance(name, str) or _IMAGE.fullmatch(name) is None:
        raise ValueError(f"image: {name!r}; expected a name like nginx:1.27")
    if "port" not in words:
        raise ValueError(
            f"image: {name}: no port; write beside it the one that its server listens on: port: 80"
        )
    port = words["port"]
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise ValueError(f"port: {port!r}; expected the port in the container, 1 to 65535")
    return Image(
        name,
        port,
        _arguments(words["command"]) if "command" in words else (),
        _environment(words.get("environment", {})),
        _ready(words.get("ready", "")),
        _within(words.get("ready_within", PULLED)),
    )


def read_image_text(text: str) -> Image:
    """The server of a text like `nginx:1.27@80`. Raises ValueError."""
    name, at, port = text.rpartition("@")
    if not at or not port.isascii() or not port.isdigit():
        raise ValueError(
            f"{IMAGE}{redacted(text)}: expected an image and the port that its server listens on, like"
            f" {IMAGE}nginx:1.27@80"
        )
    return read_image({"image": name, "port": int(port)})


def _arguments(value: object) -> tuple[str, ...]:
    """A text, split as a shell does it; or a list of the words themselves."""
    if isinstance(value, str):
        return words_of(value)
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(it, str) for it in value)
    ):
        raise ValueError(
            f"command: {value!r}; expected a text, or a list of words: ['nginx', '-c', 'orders.conf']"
        )
    if not value[0] or any("\0" in word for word in value):
        raise ValueError(f"command: {value!r}; the first word is the program")
    return tuple(value)


def _environment(value: object) -> tuple[tuple[str, str], ...]:
    """Names with their values; no message has a value, which may be a secret."""
    match value:
        case Mapping():
            pass
        case _:
            raise ValueError(f"environment: {type(value).__name__}; expected names with values")
    found: list[tuple[str, str]] = []
    for name, one in value.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ValueError(f"environment: {name!r} is no name of a variable")
        if isinstance(one, bool):
            found.append((name, str(one).lower()))
        elif isinstance(one, str | int | float) and "\0" not in str(one):
            found.append((name, str(one)))
        else:
            raise ValueError(f"environment: {name}: {type(one).__name__}; expected a text")
    return tuple(found)


def _ready(value: object) -> str:
    if value == "":
        return ""
    found = _READY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"ready: {value!r}; expected GET /path")
    return found[1]


def _within(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST:
        return float(value)
    raise ValueError(f"ready_within: {value!r}; expected seconds, up to {_LONGEST:g}")
