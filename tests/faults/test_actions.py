from faultlab.faults.actions import Request, directions


def test_draws_are_keyed_by_the_tag_or_else_by_the_wire() -> None:
    """Concurrent operations must not change places in the draws of one seed."""
    assert Request("GET", "/", 9, 4, op=5, attempt=2).key == (5, 2)
    assert Request("GET", "/", 9, 4).key == (9, 4)
    assert Request("GET", "/", 9, 4, op=5).key == (9, 4)


def test_both_is_each_direction() -> None:
    """Answers first, as everywhere."""
    assert directions("both") == ("to_client", "to_backend")
    assert directions("to_backend") == ("to_backend",)
