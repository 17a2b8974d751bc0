"""A form's post takes memory as its bytes do, however its names are nested."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any
from urllib.parse import urlencode

import pytest

from channels.form.decoding import MAX_FIELD_NAME, MAX_FIELDS, fields_of
from core.errors import InvalidInput

LONG = "😀" + "k" * 200_000
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def under(name: str, values: int) -> dict[str, Any]:
    return {"message": "hi", name: {f"a{number}": "" for number in range(values)}}


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (as_json(under(LONG, 1_900)), JSON),
        (as_json(under(LONG, MAX_FIELDS - 1)), JSON),
        (as_json({"message": "hi", LONG: [{"b": {"c": "1"}} for _ in range(600)]}), JSON),
        (as_json({"message": "hi", LONG: {f"a{n}": {"b": {"c": ["1"]}} for n in range(150)}}), JSON),
        (urlencode({"rawRequest": json.dumps(under("k" * 200_000, 1_900))}).encode(), FORM),
        (b"&".join([urlencode({"rawRequest": json.dumps(under("k" * 3_000, 190))}).encode()] * 30), FORM),
        (b"&".join(b"%s[a%d]=1" % (b"k" * 300, number) for number in range(780)), FORM),
    ],
)
def test_a_long_name_over_many_values_takes_no_more_memory_than_a_few_times_its_bytes(
    body: bytes, kind: str
) -> None:
    assert len(body) < 256 * 1024
    tracemalloc.start()
    try:
        fields_of(body, kind)
    except InvalidInput as refused:
        assert refused.status == 413  # noqa: PT017 - refused or read, either is well; what counts is the memory
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024, f"{len(body)} bytes have taken {peak}"


def test_what_is_cut_off_a_long_name_is_its_end_and_no_field_is_lost() -> None:
    fields = fields_of(as_json({"k" * 400: {"a": "1", "b": {"c": "2"}}, "phone": "3"}), JSON)
    assert fields == [("k" * MAX_FIELD_NAME, "1"), ("k" * MAX_FIELD_NAME, "2"), ("phone", "3")]


def test_as_many_fields_as_a_form_may_have_are_read_and_one_more_is_named() -> None:
    assert len(fields_of(as_json(under("a", MAX_FIELDS - 1)), JSON)) == MAX_FIELDS
    with pytest.raises(InvalidInput) as refused:
        fields_of(as_json(under("a", MAX_FIELDS)), JSON)
    assert (refused.value.status, refused.value.field) == (413, f"a.a{MAX_FIELDS - 1}")
