"""The text that `nft` is told; that packets obey it: tests/wire/behind/test_through.py."""

from __future__ import annotations

import os
from pathlib import Path

from faultlab.lab.behind.filter import Filter, name_of, table


class Nft:
    """Keeps what it is told."""

    def __init__(self, tables: str = "") -> None:
        self.told: list[str] = []
        self._tables = tables

    def __call__(self, text: str) -> str:
        """As nft is called."""
        if not text:
            return self._tables
        self.told.append(text)
        return ""


class Guard:
    """Notes that a table is to go."""

    def __init__(self, name: str, told: list[str]) -> None:
        self._name = name
        self._told = told

    def close(self) -> None:
        """The filter's end."""
        self._told.append(f"guard of {self._name} ends")


OURS = name_of(os.getpid(), Path("/proc/self/stat").read_text())


def test_the_table_is_made_with_its_first_rule_and_goes_with_the_filter() -> None:
    """Who breaks nothing has no table."""
    nft = Nft()
    ours = Filter(nft, lambda name: Guard(name, nft.told))
    ours.close()
    assert nft.told == []
    ours.switch("127.0.0.1", 4001, None, "dark")
    ours.switch("127.0.0.1", 4001, "dark", "refusing")
    ours.unplug(("127.0.0.1", 5001), ("127.0.0.1", 4001))
    ours.plug(("127.0.0.1", 5001), ("127.0.0.1", 4001))
    ours.close()
    assert nft.told == [
        table(OURS) + f"add element inet {OURS} dark {{ 127.0.0.1 . 4001 }}\n",
        (
            f"delete element inet {OURS} dark {{ 127.0.0.1 . 4001 }}\n"
            f"add element inet {OURS} refusing {{ 127.0.0.1 . 4001 }}\n"
        ),
        f"add element inet {OURS} unplugged {{ 127.0.0.1 . 5001 . 127.0.0.1 . 4001 }}\n",
        f"delete element inet {OURS} unplugged {{ 127.0.0.1 . 5001 . 127.0.0.1 . 4001 }}\n",
        f"guard of {OURS} ends",
    ]


def test_only_tables_of_processes_that_are_gone_are_swept() -> None:
    """Another lab's, and whatever else filters here, stay."""
    kept = ["filter", OURS, "faultlab", "faultlab_1_x"]
    left = [f"faultlab_{os.getpid()}_1", f"faultlab_{2**22 + 1}_7"]
    listed = ", ".join(f'{{"table": {{"family": "inet", "name": "{n}"}}}}' for n in kept + left)
    nft = Nft(f'{{"nftables": [{{"metainfo": {{}}}}, {listed}]}}')
    Filter(nft).sweep()
    assert nft.told == [f"delete table inet {name}\n" for name in left]
