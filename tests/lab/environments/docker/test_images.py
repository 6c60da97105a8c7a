"""Which images are used, what is built and fetched for them, and what is said where that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from faultlab.lab.environments.docker.contents import Target
from faultlab.lab.environments.docker.images import (
    ASK,
    Images,
    Installed,
    Refused,
    prune_images,
    target_of,
    use_images,
)
from faultlab.lab.environments.docker.pruning import UNUSED, Built
from faultlab.lab.errors import SetupError

HERE = Installed(
    version="0.1.0",
    recipe=b"ARG FAULTLAB_BASE_IMAGE=python:3.13\nFROM ${FAULTLAB_BASE_IMAGE}\n",
    files={"faultlab/__init__.py": b""},
    asked=("click>=8",),
    pinned=("click==8.5.1",),
    compose="services: {toxiproxy: {image: '${FAULTLAB_TOXIPROXY_IMAGE:-toxiproxy:2.12.0}'}}",
)
PROXY = {"toxiproxy:2.12.0": {}}
BASE = {"python:3.13": {}}
NEEDED = HERE.needed("python:3.13")
OURS = HERE.ours("python:3.13")
NOW = 4e9  # later than the clock of any machine that runs this
OLD = 1.0
FULL = "write /opt/x: no space left on device"


@dataclass
class FakeBuilder:
    """An engine with these images, and a registry with those."""

    here: dict[str, Mapping[str, str]] = field(default_factory=dict)
    registry: set[str] = field(default_factory=set)
    answer: str = '[[3, 13], "2.36", "x86_64"]'
    trouble: dict[str, str] = field(default_factory=dict)  # what is refused, and in which words
    done: list[str] = field(default_factory=list)
    meanwhile: dict[str, Mapping[str, str]] = field(default_factory=dict)  # what another lab builds
    used: dict[str, float] = field(default_factory=dict)  # when ours last were

    def _do(self, deed: str, *about: str) -> None:
        if deed in self.trouble:
            raise Refused(self.trouble[deed])
        self.done.append(" ".join([deed, *about]))

    @contextmanager
    def alone(self, waits: Callable[[], None]) -> Iterator[None]:
        """After the other, if there is one."""
        if self.meanwhile:
            waits()
            self.here |= self.meanwhile
        yield

    def labels(self, image: str) -> Mapping[str, str] | None:
        """Asked for free."""
        if "labels" in self.trouble:
            raise Refused(self.trouble["labels"])
        return self.here.get(image)

    def pull(self, image: str) -> None:
        """From the registry."""
        if image not in self.registry:
            raise Refused("no such host")
        self._do("pull", image)
        self.here[image] = {}

    def python(self, image: str, code: str) -> str:
        """One answer to the one question."""
        assert code == ASK
        self._do("python", image)
        return self.answer

    def build(
        self,
        files: Iterable[tuple[str, bytes]],
        names: Sequence[str],
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        """What is built is here."""
        names_of_files = ",".join(name for name, _ in files)
        self._do("build", names[0], "over", arguments["FAULTLAB_BASE_IMAGE"], names_of_files)
        for name in names:
            self.here[name] = labels

    def mark(self, image: str) -> None:
        """Now is NOW."""
        self.used[image] = NOW

    def built(self) -> list[Built]:
        """Each an image of its own."""
        if "built" in self.trouble:
            raise Refused(self.trouble["built"])
        return [Built(name, (name,), used) for name, used in self.used.items()]

    def occupied(self) -> Collection[str]:
        """No containers are there."""
        return ()

    def forget(self, image: str) -> None:
        """Gone."""
        self._do("forget", image)
        del self.used[image]

    def fetched(
        self, asked: Sequence[str], pinned: Sequence[str], target: Target
    ) -> Iterable[tuple[str, bytes]]:
        """One package."""
        self._do("fetch", *pinned, str(target.python))
        return [("click/__init__.py", b"")]


def use(
    builder: FakeBuilder, installed: Installed = HERE, **environ: str
) -> tuple[Images, list[str]]:
    """The images of a lab, and what was told meanwhile."""
    told: list[str] = []
    return use_images(builder, environ, told.append, lambda: installed), told


def test_on_a_new_machine_everything_is_fetched_and_built_once() -> None:
    """And told of as it goes on; the second time there is nothing to do or to tell."""
    builder = FakeBuilder(registry={"python:3.13", "toxiproxy:2.12.0"})
    assert use(builder) == (
        Images(OURS, "toxiproxy:2.12.0"),
        [
            "fetching toxiproxy:2.12.0",
            "fetching python:3.13",
            "building what faultlab needs over python:3.13, for Python 3.13",
            "building the lab's image",
        ],
    )
    assert builder.done == [
        "pull toxiproxy:2.12.0",
        "pull python:3.13",
        "python python:3.13",
        "fetch click==8.5.1 (3, 13)",
        f"build {NEEDED} over python:3.13 Dockerfile,click/__init__.py",
        f"build {OURS} over {NEEDED} Dockerfile,faultlab/__init__.py",
    ]
    assert use(builder) == (Images(OURS, "toxiproxy:2.12.0"), [])
    assert len(builder.done) == 6


def test_what_another_lab_has_built_meanwhile_is_not_built_again() -> None:
    """The workers of one pytest all want the same at the same time."""
    builder = FakeBuilder(here=PROXY | BASE, meanwhile={OURS: {}})
    assert use(builder) == (
        Images(OURS, "toxiproxy:2.12.0"),
        ["waiting for another lab, which builds images"],
    )
    assert builder.done == []


def test_a_build_removes_what_no_lab_has_used_for_a_day() -> None:
    """Nothing goes where nothing is built: a lab that starts has better to do."""
    builder = FakeBuilder(here=PROXY | {NEEDED: {}}, used={"faultlab:0.1.0-old": OLD, NEEDED: OLD})
    use(builder)
    assert builder.done[1:] == ["forget faultlab:0.1.0-old"]
    assert builder.used == {OURS: NOW, NEEDED: NOW}
    builder.used["faultlab:0.1.0-old"] = OLD
    use(builder)
    assert builder.used == {OURS: NOW, NEEDED: NOW, "faultlab:0.1.0-old": OLD}


def test_removing_them_is_no_condition() -> None:
    """The lab has its image; whoever waits for it is told and goes on."""
    builder = FakeBuilder(here=PROXY | {NEEDED: {}}, trouble={"built": "server error"})
    assert use(builder)[1][1:] == [
        "images that no lab uses any more can't be removed: server error"
    ]


def test_they_are_removed_by_hand_too() -> None:
    """By the same rule."""
    builder = FakeBuilder(used={"faultlab:0.1.0-a": OLD, "faultlab:0.1.0-b": OLD + 2})
    assert prune_images(builder, [].append, lambda: OLD + UNUSED + 1) == ("faultlab:0.1.0-a",)


def test_people_find_the_newest_by_its_version() -> None:
    """As the Compose file names it."""
    builder = FakeBuilder(here=PROXY | BASE)
    use(builder)
    assert builder.here["faultlab:0.1.0"] == builder.here[OURS] == {"faultlab.version": "0.1.0"}


def test_an_edit_builds_the_small_part_anew() -> None:
    """Packages are not fetched again; the base may even be gone by then."""
    builder = FakeBuilder(here=PROXY | {NEEDED: {}, OURS: {}})
    edited = replace(HERE, files={"faultlab/__init__.py": b"x = 1\n"})
    images, told = use(builder, edited)
    assert images.lab != OURS
    assert told == ["building the lab's image"]
    assert [deed.split()[0] for deed in builder.done] == ["build"]


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, pinned=("click==8.5.2",)),
        replace(HERE, asked=("click>=8.2",)),
        replace(HERE, recipe=HERE.recipe + b"RUN true\n"),
    ],
)
def test_other_packages_or_another_recipe_make_both_anew(other: Installed) -> None:
    """What lies below ours is named by what it is made of, too."""
    assert other.needed("python:3.13") != NEEDED
    assert other.ours("python:3.13") != OURS


def test_variables_name_other_images() -> None:
    """The base's gives ours another name; empty ones name nothing."""
    builder = FakeBuilder(here={"mine:dev": {}, "deb:12": {}} | PROXY | BASE)
    images, _ = use(builder, FAULTLAB_TOXIPROXY_IMAGE="mine:dev", FAULTLAB_BASE_IMAGE="deb:12")
    assert images == Images(HERE.ours("deb:12"), "mine:dev")
    assert images.lab != OURS
    unset = use(builder, FAULTLAB_TOXIPROXY_IMAGE="", FAULTLAB_BASE_IMAGE="", FAULTLAB_IMAGE="")
    assert unset[0] == Images(OURS, "toxiproxy:2.12.0")


