from faultlab.faults import KINDS
from faultlab.scenarios.kinds import (
    alternatives_of,
    families_of,
    holds_pairs,
    parameters_of,
    words_of,
)


def test_a_kind_s_own_parameters_are_those_of_its_model() -> None:
    """What the file may write follows the fault, and nobody lists it twice."""
    assert parameters_of(KINDS["latency"]) == ("delay", "jitter", "direction")
    assert parameters_of(KINDS["refused"]) == ("live",)


def test_a_closed_list_of_words_is_read_off_the_model() -> None:
    """Messages name exactly what is accepted."""
    assert words_of(KINDS["refused"], "live") == ("close", "reset", "keep")
    assert words_of(KINDS["cut"], "bytes") == ("half",)
    assert words_of(KINDS["latency"], "delay") == ()


def test_only_headers_are_written_as_a_mapping() -> None:
    """A list of numbers is no list of pairs."""
    fields = KINDS["status"].model_fields
    assert holds_pairs(alternatives_of(fields["headers"].annotation))
    assert not holds_pairs(alternatives_of(fields["sequence"].annotation))


def test_a_cut_is_of_two_families() -> None:
    """Inside the body it is partial (design section 7)."""
    assert families_of("cut", KINDS["cut"]) == ("down", "partial")
    assert families_of("stall", KINDS["stall"]) == ("slow",)
