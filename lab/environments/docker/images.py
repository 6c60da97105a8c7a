"""Which images a lab uses, and our own built where it is missing.

Its name carries version and content, so that an edited checkout has another image and an unchanged
one has nothing to do. Of ours, those that no lab uses any more go when a new one is built
(`pruning.py`). What others keep in the engine is left alone.

    FAULTLAB_IMAGE            ours, ready-made
    FAULTLAB_BASE_IMAGE       what ours is built over
    FAULTLAB_TOXIPROXY_IMAGE  Toxiproxy
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from ...errors import SetupError
from .compose import compose_file, image_of
from .contents import Target, digest, faultlab_files, pins
from .pruning import Keeping, prune

__all__ = [
    "ASK",
    "VERSION",
    "Builder",
    "Images",
    "Installed",
    "Refused",
    "Say",
    "have_image",
    "prune_images",
    "target_of",
    "use_images",
]

Say = Callable[[str], None]
_BASE = "FAULTLAB_BASE_IMAGE"
_RECIPE = "Dockerfile"
_NO_REGISTRY = "without a registry: `make images` in a checkout (GUIDE.md, Without a registry)"

VERSION = "faultlab.version"
"""The label of what is built here."""

ASK = (
    "import json, platform, sys; print(json.dumps([sys.version_info[:2],"
    " platform.libc_ver()[1], platform.machine()]))"
)
"""What a base image's Python is asked, to fetch what it can load."""


class Refused(Exception):  # noqa: N818 - an answer, for `use_images` to tell of
    """The engine's own words on why it can't do what it was asked."""


