"""What the README says of faults is what the fault models say; `make readme` writes it anew."""

from pathlib import Path

from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.report.kinds import as_markdown, kinds

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- faults: written by `make readme` -->\n"
END = "<!-- end of faults -->\n"


def written_anew(text: str) -> str:
    """The text with the table between the markers as the fault models are today."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the README has lost its marker {BEGIN}"
    assert end, f"the README has lost its marker {END}"
    return f"{before}{begin}\n{as_markdown(kinds(ENVIRONMENTS))}\n\n{end}{after}"


def test_the_table_of_faults_is_current() -> None:
    """A table kept by hand would miss the next kind; who adds a kind is told what to do."""
    text = README.read_text("utf-8")
    assert text == written_anew(text), "the README's table of faults is stale: run `make readme`"


def test_only_the_table_is_written() -> None:
    """The words around it are somebody's own."""
    text = written_anew(f"# Title\n{BEGIN}stale\n{END}The rest.\n")
    assert text.startswith(f"# Title\n{BEGIN}\n| kind |")
    assert text.endswith(f"\n\n{END}The rest.\n")
    assert "stale\n" not in text


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text("utf-8")), "utf-8")
