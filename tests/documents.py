"""README and GUIDE as the tests read them: the files that they show, and what is written into them.

`make docs` runs this file: it writes the guide's tables anew.
"""

from __future__ import annotations

from pathlib import Path

from faultlab.faults import KINDS
from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.report.kinds import as_markdown, kinds
from faultlab.lab.toxiproxy import differences

from .parity import fidelity

ROOT = Path(__file__).parents[1]
README, GUIDE = ROOT / "README.md", ROOT / "GUIDE.md"

FAULTS = ("<!-- faults: written by `make docs` -->", "<!-- end of faults -->")
DIFFERENCES = (
    "<!-- differences from Toxiproxy: written by `make docs` -->",
    "<!-- end of differences from Toxiproxy -->",
)
FIDELITY = ("<!-- fidelity: written by `make fidelity` -->", "<!-- end of fidelity -->")
SPEED = ("<!-- speed: written by `make speed` -->", "<!-- end of speed -->")
SCORE = ("<!-- score: written by `make score` -->", "<!-- end of score -->")


def shown_file(document: Path, name: str) -> str:
    """A file that a document shows: the block whose first line is a comment with its name."""
    blocks = document.read_text("utf-8").split("```")[1::2]
    texts = [block.partition("\n")[2] for block in blocks]
    found = [text for text in texts if text.startswith(f"# {name}\n")]
    assert len(found) == 1, f"{document.name} shows {name} {len(found)} times"
    return found[0]


def written_anew(text: str, marks: tuple[str, str], new: str) -> str:
    """The text with what stands between two markers as it is today."""
    before, begin, rest = text.partition(f"{marks[0]}\n")
    _, end, after = rest.partition(f"{marks[1]}\n")
    assert begin, f"lost its marker {marks[0]}"
    assert end, f"lost its marker {marks[1]}"
    return f"{before}{begin}\n{new}\n\n{end}{after}"


def with_tables(text: str) -> str:
    """The guide with its tables as what they tell of is today."""
    text = written_anew(text, FAULTS, as_markdown(kinds(ENVIRONMENTS)))
    text = written_anew(text, DIFFERENCES, differences.as_markdown())
    return written_anew(text, FIDELITY, fidelity.as_markdown(fidelity.load(), list(KINDS)))


if __name__ == "__main__":
    GUIDE.write_text(with_tables(GUIDE.read_text("utf-8")), "utf-8")
