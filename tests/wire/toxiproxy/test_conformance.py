"""What both Toxiproxies are held to, and that each item of it has a test."""

from __future__ import annotations

import re
from pathlib import Path

from faultlab.lab.toxiproxy import differences

HERE = Path(__file__).parent
MARK = re.compile(r"@pytest\.mark\.conformance\(([^)]*)\)")
ITEM = re.compile(r'"(\w+)"')

ITEMS = {
    "C01": "version: body and type",
    "C02": "an empty index",
    "C03": "a new proxy: least, whole, disabled, on port 0",
    "C04": "a new proxy is refused in order: body, name, upstream, duplicate, listen",
    "C05": "one proxy, or none",
    "C06": "an update: enabled, upstream, listen; a bad address, a port that is taken",
    "C07": "PATCH is POST",
    "C08": "a deletion, twice",
    "C09": "each toxic: defaults, echo, keys",
    "C10": "names and streams of toxics",
    "C11": "a new toxic is refused in order",
    "C12": "an update of a toxic: merged, toxicity alone, nothing, half wrong",
    "C13": "the order of the list",
    "C14": "a toxic is removed",
    "C15": "populate: new, same, changed, disabled, failing, empty, a bad entry",
    "C16": "reset",
    "C17": "browsers",
    "C18": "unknown paths, wrong methods, shapes of errors",
    "C19": "request ids",
    "C20": "keys in any case, unknown ones, trailing bytes, null",
    "W01": "bytes, ends and resets that pass",
    "W02": "disabled: new and live connections",
    "W03": "enabled again on the same port",
    "W04": "a dead upstream",
    "W05": "latency",
    "W06": "bandwidth",
    "W07": "slow_close",
    "W08": "timeout",
    "W09": "reset_peer",
    "W10": "limit_data",
    "W11": "slicer",
    "W12": "the order of a chain",
    "W13": "toxicity",
    "W14": "upstream or downstream: who did the work",
    "W15": "two proxies have nothing in common",
    "W16": "changes under traffic",
    "W17": "metrics",
    "X01": "toxiproxy-python as it is",
    "X02": "toxiproxy-node-client as it is",
    "H01": "a negative rate",
    "H02": "a slicer of pieces of nothing",
    "H03": "a slicer whose pieces vary by their size",
    "H04": "a slicer whose pieces vary by less than nothing",
    "H05": "an upstream that answers no connect",
    "H06": "a removal during a long wait",
    "H07": "calls while a link is stuck",
}


def sources() -> str:
    """The tests of this folder."""
    return "\n".join(path.read_text("utf-8") for path in sorted(HERE.glob("test_*.py")))


def test_each_item_has_a_test_and_each_test_an_item() -> None:
    """An item that nobody measures is a promise that nobody keeps."""
    shown = {item for mark in MARK.findall(sources()) for item in ITEM.findall(mark)}
    assert shown == ITEMS.keys()


def test_each_difference_is_measured_and_is_of_an_item() -> None:
    """A row that no test asks for could be wrong for years."""
    names = {value: name for name, value in vars(differences).items() if name.isupper()}
    text = sources()
    for row in differences.DIFFERENCES:
        assert row.item in ITEMS
        assert f"differences.{names[row]}" in text, row.what
