"""Images as the engine has and builds them, and packages as pip fetches them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .contents import Target, files_below, write_context
from .images import Refused

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["EngineBuilder"]

_LAST = 3  # lines of pip's words that are shown


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
                _heed(said)
            for name in names[1:]:
                repository, _, tag = name.partition(":")
                self._client.api.tag(names[0], repository, tag)

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
