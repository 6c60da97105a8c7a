"""The kinds of faults, as text, as JSON and as the guide's table."""

from __future__ import annotations

import json
import textwrap
from typing import ClassVar, Literal

from faultlab.faults import KINDS, Fault
from faultlab.faults.scope import Family, Reach
from faultlab.lab.report.kinds import as_json, as_markdown, as_text, kinds
from faultlab.lab.report.lanes import WIDTH
from faultlab.scenarios.kinds import SCOPE_KEYS

ENVIRONMENTS = {"embedded": frozenset({"shut", "torn"}), "docker": frozenset({"torn"})}


class Torn(Fault):
    """The answer comes in two parts, `late` a while. A live connection
    suffers too.

    More that no list needs.
    """

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = ("truncated_length", "reset_mid_body")

    kind: Literal["torn"] = "torn"
    late: float
    by: Literal["fin", "rst"] = "fin"
    bytes: int | Literal["half"] = "half"
    pause: float = 0.25


class Shut(Fault):
    """Nobody | nothing."""

    family: ClassVar[Family] = "down"
    reaches: ClassVar[tuple[Reach, ...]] = ("listener",)
    observables: ClassVar[tuple[str, ...]] = ("connect_refused",)

    kind: Literal["shut"] = "shut"


class Torn2(Torn):
    """Another."""


MODELS = {"torn": Torn, "shut": Shut, "torn2": Torn2}


def test_a_kind_is_told_in_a_paragraph() -> None:
    """Who writes a scenario learns from it what to write, and what a client will see."""
    torn, _, shut = kinds(ENVIRONMENTS, MODELS)
    lines = as_text([torn, shut])
    assert lines[: lines.index("scope and schedule, of the kinds that name them")] == (
        "torn   partial",
        "  The answer comes in two parts, `late` a while.",
        "  late       a duration like 500ms; required",
        "  by         fin (default) or rst",
        "  bytes      half (default) or a whole number",
        "  pause      a duration like 500ms; default 250ms",
        *textwrap.wrap(
            f"scope      {', '.join(SCOPE_KEYS)}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * 13,
        ),
        "  schedule   after, lasts",
        "  acts on    requests, as their heads arrive",
        "  shows as   truncated_length, reset_mid_body",
        "  played in  embedded, docker",
        "",
        "shut   down",
        "  Nobody | nothing.",
        "  scope      service",
        "  schedule   after, lasts",
        "  acts on    connects, before there is a request",
        "  shows as   connect_refused",
        "  played in  embedded",
        "",
    )


def test_the_keys_that_kinds_share_are_told_once() -> None:
    """Each with what it does and what may be written; only those that somebody takes."""
    text = "\n".join(as_text(kinds(ENVIRONMENTS, {"shut": Shut})))
    _, _, keys = text.partition("scope and schedule, of the kinds that name them\n")
    assert [line.split()[0] for line in keys.split("\n") if line[2] != " "] == [
        "service",
        "after",
        "lasts",
    ]
    every = " ".join(" ".join(as_text(kinds(ENVIRONMENTS, MODELS))).split())
    assert "first only the first so many that it would act on (a whole number, 1 or more)" in every


def test_every_shared_key_has_a_meaning() -> None:
    """A key without one would stand there with its form alone."""
    found = kinds({"embedded": frozenset(KINDS)})
    assert [key for one in found for key in (*one.scope, *one.schedule) if not key.meaning] == []


def test_a_kind_that_no_environment_can_do_says_so() -> None:
    """An empty cell would look like a slip."""
    assert "  played in  no environment yet" in as_text(kinds({}, {"shut": Shut}))


def test_kinds_stand_family_by_family() -> None:
    """In the order in which the families come."""
    found = kinds(ENVIRONMENTS, {"torn": Torn, "shut": Shut, "torn2": Torn2})
    assert [one.kind for one in found] == ["torn", "torn2", "shut"]


def test_the_readme_s_table_has_a_row_for_each_kind() -> None:
    """Markdown that a renderer reads as a table, whatever a docstring holds."""
    table, _, scopes = as_markdown(kinds(ENVIRONMENTS, MODELS)).partition("\n\n")
    assert table.splitlines() == [
        "| kind | family | what happens | parameters | a client sees |",
        "|---|---|---|---|---|",
        (
            "| `torn` | partial | The answer comes in two parts, `late` a while. "
            "| `late`; `by`: **fin**, rst; `bytes`: **half**, a number; `pause` **250ms** "
            "| `truncated_length` `reset_mid_body` |"
        ),
        (
            "| `torn2` | partial | Another. "
            "| `late`; `by`: **fin**, rst; `bytes`: **half**, a number; `pause` **250ms** "
            "| `truncated_length` `reset_mid_body` |"
        ),
        "| `shut` | down | Nobody \\| nothing. |  | `connect_refused` |",
    ]
    assert " ".join(scopes.split()).startswith(
        "Every kind takes `service`, `after` and `lasts`. `shut` takes no more. The others take also `endpoint`"
    )


def test_programs_get_every_field() -> None:
    """A generator of scenarios needs words and defaults, not sentences."""
    (torn,) = as_json(kinds(ENVIRONMENTS, {"torn": Torn}))
    assert json.loads(json.dumps(torn))["parameters"][1] == {
        "name": "by",
        "form": "word",
        "words": ["fin", "rst"],
        "range": "",
        "default": "fin",
        "required": False,
        "meaning": "",
    }


def test_every_kind_of_the_lab_has_a_summary_and_fits() -> None:
    """A first sentence that says too much, or nothing, is seen here."""
    found = kinds({"embedded": frozenset(KINDS)})
    assert {one.kind for one in found} == KINDS.keys()
    assert [one.kind for one in found if not one.summary.endswith((".", ":"))] == []
    assert [one.kind for one in found if len(one.summary) > 2 * WIDTH] == []
    assert max(map(len, as_text(found))) <= WIDTH
