"""The catalog: the stories shipped with the lab, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from .errors import Problem, ScenarioError, nearest
from .loader import load, parse
from .model import Scenario

CATALOG = ("down", "slow", "5xx", "partition", "partial", "breaker")
SUFFIXES = (".yaml", ".yml")


def story(name: str) -> Scenario:
    """One story of the catalog; raises KeyError."""
    if name not in CATALOG:
        raise KeyError(name)
    file = f"{name}.yaml"
    return parse(files(__package__).joinpath("catalog", file).read_bytes(), file)


def catalog() -> dict[str, Scenario]:
    """Every story by name, in the catalog's order."""
    return {name: story(name) for name in CATALOG}


def chosen(wanted: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios of these names, files and folders; without any, the catalog.

    Raises ScenarioError, with the problems of all of them at once.
    """
    if not wanted:
        return tuple(catalog().values())
    found: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for name in wanted:
        try:
            # A file that is called like a story is told from it by its folder.
            path = Path(name)
            alike = name not in CATALOG and path.name == name and path.stem in CATALOG
            for one in find(f"./{name}" if alike else name):
                if found.setdefault(one.name, one).file != one.file:
                    text = f"`{one.name}` is also the name of {found[one.name].file}; rename one"
                    problems.append(Problem(one.file, None, "", text))
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return tuple(found.values())


def find(wanted: str) -> tuple[Scenario, ...]:
    """The story of this name, the scenario of this file, or those of this folder, by file name.

    Raises ScenarioError; for a folder with the problems of all its files.
    """
    if wanted in CATALOG:
        return (story(wanted),)
    path = Path(wanted)
    if path.is_dir():
        return _folder(path)
    if path.is_file() or path.suffix in SUFFIXES:
        return (load(wanted),)
    close = nearest(wanted, CATALOG)
    hint = f"nearest: {close}" if close else "the catalog has " + ", ".join(CATALOG)
    raise ScenarioError([Problem(wanted, None, "", f"no such scenario, file or folder; {hint}")])


def _folder(path: Path) -> tuple[Scenario, ...]:
    names = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not names:
        raise ScenarioError([Problem(str(path), None, "", "no *.yaml file in this folder")])
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for name in names:
        try:
            scenarios.append(load(name))
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return tuple(scenarios)
