"""What is asked of the conductor's engine, and who is told what came of it."""

from faultlab.lab.asked import Asked
from faultlab.lab.backends.container import Contained
from faultlab.lab.orders import Wanted


def test_each_is_told_what_came_of_its_own_wish() -> None:
    """In whatever order the engine is done; and once."""
    wanted: list[Wanted] = []
    told: list[tuple[str, Contained]] = []
    asked = Asked(wanted.append)
    asked.start("orders", lambda came: told.append(("start", came)))
    asked.act(3, "pause", lambda came: told.append(("pause", came)))
    asked.cut("orders", "proxy", ("to_client",), lambda came: told.append(("cut", came)))
    asked.join("orders", "proxy", lambda came: told.append(("join", came)))
    assert wanted == [
        Wanted(wanted=1, act="start", service="orders"),
        Wanted(wanted=2, act="pause", container=3),
        Wanted(wanted=3, act="cut", service="orders", peer="proxy", ways=("to_client",)),
        Wanted(wanted=4, act="join", service="orders", peer="proxy"),
    ]
    for number in (2, 4, 2, 1, 9):
        asked.came(number, Contained(lost=number))
    assert told == [
        ("pause", Contained(lost=2)),
        ("join", Contained(lost=4)),
        ("start", Contained(lost=1)),
    ]
