"""What goes into the lab's image, and how its content is told apart."""

from __future__ import annotations

import io
import tarfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.environments.docker.contents import (
    Target,
    digest,
    faultlab_files,
    files_below,
    pins,
    write_context,
)

CONTENTS = st.dictionaries(st.text("ab/.", min_size=1, max_size=4), st.binary(max_size=4))
REQUIRES = {
    "faultlab": ["click<9,>=8", 'Typing_Extensions; python_version < "3.13"', 'nose; extra == "x"'],
    "click": ['colorama; platform_system == "Windows"'],
    "typing-extensions": ["click"],  # a circle ends
}
VERSIONS = {"click": "8.5.1", "typing-extensions": "4.16.0", "nose": "1.0"}


def version(name: str) -> str:
    """As metadata tells it."""
    if name not in VERSIONS:
        raise PackageNotFoundError(name)
    return VERSIONS[name]


def test_all_that_is_needed_is_pinned_as_it_is_installed_here() -> None:
    """What markers leave out on other Pythons is pinned too; what isn't installed can't be."""
    asked, pinned = pins("faultlab", lambda name: REQUIRES.get(name, []), version)
    assert asked == ("click<9,>=8", 'Typing_Extensions; python_version < "3.13"')
    assert pinned == ("click==8.5.1", "typing-extensions==4.16.0")


def test_this_installation_says_what_it_needs() -> None:
    """The real metadata, which an editable install has as well."""
    _, pinned = pins()
    assert {"docker", "msgspec", "pydantic-core", "toxiproxy-python"} <= {
        pin.partition("==")[0] for pin in pinned
    }


def test_the_checkout_s_rooms_and_the_client_are_among_the_files() -> None:
    """They are reached through links, which a container would not have."""
    files = faultlab_files()
    assert {
        "faultlab/__main__.py",
        "faultlab/lab/host.py",
        "faultlab/lab/environments/docker/Dockerfile",
        "faultlab/scenarios/catalog/down.yaml",
        "maximus/__init__.py",
    } <= files.keys()
    assert [name for name in files if name.endswith("/entry_points.txt")]
    assert [name for name in files if "__pycache__" in name] == []


def test_files_come_in_order_without_bytecode_scripts_and_what_is_hidden(tmp_path: Path) -> None:
    """What differs from one machine to the next would make another image of the same."""
    names = ("b.py", "a/x.py", "__pycache__/b.pyc", "bin/run", ".cache/y")
    for name in names:
        path = tmp_path / "real" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "room").symlink_to(tmp_path / "real")
    assert list(files_below(tmp_path / "linked")) == [
        ("room/a/x.py", b"a/x.py"),
        ("room/b.py", b"b.py"),
    ]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (
            Target((3, 13), 19, "x86_64"),
            (
                "--python-version=3.13",
                "--platform=manylinux_2_19_x86_64",
                "--platform=manylinux_2_18_x86_64",
                "--platform=manylinux_2_17_x86_64",
                "--platform=manylinux2014_x86_64",
            ),
        ),
        (
            Target((3, 12), None, "aarch64"),
            (
                "--python-version=3.12",
                "--platform=musllinux_1_2_aarch64",
                "--platform=musllinux_1_1_aarch64",
            ),
        ),
    ],
)
def test_pip_is_told_of_every_wheel_that_the_image_can_load(
    target: Target, options: tuple[str, ...]
) -> None:
    """It knows only the tags of the machine that it runs on."""
    assert target.options() == ("--only-binary=:all:", "--implementation=cp", *options)


@given(CONTENTS, CONTENTS)
def test_only_the_same_content_has_the_same_digest(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    """Whatever order it comes in; and no name runs into what is in the file."""
    assert (digest(one) == digest(other)) == (one == other)
    assert digest(one) == digest(dict(reversed(one.items())))


def test_parts_do_not_run_into_one_another() -> None:
    """Or a name could move from one list to the next unseen."""
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")


def test_a_context_is_the_same_bytes_each_time() -> None:
    """An engine takes what it has built before only for the same content."""
    files = [("Dockerfile", b"FROM x\n"), ("faultlab/__init__.py", b"")]
    first, second = io.BytesIO(), io.BytesIO()
    write_context(first, files)
    write_context(second, files)
    assert first.getvalue() == second.getvalue()
    first.seek(0)
    with tarfile.open(fileobj=first) as archive:
        assert [(entry.name, entry.size, entry.mode) for entry in archive] == [
            ("Dockerfile", 7, 0o644),
            ("faultlab/__init__.py", 0, 0o644),
        ]
