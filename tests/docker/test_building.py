"""What an engine and pip really answer, where a lab's images come from them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from faultlab.lab.environments.docker.building import EngineBuilder
from faultlab.lab.environments.docker.contents import Target
from faultlab.lab.environments.docker.images import ASK, Images, Refused, target_of

NAME = "faultlab-test:building"


@pytest.fixture
def builder(engine: docker.DockerClient) -> Iterator[EngineBuilder]:
    """With nothing of the tests' in the engine afterwards."""
    yield EngineBuilder(engine)
    for image in engine.images.list(filters={"label": "faultlab.test=building"}):
        engine.images.remove(str(image.id), force=True)


def build(builder: EngineBuilder, *recipe: str) -> None:
    """Build from a recipe alone."""
    files = [("Dockerfile", "\n".join(recipe).encode())]
    builder.build(files, (NAME,), {}, {"faultlab.test": "building"})


def test_an_image_is_there_once_it_is_built(builder: EngineBuilder) -> None:
    """With its labels, and until then there is none."""
    assert builder.labels(NAME) is None
    build(builder, "FROM scratch", "COPY Dockerfile /")
    assert builder.labels(NAME) == {"faultlab.test": "building"}


def test_a_build_that_breaks_says_why(builder: EngineBuilder, images: Images) -> None:
    """The engine answers 200 and tells of it in the middle of its progress."""
    with pytest.raises(Refused, match="returned a non-zero code: 7"):
        build(builder, f"FROM {images.lab}", "RUN exit 7")
    with pytest.raises(Refused, match="unknown instruction"):
        build(builder, "FORM scratch")


def test_a_build_that_breaks_leaves_nothing(
    builder: EngineBuilder, engine: docker.DockerClient, images: Images
) -> None:
    """No image without a name, which nobody would look for."""
    nameless = {"dangling": True}
    before = {image.id for image in engine.images.list(filters=nameless)}
    with pytest.raises(Refused, match="code: 7"):
        build(builder, f"FROM {images.lab}", f"LABEL broken={uuid4()}", "RUN exit 7")
    assert {image.id for image in engine.images.list(filters=nameless)} <= before


def test_an_image_is_used_when_it_is_marked(builder: EngineBuilder) -> None:
    """So one that is old can be new to whoever removes old ones; one that is gone is no matter."""
    files = [("Dockerfile", b"FROM scratch\nCOPY Dockerfile /\n")]
    labels = {"faultlab.test": "building", "faultlab.version": "0.0.0"}
    builder.build(files, (NAME,), {}, labels)
    (built,) = (one for one in builder.built() if NAME in one.names)
    builder.mark(NAME)
    (marked,) = (one for one in builder.built() if NAME in one.names)
    assert built.used < marked.used <= time.time()
    assert built.id not in builder.occupied()
    builder.forget(NAME)
    builder.forget(NAME)
    builder.mark(NAME)
    assert builder.labels(NAME) is None


def test_what_no_registry_has_is_refused(builder: EngineBuilder) -> None:
    """Port 9 of this machine is nobody's; no other machine is asked."""
    with pytest.raises(Refused, match=r"127\.0\.0\.1:9"):
        builder.pull("127.0.0.1:9/nobody/nothing:1")


def test_a_base_is_asked_for_its_python(
    builder: EngineBuilder, engine: docker.DockerClient, images: Images
) -> None:
    """One that has none is refused in the engine's words; no container stays."""
    target = target_of(builder.python(images.lab, ASK))
    assert target.python >= (3, 11)
    with pytest.raises(Refused, match="python3"):
        builder.python(images.toxiproxy, ASK)
    with pytest.raises(Refused, match=r"exit 1: (?s:.*)ZeroDivisionError"):
        builder.python(images.lab, "1 / 0")
    mine = {"label": "faultlab.part=base", "ancestor": images.toxiproxy}
    assert engine.containers.list(all=True, filters=mine) == []


def test_packages_come_for_another_python_than_this(builder: EngineBuilder) -> None:
    """With the compiled parts that it can load."""
    target = Target((3, 12), 28, "x86_64")
    names = [name for name, _ in builder.fetched(["msgspec"], ["msgspec==0.19.0"], target)]
    assert "msgspec/_core.cpython-312-x86_64-linux-gnu.so" in names
    with pytest.raises(Refused, match="no-such"):
        list(builder.fetched(["no-such distribution"], [], target))


def test_one_lab_builds_at_a_time(engine: docker.DockerClient, tmp_path: Path) -> None:
    """The second is told that it waits, and goes on when the first has built."""
    lock = tmp_path / "lock"
    told, built = threading.Event(), threading.Event()

    def second() -> None:
        with EngineBuilder(engine, lock).alone(told.set):
            built.set()

    with EngineBuilder(engine, lock).alone(lambda: pytest.fail("nobody else builds")):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert told.wait(30)
        assert not built.is_set()
    waiting.join(30)
    assert built.is_set()
