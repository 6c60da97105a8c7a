import pytest
from pydantic import ValidationError

from faultlab.faults import Status


def test_code_or_sequence_but_one_of_them() -> None:
    """Both would leave it open which is meant."""
    for values in ({}, {"code": 500, "sequence": (502,)}):
        with pytest.raises(ValidationError, match="write `code` or `sequence`, one of them"):
            Status(service="core", **values)


def test_a_sequence_ends_by_itself() -> None:
    """`first` would be a second end."""
    with pytest.raises(ValidationError, match="`first` belongs to `code`"):
        Status(service="core", sequence=(500,), first=1)


@pytest.mark.parametrize("code", [0, 100, 199, 600])
def test_only_a_final_status_is_an_answer(code) -> None:
    """After 1xx a client waits for the real one."""
    with pytest.raises(ValidationError, match=r"to (200|599)"):
        Status(service="core", code=code)
    with pytest.raises(ValidationError, match=r"to (200|599)"):
        Status(service="core", sequence=(503, code))


def test_it_shows_as_its_codes() -> None:
    """Each once, in order."""
    assert Status(service="core", code=503).observable() == ("status:503",)
    fault = Status(service="core", sequence=(503, 502, 503))
    assert fault.observable() == ("status:503", "status:502")


def test_what_can_not_be_sent_is_no_header_and_no_body() -> None:
    """Said where it is written, not where it breaks."""
    for wrong in ({"body": "\ud800"}, {"headers": (("A", "\ud800"),)}):
        with pytest.raises(ValidationError, match="no text in UTF-8"):
            Status(service="core", code=503, **wrong)
