"""README and GUIDE: short, current, and true where they can be asked."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultlab.scenarios import load

from .documents import FAULTS, GUIDE, README, ROOT, shown_file, with_tables, written_anew

DOCUMENTS = sorted(ROOT.glob("*.md"))


def test_the_readme_is_read_at_a_glance() -> None:
    """What one screen and a half can't hold belongs in the guide."""
    assert len(README.read_text("utf-8").splitlines()) <= 100


def test_the_guide_s_tables_are_current() -> None:
    """A table kept by hand would miss the next kind; who adds a kind is told what to do."""
    text = GUIDE.read_text("utf-8")
    assert text == with_tables(text), "a table of the guide is stale: run `make docs`"


def test_only_what_stands_between_the_markers_is_written() -> None:
    """The words around it are somebody's own."""
    begin, end = FAULTS
    text = written_anew(f"# Title\n{begin}\nstale\n{end}\nThe rest.\n", FAULTS, "new")
    assert text == f"# Title\n{begin}\n\nnew\n\n{end}\nThe rest.\n"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda it: it.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A heading that is renamed breaks what points at it, and nobody sees that."""
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8")):
        name, _, place = target.partition("#")
        there = document if not name else document.parent / name
        assert there.exists(), target
        assert not place or place in anchors(there), target


def anchors(document: Path) -> Iterator[str]:
    """The places of a document that can be linked to, as GitHub names them."""
    prose = "".join(document.read_text("utf-8").split("```")[::2])  # in code # is a comment
    for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", [README, GUIDE], ids=lambda it: it.name)
def test_python_that_is_shown_can_be_copied(document: Path) -> None:
    """What is cut short or mistyped would be the reader's first minute."""
    blocks = re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        ast.parse(block)


def test_the_scenario_that_is_shown_loads(tmp_path: Path) -> None:
    """Its keys are those of today's files."""
    file = tmp_path / "lost.yaml"
    file.write_text(shown_file(GUIDE, file.name), "utf-8")
    assert load(file).title == "The answer to a write is lost"


def test_each_heading_of_the_guide_is_in_its_list() -> None:
    """The list above a manual is how it is searched."""
    head = GUIDE.read_text("utf-8").partition("\n## ")[0]
    assert {"guide", *re.findall(r"\]\(#([^)]+)\)", head)} == set(anchors(GUIDE))
