import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults.bodies import BODIES, mistyped


def test_each_body_is_unusable_in_the_way_that_it_says() -> None:
    """None of them may become valid by chance, or fail for another reason than its own."""
    data = {name: body.data for name, body in BODIES.items()}
    with pytest.raises(json.JSONDecodeError):
        json.loads(data["invalid_json"] or b"")
    assert BODIES["html"].content_type.startswith("text/html")
    assert data["empty"] == b""
    assert json.loads(data["wrong_schema"] or b"") == {"unexpected": True}
    assert json.loads(data["other_service"] or b"")["service"] == "billing"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(data["bad_gzip"] or b"")
    size, _, rest = (data["bad_chunk"] or b"").partition(b"\r\n")
    assert rest[int(size, 16) :].startswith(b"\r\nZZZ\r\n")


def test_wrong_types_keep_the_fields() -> None:
    """The most insidious answer: everything is where it belongs, and nothing is what it should be."""
    assert json.loads(mistyped(b'{"id": 7, "tags": ["a"], "owner": {"name": "x"}}')) == {
        "id": {"unexpected": True},
        "tags": {"unexpected": True},
        "owner": [],
    }


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"7", b"{}", b"\xff\xfe\x00"])
def test_what_has_no_fields_becomes_a_list(data: bytes) -> None:
    """A body that can't be read must not stop the fault."""
    assert mistyped(data) == b"[]"


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text()), min_size=1))
def test_every_field_changes_its_type(fields: dict[str, object]) -> None:
    """Also null, which some models would take."""
    wrong = json.loads(mistyped(json.dumps(fields).encode()))
    assert wrong.keys() == fields.keys()
    assert all(type(wrong[key]) is not type(value) for key, value in fields.items())
