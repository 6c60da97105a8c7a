from pathlib import Path

import pytest

from faultlab.scenarios.dump import dump
from faultlab.scenarios.errors import ScenarioError
from faultlab.scenarios.loader import parse
from faultlab.scenarios.model import ROLES, InjectStep, OperationStep
from faultlab.scenarios.stories import CATALOG, catalog, chosen, find, story

SOUND = "scenario: A\nfault:\n  - inject: refused\n  - read: ok\n"


def test_the_catalog_has_the_six_stories_in_order() -> None:
    """The order in which they are told and printed."""
    assert tuple(catalog()) == ("down", "slow", "5xx", "partition", "partial", "breaker")
    assert [scenario.name for scenario in catalog().values()] == list(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_stories_use_roles_only(name: str) -> None:
    """So that they run on every subject."""
    assert set(story(name).operations()) <= set(ROLES)


@pytest.mark.parametrize("name", CATALOG)
def test_a_story_survives_dump_and_load(name: str) -> None:
    """The catalog's own files are the first that an editor would write back."""
    text = dump(story(name))
    assert dump(parse(text.encode(), f"{name}.yaml")) == text


def steps_of(name: str) -> list[str]:
    """A story's fault phase in short."""
    return [
        f"{step.name}: {' '.join(step.outcomes)}"
        if isinstance(step, OperationStep)
        else step.kind
        if isinstance(step, InjectStep)
        else type(step).__name__
        for step in story(name).fault
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("down", ["refused", "write: connection", "read: connection", "read.elsewhere: ok"]),
        ("slow", ["latency", "read: ok", "latency", "write: timeout", "read: timeout"]),
        ("5xx", ["status", "read: contract", "write: status:503", "read: status:404"]),
        ("partition", ["write: timeout", "ClearStep", "ConnectionsStep", "read: connection"]),
        ("partial", ["lost_answer", "cut", "bad_body", "read: open", "read.other: ok"]),
        ("breaker", ["read: open", "stall", "read: timeout open", "read: open"]),
    ],
)
def test_each_story_tells_what_it_must(name: str, told: list[str]) -> None:
    """The promises of the six stories, each visible as steps in this order."""
    rest = iter(steps_of(name))
    assert [step for step in told if step in rest] == told


def test_find_takes_a_story_a_file_or_a_folder(tmp_path: Path) -> None:
    """One argument on the command line, three meanings."""
    (tmp_path / "b.yaml").write_text(SOUND)
    (tmp_path / "a.yml").write_text(SOUND)
    (tmp_path / "notes.txt").write_text("no scenario")
    assert find("5xx") == (story("5xx"),)
    assert [scenario.name for scenario in find(str(tmp_path / "b.yaml"))] == ["b"]
    assert [scenario.name for scenario in find(str(tmp_path))] == ["a", "b"]


def test_find_tells_the_nearest_story() -> None:
    """A slip in a name is not a missing file."""
    with pytest.raises(ScenarioError) as caught:
        find("dwon")
    assert str(caught.value) == "dwon: no such scenario, file or folder; nearest: down"
    with pytest.raises(ScenarioError) as caught:
        find("zebra")
    assert str(caught.value) == (
        "zebra: no such scenario, file or folder; "
        "the catalog has down, slow, 5xx, partition, partial, breaker"
    )


def test_a_folder_tells_the_problems_of_all_its_files(tmp_path: Path) -> None:
    """And an empty one is said to be empty, not passed."""
    with pytest.raises(ScenarioError, match=r"no \*\.yaml file in this folder"):
        find(str(tmp_path))
    (tmp_path / "a.yaml").write_text("scenario: A\n")
    (tmp_path / "b.yaml").write_text("")
    with pytest.raises(ScenarioError) as caught:
        find(str(tmp_path))
    assert [problem.file for problem in caught.value.problems] == [
        str(tmp_path / "a.yaml"),
        str(tmp_path / "b.yaml"),
    ]


def test_an_unknown_story_is_a_key_error() -> None:
    """`story` is for who knows the catalog."""
    with pytest.raises(KeyError):
        story("zebra")


def test_a_file_called_like_a_story_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`down.yaml` is hers, `down` the catalog's; the command that repeats it says which."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "down.yaml").write_text(SOUND)
    (own,) = chosen(["down.yaml"])
    (told,) = chosen(["down"])
    assert (own.file, own.title) == ("./down.yaml", "A")
    assert (told.file, told.title) == ("down.yaml", "The backend is completely down")
