import json

import pytest
from pydantic import ValidationError

from maximus.failure import AnswerError
from maximus.models import (
    Approval,
    ArousalLevel,
    ConsciousnessState,
    CoreHealth,
    PendingStatistics,
    PenelopeHealth,
    QueryResponse,
    Session,
    read_answer,
)

MODELS = {
    (8100, "/health"): CoreHealth,
    (8100, "/query"): QueryResponse,
    (8100, "/api/consciousness/state"): ConsciousnessState,
    (8100, "/api/consciousness/arousal"): ArousalLevel,
    (8100, "/api/v1/governance/pending"): PendingStatistics,
    (8100, "/api/v1/governance/session/create"): Session,
    (8100, "/api/v1/governance/decision/dec-1/approve"): Approval,
    (8154, "/health"): PenelopeHealth,
}


def _read(model, document, content_type="application/json"):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_answer(model, content_type, body)


@pytest.mark.parametrize("key", MODELS)
def test_each_served_answer_is_understood_whole(stage, key):
    """The bodies are those captured from the running services."""
    answer = _read(MODELS[key], stage.answers[key])
    for field in type(answer).model_fields:
        if field in stage.answers[key]:
            assert getattr(answer, field) is not None or stage.answers[key][field] is None


@pytest.mark.parametrize("key", MODELS)
def test_unknown_fields_are_tolerated(stage, key):
    """A service may grow."""
    assert _read(MODELS[key], stage.answers[key] | {"brand_new": [1]})


@pytest.mark.parametrize(
    ("key", "field"),
    [
        (key, field)
        for key, model in MODELS.items()
        for field, info in model.model_fields.items()
        if info.is_required()
    ],
)
def test_a_missing_field_is_named(stage, key, field):
    """A half answer must not pass for one, and the text must say what to look for."""
    document = {name: value for name, value in stage.answers[key].items() if name != field}
    with pytest.raises(AnswerError, match=f"field {field} of {MODELS[key].__name__} is missing"):
        _read(MODELS[key], document)


def test_the_health_of_another_service_is_no_health(stage):
    """The wrong service on the right port is a real defect of the field."""
    foreign = {"status": "healthy", "service": "dlq-monitor"}
    with pytest.raises(AnswerError, match="wrong type or service"):
        _read(CoreHealth, foreign)
    with pytest.raises(AnswerError, match="wrong type or service"):
        _read(CoreHealth, stage.answers[8154, "/health"])
    with pytest.raises(AnswerError, match="wrong type or service"):
        _read(PenelopeHealth, stage.answers[8100, "/health"])
    document = stage.answers[8100, "/health"] | {"components": {"redis": {"status": "healthy"}}}
    with pytest.raises(AnswerError, match=r"field components\.maximus_ai of CoreHealth is missing"):
        _read(CoreHealth, document)


@pytest.mark.parametrize("value", ["0.6", None, True, [0.6]])
def test_a_wrong_type_is_not_bent_into_shape(stage, value):
    """Coercion would hide a service that has changed."""
    document = stage.answers[8100, "/api/consciousness/arousal"] | {"arousal": value}
    with pytest.raises(AnswerError, match="field arousal of ArousalLevel is wrong"):
        _read(ArousalLevel, document)


def test_an_error_inside_a_200_is_no_answer():
    """Core does that where no arousal is known."""
    with pytest.raises(AnswerError, match="field arousal of ArousalLevel is missing"):
        _read(ArousalLevel, {"error": "No arousal state available"})


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"", "application/json", "the body is empty"),
        (b'{"arousal": ', "application/json", "the body is not valid JSON"),
        (b"\xff\xfe", "application/json", "the body is not valid JSON"),
        (b"[" * 100_000, "application/json", "the body is not valid JSON"),
        (b"<html>", "text/html; charset=utf-8", "the content type is not JSON"),
        (b"{}", "", "the content type is not JSON"),
        (b"[]", "application/json", "the body is no ArousalLevel"),
        (b"null", "application/json", "the body is no ArousalLevel"),
    ],
)
def test_what_is_no_json_object_is_refused(body, content_type, text):
    """Each reason has its sentence."""
    with pytest.raises(AnswerError, match=text):
        _read(ArousalLevel, body, content_type)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/problem+json"],
)
def test_the_content_types_of_json_are_accepted(stage, content_type):
    """Parameters and case carry no meaning here."""
    assert _read(ArousalLevel, stage.answers[8100, "/api/consciousness/arousal"], content_type)


def test_no_text_repeats_the_body(stage):
    """A body may hold what must not reach a log."""
    document = stage.answers[8100, "/api/v1/governance/session/create"]
    with pytest.raises(AnswerError) as caught:
        _read(Session, document | {"operator_id": 5, "session_id": ["hunter2"]})
    chain = [caught.value, caught.value.__cause__]
    assert isinstance(chain[1], ValidationError)
    assert all("hunter2" not in str(error) for error in chain)


def test_a_session_does_not_show_its_id(stage):
    """Whoever knows it can approve."""
    session = _read(Session, stage.answers[8100, "/api/v1/governance/session/create"])
    assert session.session_id == "45d389c0"
    assert "45d389c0" not in repr(session)
