"""What goes into the lab's image: this installation of faultlab, and what it needs, pinned to the
versions installed here.

Only files and metadata of the installation are read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO

__all__ = ["Target", "digest", "faultlab_files", "files_below", "pins", "write_context"]

_FACE = Path(__file__).parents[3]  # `faultlab`, in a checkout reached through its link
_LEFT_OUT = frozenset({"__pycache__", "bin"})
_OLDEST_GLIBC = 17  # of manylinux2014, in which everything that needs compiling is to be had
_MODIFIED = 315532800  # 1980: one content, one context, whenever it is written


@dataclass(frozen=True, slots=True)
class Target:
    """A Python that packages are fetched for.

    `glibc` is its C library's minor version, None on musl; `machine` as `uname -m` says.
    """

    python: tuple[int, int]
    glibc: int | None
    machine: str

    def options(self) -> tuple[str, ...]:
        """What pip is told of it: its version, and every kind of wheel that it can load."""
        tags = (
            [f"musllinux_1_{minor}" for minor in (2, 1)]
            if self.glibc is None
            else [f"manylinux_2_{n}" for n in range(self.glibc, _OLDEST_GLIBC - 1, -1)]
            + ["manylinux2014"]
        )
        return (
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={'.'.join(map(str, self.python))}",
            *(f"--platform={tag}_{self.machine}" for tag in tags),
        )


def faultlab_files(face: Path = _FACE) -> dict[str, bytes]:
    """The files of faultlab, of the reference client and of their metadata, by name."""
    files: dict[str, bytes] = {}
    for package in (face, face.parent / "maximus"):
        files |= {f"{package.name}/{name}": content for name, content in files_below(package)}
    installed = metadata.distribution("faultlab")
    folder = f"faultlab-{installed.version}.dist-info"
    for name in ("METADATA", "entry_points.txt"):
        if (text := installed.read_text(name)) is not None:
            files[f"{folder}/{name}"] = text.encode()
    return files


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file in order of names, through links to folders too; no bytecode, no scripts, nothing hidden."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and name[0] != "."]
        found += [Path(place, name) for name in names]
    for path in sorted(found):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def pins(
    name: str = "faultlab",
    requires: Callable[[str], Sequence[str]] = lambda name: metadata.requires(name) or (),
    version: Callable[[str], str] = metadata.version,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a distribution asks for, and everything that this means here, as `NAME==VERSION`.

    The second may hold more than another Python needs: it limits what pip chooses, and adds nothing.
    """
    asked = _always(requires(name))
    found: dict[str, str] = {}
    ahead = [_name(line) for line in asked]
    while ahead:
        one = ahead.pop()
        if one in found:
            continue
        try:
            found[one] = version(one)
        except metadata.PackageNotFoundError:  # a requirement of other systems
            continue
        ahead += [_name(line) for line in _always(requires(one))]
    return asked, tuple(f"{one}=={found[one]}" for one in sorted(found))


def _always(requirements: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in requirements if not re.search(r";.*\bextra\b", line))


def _name(requirement: str) -> str:
    written = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert written is not None, requirement
    return re.sub(r"[-_.]+", "-", written[0]).lower()


def digest(*parts: str | Mapping[str, bytes]) -> str:
    """Twelve letters that tell one content from any other."""
    running = hashlib.sha256()
    for part in parts:
        entries = {"": part.encode()} if isinstance(part, str) else part
        for name in sorted(entries):
            content = entries[name]
            running.update(f"{name}\0{len(content)}\0".encode())
            running.update(content)
        running.update(b"\0")
    return running.hexdigest()[:12]


def write_context(out: IO[bytes], files: Iterable[tuple[str, bytes]]) -> None:
    """Write what an engine builds from, a tar archive; the same files give the same bytes."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            entry.mtime = _MODIFIED
            archive.addfile(entry, io.BytesIO(content))