def test_a_ready_made_image_is_taken_as_it_is() -> None:
    """Nothing is built; one of another version would speak of other things, so it is refused."""
    builder = FakeBuilder(here=PROXY, registry={"ready:1"})
    assert use(builder, FAULTLAB_IMAGE="ready:1")[0] == Images("ready:1", "toxiproxy:2.12.0")
    assert builder.done == ["pull ready:1"]
    builder.here["ready:1"] = {"faultlab.version": "0.0.9"}
    with pytest.raises(SetupError) as refused:
        use(builder, FAULTLAB_IMAGE="ready:1")
    assert str(refused.value) == (
        "ready:1 is the image of another faultlab\n"
        "  expected   0.1.0\n"
        "  seen       0.0.9\n"
        "  mend       unset FAULTLAB_IMAGE, and the lab builds its own"
    )


@pytest.mark.parametrize(
    ("here", "trouble", "problem", "row"),
    [
        (
            {},
            {},
            "the image toxiproxy:2.12.0 is not here and can't be fetched",
            "FAULTLAB_TOXIPROXY_IMAGE names another; without a registry: ",
        ),
        (
            PROXY,
            {},
            "the image python:3.13 is not here and can't be fetched",
            "FAULTLAB_BASE_IMAGE names another; without a registry: ",
        ),
        (PROXY, {"labels": "server error"}, "the engine tells nothing of toxiproxy:2.12.0", ""),
        (
            PROXY | BASE,
            {"python": '"python3": executable file not found'},
            "the base image python:3.13 has no Python that runs",
            "FAULTLAB_BASE_IMAGE names another",
        ),
        (
            PROXY | BASE,
            {"fetch": "ERROR: No matching distribution found for click==8.5.1"},
            "what faultlab needs can't be fetched for Python 3.13",
            "FAULTLAB_BASE_IMAGE names an image with another Python",
        ),
        (
            PROXY | BASE,
            {"build": FULL},
            f"the disk is full: {NEEDED} can't be built",
            "make room: ",
        ),
        (
            PROXY | BASE,
            {"build": "[Errno 28] No space left on device"},  # of this machine, as Python says it
            f"the disk is full: {NEEDED} can't be built",
            "make room: ",
        ),
        (
            PROXY | BASE,
            {"fetch": "/venv/bin/python: No module named pip"},
            "what faultlab needs can't be fetched for Python 3.13",
            "`python -m ensurepip` brings pip",
        ),
        (
            PROXY | BASE,
            {"build": "returned a non-zero code: 100"},
            f"{NEEDED} can't be built over python:3.13",
            "FAULTLAB_BASE_IMAGE names another base",
        ),
    ],
)
def test_what_can_t_be_had_is_said_with_the_way_out(
    here: dict[str, Mapping[str, str]], trouble: dict[str, str], problem: str, row: str
) -> None:
    """In the engine's own words, too; nothing is taken for built."""
    builder = FakeBuilder(here=dict(here), trouble=trouble)
    with pytest.raises(SetupError) as refused:
        use(builder)
    assert refused.value.text == problem
    assert refused.value.rows.get("mend", "").startswith(row)
    assert refused.value.rows["seen"] in {*trouble.values(), "no such host"}
    assert OURS not in builder.here


def test_a_base_that_is_too_old_is_refused_before_anything_is_fetched() -> None:
    """pip would speak of packages, and never of the reason."""
    builder = FakeBuilder(here=PROXY | BASE, answer='[[3, 9], "2.31", "x86_64"]')
    with pytest.raises(SetupError, match=r"python:3\.13 can't be used: its Python is 3\.9"):
        use(builder)


def test_the_question_is_answered_by_any_python() -> None:
    """By this one as by the image's; musl has no version to tell."""
    printed: list[str] = []
    exec(ASK, {"print": printed.append})
    assert target_of(printed[0]).machine == json.loads(printed[0])[2]
    assert target_of('[[3, 12], "", "aarch64"]') == Target((3, 12), None, "aarch64")


def test_this_installation_names_a_base_and_itself() -> None:
    """The shipped recipe and Compose file hold what is looked for in them."""
    here = Installed.here()
    assert here.base({}).startswith("python:3.")
    assert here.ours(here.base({})).startswith(f"faultlab:{here.version}-")
