"""A report as Markdown, for the page that a CI job shows of itself: verdict, table, blocks.

Counterpart: lab/report/document.py. What comes from files and peers is escaped; blocks stand in fences
that no line of them can close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .document import Document, Story

__all__ = ["markdown"]

_WHOLE = 20  # blocks that are shown: a CI server takes no page of any size
_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~&#!])")
_TICKS = re.compile(r"`+")


def markdown(document: Document) -> bytes:
    """The document as UTF-8 bytes."""
    return ("\n".join(_lines(document)) + "\n").encode()


def _lines(document: Document) -> Iterator[str]:
    setting = document.setting
    yield f"## faultlab: {document.verdict.upper()}"
    yield ""
    seed = "" if setting.seed is None else f", seed {setting.seed}"
    yield _escaped(
        f"faultlab {setting.faultlab}, subject {setting.subject}, environment "
        f"{setting.environment}, tune {setting.tune}{seed}, run folder {setting.folder}"
    )
    yield ""
    if document.cut:
        yield f"**Not played to its end:** {_escaped(document.cut)}"
        yield ""
    yield "| scenario | verdict | operations | attempts | fired | time |"
    yield "|---|---|---:|---:|---|---:|"
    for story in document.scenarios:
        yield f"| {' | '.join(_row(story))} |"
    yield ""
    yield from _left_out(document)
    yield from _blocks(document)
    yield from _checks(document)
    yield _last(document)


def _row(story: Story) -> tuple[str, ...]:
    title = f": {story.title}" if story.title else ""
    verdict = story.state if story.verdict is None else story.verdict
    unknown = "?" if story.state == "judged" else "-"
    fired = ", ".join(
        f"{one.kind} {'?' if one.count is None else one.count}" for one in story.fired
    )
    return (
        _escaped(f"{story.name}{title}"),
        f"**{verdict}**" if verdict in ("fail", "error", "unknown") else verdict,
        unknown if story.operations is None else str(story.operations),
        unknown if story.attempts is None else str(story.attempts),
        _escaped(fired) if fired else "-",
        "-" if story.seconds is None else f"{story.seconds:.1f} s",
    )


def _left_out(document: Document) -> Iterator[str]:
    for story in document.scenarios:
        if story.reason and story.state != "judged":
            yield f"- {_escaped(f'{story.name}: {story.state}: {story.reason}')}"
        for one in story.left_out:
            place = story.file if one.line is None else f"{story.file}:{one.line}"
            text = f"{story.name}: not offered: {one.step} ({place}; {one.reason})"
            yield f"- {_escaped(text)}"
    yield ""


def _blocks(document: Document) -> Iterator[str]:
    found = [block for story in document.scenarios for block in story.shown]
    for block in found[:_WHOLE]:
        text = "\n".join(block)
        fence = "`" * max([3, *(len(ticks) + 1 for ticks in _TICKS.findall(text))])
        yield f"{fence}text"
        yield text
        yield fence
        yield ""
    if len(found) > _WHOLE:
        told = f"{len(found) - _WHOLE} more: faultlab judge {document.setting.folder}"
        yield _escaped(told)
        yield ""


def _checks(document: Document) -> Iterator[str]:
    checks = document.checks
    if checks is None:
        return
    told = [f"{len(checks.exercised)} of {checks.known} checks exercised"]
    if checks.not_exercised:
        told.append(f"not exercised: {' '.join(checks.not_exercised)}")
    if checks.not_promised:
        told.append(f"not promised: {' '.join(checks.not_promised)}")
    broken = ", ".join(checks.broken)
    told.append(f"no good baseline: {broken}" if broken else "every baseline passed")
    yield _escaped("; ".join(told))
    yield ""


def _last(document: Document) -> str:
    counts = [
        f"{count} {verdict}"
        for verdict in ("fail", "error", "unknown", "pass")
        if (count := sum(story.verdict == verdict for story in document.scenarios))
    ]
    for state in ("not offered", "not played"):
        count = sum(story.state == state for story in document.scenarios)
        counts.extend([f"{count} {state}"] if count else [])
    return f"**{document.verdict.upper()}** {', '.join(counts)}".rstrip()


def _escaped(text: str) -> str:
    """One line in which no character marks anything up."""
    flat = " ".join(text.split())
    plain = "".join(char if char.isprintable() else "?" for char in flat)
    return _PUNCTUATION.sub(r"\\\1", plain)
