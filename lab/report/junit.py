"""A report as JUnit XML, as CI servers read it: one suite, a test case for each scenario.

Counterpart: lab/report/document.py. A case without a child is a pass, so everything else has one:
`failure` for fail, `error` for error, unknown and what was not played, `skipped` for not offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from .document import Document, Story

__all__ = ["junit"]

# What XML 1.0 has no form for, not even escaped (its section 2.2).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: Document) -> bytes:
    """The document as UTF-8 bytes with an XML declaration."""
    setting = document.setting
    cases = [_case(document, story) for story in document.scenarios]
    if document.cut and all(story.state != "not played" for story in document.scenarios):
        # Every case may have passed, and the run was cut all the same.
        cases.append(_case(document, Story("the run", "", "", "not played", None, document.cut)))
    totals = {
        "tests": str(len(cases)),
        "failures": _count(cases, "failure"),
        "errors": _count(cases, "error"),
    }
    time = {} if document.seconds is None else {"time": _seconds(document.seconds)}
    root = ET.Element("testsuites", {"name": "faultlab", **totals, **time})
    skipped = {"skipped": _count(cases, "skipped")}
    suite = ET.SubElement(
        root,
        "testsuite",
        {"name": _text(f"faultlab {setting.subject}"), **totals, **skipped, **time},
    )
    properties = ET.SubElement(suite, "properties")
    known = {
        "faultlab": setting.faultlab,
        "subject": setting.subject,
        "environment": setting.environment,
        "tune": setting.tune,
        "seed": "" if setting.seed is None else str(setting.seed),
        "run folder": setting.folder,
        "verdict": document.verdict,
        "checks not exercised": _checks(document),
    }
    for name, value in known.items():
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    suite.extend(cases)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _count(cases: Iterable[ET.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _checks(document: Document) -> str:
    return "" if document.checks is None else " ".join(document.checks.not_exercised)


def _case(document: Document, story: Story) -> ET.Element:
    """A scenario's case; several failures are one element, since most readers take only the first."""
    case = ET.Element(
        "testcase",
        {"classname": _text(f"faultlab.{document.setting.subject}"), "name": _text(story.name)},
    )
    if story.file:
        case.set("file", _text(story.file))
    case.set("time", _seconds(0.0 if story.seconds is None else story.seconds))
    lines = "\n\n".join("\n".join(block) for block in story.shown)
    proved_nothing = all(one.state == "not offered" for one in document.scenarios)
    match story.verdict, story.state:
        case "pass", _:
            pass
        case "fail", _:
            _add(case, "failure", "fail", _why(story), lines)
        case ("unknown" | "error") as verdict, _:
            _add(case, "error", verdict, _why(story), lines)
        case _, "not offered" if not proved_nothing:
            ET.SubElement(case, "skipped", {"message": _line(f"not offered: {story.reason}")})
        case _, state:
            _add(case, "error", state, f"{state}: {story.reason}", story.reason)
    ET.SubElement(case, "system-out").text = _text("\n".join(_told(story)))
    return case


def _add(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    child = ET.SubElement(case, tag, {"message": _line(message), "type": kind})
    child.text = _text(text)


def _why(story: Story) -> str:
    """One line: what speaks against a pass, the worst first."""
    if story.reason:
        return story.reason
    against = [
        finding
        for outcome in ("fail", "error", "unknown")
        for finding in story.findings
        if finding.outcome == outcome
    ]
    told = [
        f"{finding.check} {finding.slug}: {finding.seen or finding.missing}".strip()
        for finding in against
    ]
    told.extend(f"{check} is required, but was not exercised" for check in story.unmet)
    return "; ".join(told) if told else f"{story.name}: {story.verdict}"


def _told(story: Story) -> Iterable[str]:
    """What the case's row says on a terminal, and how to see it again."""
    if story.title:
        yield f"{story.name}: {story.title}"
    if story.operations is not None:
        yield f"operations {story.operations}, attempts {_known(story.attempts)}"
    for fired in story.fired:
        yield f"fired: {fired.kind} {_known(fired.count)}"
    for one in story.left_out:
        place = story.file if one.line is None else f"{story.file}:{one.line}"
        yield f"not offered: {one.step} ({place}; {one.reason})"
    if story.not_exercised:
        yield f"not exercised: {' '.join(story.not_exercised)}"
    if story.not_promised:
        yield f"not promised: {' '.join(story.not_promised)}"
    if story.seed is not None:
        yield f"seed {story.seed}"
    if story.again:
        yield f"again: {story.again}"
    if story.folder:
        yield f"run folder: {story.folder}"


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    return _NO_XML.sub("?", text)


def _line(text: str) -> str:
    return _text(" ".join(text.split()))
