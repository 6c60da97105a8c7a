"""Images as the engine has and builds them, and packages as pip fetches them."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from .contents import Target, files_below, write_context
from .images import VERSION, Refused
from .pruning import Built

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["EngineBuilder"]

_LAST = 3  # lines of pip's words that are shown
_HASH = "sha256:"
_SHORT = 12  # letters of an id, as a build tells them
_STEP = re.compile(rf"^ ---> ([0-9a-f]{{{_SHORT}}})$", re.MULTILINE)


class EngineBuilder:
    """Builds with a Docker engine, by its classic builder, which every engine has.

    `lock`: a file that is held while an image is built, a user's own unless given.
    """

    def __init__(self, client: DockerClient, lock: Path | None = None) -> None:
        self._client = client
        self._lock = lock or Path(tempfile.gettempdir(), f"faultlab-{os.getuid()}.lock")

    @contextmanager
    def alone(self, waits: Callable[[], None]) -> Iterator[None]:
        """While entered, no other lab of this user builds: the workers of one pytest need one image."""
        with os.fdopen(os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)) as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def labels(self, image: str) -> Mapping[str, str] | None:
        """An image's labels; None if it isn't here."""
        from docker.errors import ImageNotFound

        with _refusals():
            try:
                found = self._client.images.get(image)
            except ImageNotFound:
                return None
            return dict(found.labels)

    def pull(self, image: str) -> None:
        """Fetch it from its registry."""
        with _refusals():
            for said in self._client.api.pull(image, stream=True, decode=True):
                _heed(said)

    def python(self, image: str, code: str) -> str:
        """What a Python of the image prints."""
        with _refusals():
            # Not `run(remove=True)`, which leaves behind what could not be started.
            container = self._client.containers.create(
                image,
                ["-c", code],
                entrypoint="python3",
                network_disabled=True,
                labels={"faultlab.part": "base"},
            )
            try:
                container.start()
                ended = container.wait()["StatusCode"]
                printed = container.logs(stderr=bool(ended)).decode(errors="replace").strip()
            finally:
                container.remove(force=True)
        if ended:
            raise Refused(f"exit {ended}: {printed}")
        return printed

    def build(
        self,
        files: Iterable[tuple[str, bytes]],
        names: Sequence[str],
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        """Build from these files, and give it these names."""
        with _refusals(), tempfile.TemporaryFile() as context:
            write_context(context, files)
            context.seek(0)
            steps: set[str] = set()
            try:
                for said in self._client.api.build(
                    fileobj=context,
                    custom_context=True,
                    tag=names[0],
                    buildargs=dict(arguments),
                    labels=dict(labels),
                    rm=True,
                    forcerm=True,
                    decode=True,
                ):
                    steps.update(_STEP.findall(str(said.get("stream", ""))))
                    _heed(said)
            except BaseException:
                self._clear(steps)
                raise
            for name in names[1:]:
                repository, _, tag = name.partition(":")
                self._client.api.tag(names[0], repository, tag)

    def _clear(self, steps: Collection[str]) -> None:
        """Remove what a build that broke has left: nameless, and nothing is built over it."""
        with suppress(Refused), _refusals():
            for image in self._client.api.images(filters={"dangling": True}):
                if image["Id"].removeprefix(_HASH)[:_SHORT] in steps:
                    self._client.api.remove_image(image["Id"])

    def mark(self, image: str) -> None:
        """Give it its name anew: the engine remembers when that was."""
        from docker.errors import ImageNotFound

        repository, _, tag = image.partition(":")
        with _refusals(), suppress(ImageNotFound):
            self._client.api.tag(image, repository, tag)

    def built(self) -> list[Built]:
        """The images with our label, but those that only others are built over."""
        from docker.errors import ImageNotFound

        found: list[Built] = []
        with _refusals():
            for image in self._client.api.images(filters={"label": [VERSION]}):
                with suppress(ImageNotFound):  # another has just removed it
                    told = self._client.images.get(image["Id"]).attrs
                    named = (told.get("Metadata") or {}).get("LastTagTime") or told["Created"]
                    used = max(map(_seconds, (named, told["Created"])))
                    found.append(Built(told["Id"], tuple(told["RepoTags"] or ()), used))
        return found

    def occupied(self) -> set[str]:
        """The ids of images that containers are of, in whatever state those are."""
        with _refusals():
            return {str(one["ImageID"]) for one in self._client.api.containers(all=True)}

    def forget(self, image: str) -> None:
        """Take a name from an image, or an id; with its last one it goes, unless something needs it."""
        from docker.errors import APIError, ImageNotFound

        with _refusals():
            try:
                self._client.api.remove_image(image)
            except ImageNotFound:  # another was quicker
                pass
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # a container was
                    raise

    def fetched(
        self, asked: Sequence[str], pinned: Sequence[str], target: Target
    ) -> Iterator[tuple[str, bytes]]:
        """The files of packages for another Python, by the pip and the settings of this one."""
        with _refusals(), tempfile.TemporaryDirectory(prefix="faultlab-image-") as scratch:
            limits = Path(scratch, "pins")
            limits.write_text("\n".join(pinned))
            into = Path(scratch, "site")
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input"),
                    *("--disable-pip-version-check", "--no-compile", "--target", str(into)),
                    *("--constraint", str(limits), *target.options(), *asked),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise Refused(" ".join(done.stderr.strip().splitlines()[-_LAST:]))
            yield from files_below(into)


def _seconds(text: str) -> float:
    """An engine's time, to the nanosecond, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _heed(said: Mapping[str, object]) -> None:
    """A line of the engine's progress; what failed is among them, the answer being long begun."""
    if "error" in said:
        raise Refused(str(said["error"]).strip())


@contextmanager
def _refusals() -> Iterator[None]:
    """An engine's errors as Refused."""
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise Refused(str(error.explanation or error)) from None
    except (DockerException, OSError) as error:
        raise Refused(str(error)) from None