class Builder(Keeping, Protocol):
    """What is wanted of an engine here. Each raises Refused."""

    def alone(self, waits: Callable[[], None]) -> AbstractContextManager[None]:
        """While entered, no other lab of this user builds; `waits` is called if one does."""

    def labels(self, image: str) -> Mapping[str, str] | None:
        """An image's labels; None if it isn't here."""

    def pull(self, image: str) -> None:
        """Fetch it from its registry."""

    def python(self, image: str, code: str) -> str:
        """What a Python of the image prints."""

    def build(
        self,
        files: Iterable[tuple[str, bytes]],
        names: Sequence[str],
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        """Build from these files, the recipe `Dockerfile` among them, and give it these names."""

    def fetched(
        self, asked: Sequence[str], pinned: Sequence[str], target: Target
    ) -> Iterable[tuple[str, bytes]]:
        """The files of packages, for a Python that isn't the one that runs here."""

    def mark(self, image: str) -> None:
        """Have the engine remember that it is used now; nothing if it isn't here."""


@dataclass(frozen=True, slots=True)
class Images:
    """Names to start containers of."""

    lab: str
    toxiproxy: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What ours is built of: this installation."""

    version: str
    recipe: bytes
    files: Mapping[str, bytes]
    asked: tuple[str, ...]
    pinned: tuple[str, ...]
    compose: str

    @classmethod
    def here(cls) -> Installed:
        """The one that runs."""
        return cls(
            version("faultlab"),
            Path(__file__).with_name(_RECIPE).read_bytes(),
            faultlab_files(),
            *pins(),
            compose_file().read_text("utf-8"),
        )

    def base(self, environ: Mapping[str, str]) -> str:
        """The image that ours is built over."""
        written = re.search(rf"^ARG {_BASE}=(\S+)$", self.recipe.decode(), re.MULTILINE)
        assert written is not None
        return environ.get(_BASE) or written[1]

    def needed(self, base: str) -> str:
        """The name of what lies between the base and ours."""
        mark = digest(self.recipe.decode(), base, *self.asked, *self.pinned)
        return f"faultlab-needed:{mark}"

    def ours(self, base: str) -> str:
        """The name of our own."""
        return f"faultlab:{self.version}-{digest(self.needed(base), self.files)}"


def use_images(
    builder: Builder,
    environ: Mapping[str, str],
    say: Say,
    installed: Callable[[], Installed] = Installed.here,
) -> Images:
    """The names to use, each image there on return. Raises SetupError.

    `say` gets a line for whatever takes seconds.
    """
    here = installed()
    toxiproxy = image_of("toxiproxy", here.compose, environ)
    _have(builder, toxiproxy, "FAULTLAB_TOXIPROXY_IMAGE", say)
    if ready := environ.get("FAULTLAB_IMAGE"):
        labels = _have(builder, ready, "FAULTLAB_IMAGE", say)
        if (seen := labels.get(VERSION, here.version)) != here.version:
            raise SetupError(
                f"{ready} is the image of another faultlab",
                expected=here.version,
                seen=seen,
                mend="unset FAULTLAB_IMAGE, and the lab builds its own",
            )
        return Images(ready, toxiproxy)
    base = here.base(environ)
    ours = here.ours(base)
    if _labels(builder, ours) is None:
        with builder.alone(lambda: say("waiting for another lab, which builds images")):
            if _labels(builder, ours) is None:  # it may have built this one
                _build(builder, here, base, say)
                _use(builder, (ours, here.needed(base)))
                prune_images(builder, say)
    else:
        _use(builder, (ours, here.needed(base)))
    return Images(ours, toxiproxy)


def prune_images(
    builder: Builder, say: Say, clock: Callable[[], float] = time.time
) -> tuple[str, ...]:
    """Remove those of ours that no lab has used for a day; their names.

    An engine that refuses is in nobody's way: `say` is told.
    """
    try:
        return prune(builder, clock)
    except Refused as error:
        say(f"images that no lab uses any more can't be removed: {error}")
        return ()


def _use(builder: Builder, images: Iterable[str]) -> None:
    try:
        for image in images:
            builder.mark(image)
    except Refused as error:
        raise SetupError("the engine does not keep the lab's image", seen=str(error)) from None


def have_image(builder: Builder, image: str, say: Say) -> None:
    """Fetch a user's image if it isn't here. Raises SetupError."""
    if _labels(builder, image) is not None:
        return
    say(f"fetching {image}")
    try:
        builder.pull(image)
    except Refused as error:
        raise SetupError(f"it is not here and can't be fetched: {error}") from None


def _have(builder: Builder, image: str, variable: str, say: Say) -> Mapping[str, str]:
    """The labels of an image, fetched if it wasn't here."""
    if (labels := _labels(builder, image)) is not None:
        return labels
    say(f"fetching {image}")
    try:
        builder.pull(image)
    except Refused as error:
        raise SetupError(
            f"the image {image} is not here and can't be fetched",
            seen=str(error),
            mend=f"{variable} names another; {_NO_REGISTRY}",
        ) from None
    return _labels(builder, image) or {}


def _labels(builder: Builder, image: str) -> Mapping[str, str] | None:
    try:
        return builder.labels(image)
    except Refused as error:
        raise SetupError(f"the engine tells nothing of {image}", seen=str(error)) from None


def _build(builder: Builder, here: Installed, base: str, say: Say) -> None:
    needed = here.needed(base)
    recipe = (_RECIPE, here.recipe)
    labels = {VERSION: here.version}
    if _labels(builder, needed) is None:
        _have(builder, base, _BASE, say)
        target = _asked(builder, base)
        say(f"building what faultlab needs over {base}, for Python {_dotted(target.python)}")
        try:
            files = [recipe, *builder.fetched(here.asked, here.pinned, target)]
        except Refused as error:
            raise SetupError(
                f"what faultlab needs can't be fetched for Python {_dotted(target.python)}",
                seen=str(error),
                mend="`python -m ensurepip` brings pip"
                if "No module named pip" in str(error)
                else f"{_BASE} names an image with another Python",
            ) from None
        _run(builder, files, (needed,), base, labels)
    say("building the lab's image")
    files = [recipe, *sorted(here.files.items())]
    # The second name is for people, and for the Compose file.
    _run(builder, files, (here.ours(base), f"faultlab:{here.version}"), needed, labels)


def _run(
    builder: Builder,
    files: Sequence[tuple[str, bytes]],
    names: Sequence[str],
    base: str,
    labels: Mapping[str, str],
) -> None:
    try:
        builder.build(files, names, {_BASE: base}, labels)
    except Refused as error:
        if "no space left" in str(error).lower():
            raise SetupError(
                f"the disk is full: {names[0]} can't be built",
                seen=str(error),
                mend="make room: `docker system df` says what takes it",
            ) from None
        raise SetupError(
            f"{names[0]} can't be built over {base}",
            seen=str(error),
            mend=f"{_BASE} names another base, FAULTLAB_IMAGE a ready-made image",
        ) from None


def _asked(builder: Builder, base: str) -> Target:
    try:
        return target_of(builder.python(base, ASK))
    except Refused as error:
        raise SetupError(
            f"the base image {base} has no Python that runs",
            seen=str(error),
            expected="`python3`, 3.11 or later",
            mend=f"{_BASE} names another",
        ) from None
    except ValueError as error:
        raise SetupError(
            f"the base image {base} can't be used: {error}",
            expected="Python 3.11 or later",
            mend=f"{_BASE} names another",
        ) from None


def target_of(answer: str) -> Target:
    """The Python that answered so to `ASK`. Raises ValueError for one that is too old."""
    (major, minor), libc, machine = json.loads(answer)
    if (major, minor) < (3, 11):
        raise ValueError(f"its Python is {major}.{minor}")
    return Target((major, minor), int(libc.split(".")[1]) if libc else None, machine)


def _dotted(python: tuple[int, int]) -> str:
    return ".".join(map(str, python))
