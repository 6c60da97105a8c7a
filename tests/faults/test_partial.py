import pytest
from pydantic import ValidationError

from faultlab.faults import BadBody, LostAnswer


def test_a_bad_body_shows_as_what_it_is() -> None:
    """Other bodies come with another issue, and are refused until then."""
    assert BadBody(service="core").observable() == ("bad_json",)
    with pytest.raises(ValidationError):
        BadBody(service="core", body="html")


def test_a_lost_answer_shows_as_an_end_before_it() -> None:
    """To the client it is the same as a cut head: that is the danger."""
    assert LostAnswer(service="core").observable() == ("eof_before_response",)
    assert LostAnswer(service="core", by="rst").observable() == ("reset_before_response",)
