"""Our message ids and return paths: they find the conversation, and nobody can make them up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.headers import read_headers, read_ids
from channels.email.threading import (
    find_conversation,
    make_message_id,
    make_return_path,
    read_message_id,
    read_references,
    read_return_path,
)

SECRET = b"a key of this installation"
_IDS = st.integers(min_value=0, max_value=(1 << 63) - 1)


@given(_IDS, _IDS)
def test_an_id_of_ours_names_its_conversation_and_delivery(conversation: int, delivery: int) -> None:
    made = make_message_id(conversation, delivery, "Mebel.example", SECRET)
    assert read_message_id(made, SECRET) == (conversation, delivery)
    assert read_message_id(made.upper(), SECRET) == (conversation, delivery)
    assert read_message_id(made.replace("mebel.example", "relay.example"), SECRET) == (conversation, delivery)
    assert read_message_id(made, b"another key") is None


@given(_IDS)
def test_a_return_path_names_its_delivery(delivery: int) -> None:
    made = make_return_path(delivery, "mebel.example", SECRET)
    assert len(made.partition("@")[0]) <= 64
    assert read_return_path(made, SECRET) == delivery
    assert read_return_path(made, b"another key") is None


@given(_IDS, _IDS, st.integers(min_value=1, max_value=1000))
def test_the_number_of_another_conversation_cannot_be_put_in(
    conversation: int, delivery: int, more: int
) -> None:
    made = make_message_id(conversation, delivery, "mebel.example", SECRET)
    other = make_message_id(conversation + more, delivery, "mebel.example", SECRET)
    forged = ".".join([*other.split(".")[:3], *made.split(".")[3:]])
    assert read_message_id(forged, SECRET) is None


@given(st.text(max_size=100))
def test_other_texts_name_nothing(text: str) -> None:
    assert read_message_id(text, SECRET) is None
    assert read_return_path(text, SECRET) is None


def test_the_two_kinds_cannot_stand_for_each_other() -> None:
    signature = make_return_path(5, "mebel.example", SECRET).partition("-")[2].partition("@")[0]
    assert read_message_id(f"<ol.5.5.{signature}@mebel.example>", SECRET) is None


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@x> <b@y>", ["<a@x>", "<b@y>"]),
        ("<a@x>,<b@y>", ["<a@x>", "<b@y>"]),
        ("<a@x\t.example>", ["<a@x.example>"]),
        ("a@x b@y", ["<a@x>", "<b@y>"]),
        ("Your message of Friday <a@x>", ["<a@x>"]),
        ("<broken@z", ["<broken@z>"]),
        ("<[", []),
    ],
)
def test_ids_are_found_however_they_are_written(value: str, ids: list[str]) -> None:
    assert read_ids(value) == ids


def test_the_nearest_letter_of_ours_decides() -> None:
    old = make_message_id(1, 10, "mebel.example", SECRET)
    new = make_message_id(2, 20, "mebel.example", SECRET)
    raw = f"References: <foreign@x>\n {old}\n {new}\nIn-Reply-To: <rewritten@relay>\n\n".encode()
    references = read_references(read_headers(raw, 0, len(raw))[0])
    assert references == ("<rewritten@relay>", new, old, "<foreign@x>")
    assert find_conversation(references, SECRET) == (2, 20)
