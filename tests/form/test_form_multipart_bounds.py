"""A multipart post of a stranger: what stands around its fields and files costs little, whatever it is."""

from __future__ import annotations

import time

import pytest

from channels.form.multipart import Limits, read_saved
from core.errors import InvalidInput

KIND = "multipart/form-data; boundary=X"


def a_part(head: str, body: bytes = b"") -> bytes:
    return b"--X\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body + b"\r\n"


def empty_inputs(count: int) -> bytes:
    return a_part('name="f"; filename=""') * count


async def refusal(body: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        await read_saved(body, KIND)
    return refused.value


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n" * 2_000_000 + a_part('name="a"', b"1") + b"--X--\r\n",
        b"x\r\n" * 1_000_000,
        b"--X\r\n" + b"a: b\r\n" * 500_000,
        (b"--X\r\n" + b"a: b\r\n" * 100 + b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n') * 5_000,
        (b"--X\r\n" + (b"a: " + b"b" * 8_000 + b"\r\n") * 100 + b"\r\n1\r\n") * 10,
        a_part('name="a"', b"1") * 50_000,
        empty_inputs(50_000),
        b"--X--\r\n" + b"\r\n" * 2_000_000,
    ],
)
async def test_what_stands_around_is_refused_long_before_its_end(body: bytes) -> None:
    started = time.process_time()
    try:
        await read_saved(body, KIND)
    except InvalidInput as refused:
        assert refused.status in (400, 413)  # noqa: PT017 - an ending without parts is no error
    assert time.process_time() - started < 1.0  # megabytes of lines read one by one take many


async def test_empty_file_inputs_are_counted_as_fields_are() -> None:
    end = b"--X--\r\n"
    fields, files = await read_saved(empty_inputs(Limits().fields - 1) + a_part('name="a"', b"1") + end, KIND)
    assert (list(fields), files) == ([("a", "1")], [])
    assert (await refusal(empty_inputs(Limits().fields + 1) + end)).status == 413
    assert (await refusal(empty_inputs(Limits().fields) + a_part('name="a"', b"1") + end)).field == "a"


async def test_a_saved_post_with_a_large_file_is_read() -> None:
    body = a_part('name="f"; filename="a.bin"', b"x" * 3_000_000) + b"--X--\r\n"
    _, files = await read_saved(body, KIND)
    assert [(file.name, file.size) for file in files] == [("a.bin", 3_000_000)]


async def test_a_preamble_and_many_long_names_are_read_as_ever() -> None:
    parts = b"".join(a_part(f'name="{"имя" * 50}{number}"', b"1") for number in range(Limits().fields))
    fields, _ = await read_saved(b"This is a message\r\nwith parts\r\n\r\n" + parts + b"--X--\r\n", KIND)
    assert len(fields) == Limits().fields
