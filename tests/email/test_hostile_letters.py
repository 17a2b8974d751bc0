"""Letters made to hurt: bounded in time and memory, and never an exception."""

from __future__ import annotations

import base64
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.email.describe import describe, describe_reply
from channels.email.inbound import interpret, normalise
from channels.email.letter import read_letter
from channels.email.mime import PARTS
from core.channel import InboundMessage, Unreadable

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.eml"))]
TOKENS = [
    b"\r\n", b"\n\n", b"--", b"=?utf-8?B?", b"?=", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"<", b">", b'"', b";", b"=",
    b"multipart/mixed; boundary=x", b"message/rfc822", b"base64", b"quoted-printable", b"charset=utf-16",
    b"charset=idna", b"&#xd800;", b"<blockquote type=cite>", b"Message-ID: <[", b"Content-Type: ", b"\t",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real letter with stretches of it removed, doubled, overwritten or exchanged with another's."""
    raw = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 300)))
        other = draw(st.sampled_from(SAMPLES))
        piece = draw(
            st.one_of(
                st.sampled_from(TOKENS),
                st.binary(max_size=20),
                st.just(raw[start:end] * 2),
                st.just(other[start:end]),
                st.just(b""),
            )
        )
        raw = raw[:start] + piece + raw[end:]
    return raw


@given(damaged())
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_damaged_letter_is_read_as_far_as_it_goes(raw: bytes) -> None:
    letter = read_letter(raw)
    interpret(letter, frozenset())  # outside of the guard that would park it
    understood = normalise(
        raw,
        received_at=datetime(2024, 4, 5, tzinfo=UTC),
        our_addresses=frozenset(),
        our_domain="mebel-les.example",
        secret=b"key",
        scope="box",
    ).understood
    if isinstance(understood, InboundMessage):
        assert understood.text
        for text in (
            understood.text,
            understood.whole_text or "",
            understood.subject or "",
            understood.sender.name,
        ):
            assert "\x00" not in text
            text.encode("utf-8")
        assert not set("\r\n") & set((understood.subject or "") + understood.sender.name + understood.thread)
        assert len({file.name for file in understood.files}) == len(understood.files)
    json.dumps(describe(raw)).encode("utf-8")


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read(raw: bytes, is_html: bool) -> None:
    describe(raw)
    describe_reply(raw, is_html)


def _multipart(body: bytes) -> bytes:
    return b"From: a@b.example\nContent-Type: multipart/mixed; boundary=B\n\n" + body


def _html(body: str) -> bytes:
    return b"From: a@b.example\nContent-Type: text/html\n\n" + body.encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "many parts": lambda: _multipart(b"--B\n\nhi\n" * 100_000),
    "multiparts in multiparts": lambda: (
        b"From: a@b.example\n"
        + b"".join(b"Content-Type: multipart/mixed; boundary=B%d\n\n--B%d\n" % (n, n) for n in range(3000))
        + b"x\n" * 20_000
    ),
    "letters in letters": lambda: b"Content-Type: message/rfc822\n\n" * 20_000,
    "one boundary everywhere": lambda: _multipart(
        b"--B\nContent-Type: multipart/mixed; boundary=B\n" * 50_000
    ),
    "padding inside of base64": lambda: b"Content-Transfer-Encoding: base64\n\n" + b"=A" * 2_000_000,
    "a header without an end": lambda: b"Subject: " + b"=?utf-8?Q?" * 200_000,
    "a hundred thousand headers": lambda: b"X-A: b\n" * 100_000 + b"\nhi",
    "lines that are no headers": lambda: b"a@b\n" * 200_000,
    "a long To": lambda: b"From: a@b.example\nTo: " + b"a@b.example, " * 100_000 + b"\n\nhi",
    "quotes in From": lambda: b'From: "' + b'\\"(' * 100_000 + b"\n\nhi",
    "many references": lambda: b"References: " + b"<a@b> <" * 100_000 + b"\n\nhi",
    "parameters": lambda: b"Content-Type: text/plain; " + b"a*0*=x; " * 100_000 + b"\n\nhi",
    "deep HTML": lambda: _html("<div>" * 150_000 + "hi"),
    "deep unknown HTML": lambda: _html("<x>" * 200_000 + "hi"),
    "five thousand links": lambda: _html("<a href='https://x.example/aaaaaaaaaaaaaaaa'>here</a> " * 5000),
    "angles": lambda: _html("<" * 900_000),
    "quote marks": lambda: b"From: a@b.example\n\n" + b">" * 900_000,
    "lines with colons": lambda: (
        b"From: a@b.example\n\n" + b"On 5 Apr 2024 12:34 <\n" * 40_000 + b"wrote:\n" * 10_000
    ),
    "nothing but headers of letters": lambda: b"From: a@b.example\n\n" + b"From: x\n" * 100_000,
    "dashes": lambda: b"From: a@b.example\n\n" + b"-- \n" * 200_000,
    "one long line": lambda: b"From: a@b.example\n\n" + b"a " * 500_000,
    "a long bounce": lambda: (
        b"From: mailer-daemon@x.example\nReturn-Path: <>\n\n" + b"<a@b.example>: 550 user\n" * 40_000
    ),
    "a long report": lambda: (
        b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: a@b.c\n\n" * 40_000
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_letter_costs_little_time(name: str) -> None:
    raw = HOSTILE[name]()
    started = time.process_time()
    letter = read_letter(raw)
    interpret(letter, frozenset())
    assert time.process_time() - started < 4  # a quarter of this alone; quadratic work takes minutes
    assert len(letter.attachments) <= 500
    assert len(letter.whole_text) <= 500_000


def test_what_exceeds_the_limits_is_counted() -> None:
    letter = read_letter(HOSTILE["many parts"]())
    assert letter.omitted == 100_000 - PARTS
    assert sum(1 for _ in letter.root.walk()) == PARTS + 1


def test_thirty_megabytes_are_read_in_less_than_two_seconds_and_hardly_more_memory() -> None:
    file = random.Random(5).randbytes(22_000_000)
    raw = (
        b"From: a@b.example\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nhi\n--B\n"
        b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(file)
        + b"--B--\n"
    )
    started = time.process_time()
    letter = read_letter(raw)
    assert time.process_time() - started < 2
    assert letter.attachments[0].size == len(file)
    tracemalloc.start()
    read_letter(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # beside the letter itself
    assert b"".join(letter.attachments[0].content()) == file


def test_a_bug_would_park_the_letter_and_not_stop_the_mailbox() -> None:
    received = normalise(
        b"From: a@b.example\nDate: Fri, 5 Apr 2024 12:00:00 +0300\n\nhi",
        received_at=datetime(2024, 4, 5),  # noqa: DTZ001  a naive moment: what a careless caller would pass
        our_addresses=frozenset(),
        our_domain="mebel-les.example",
        secret=b"key",
        scope="box",
    )
    assert isinstance(received.understood, Unreadable)
    assert received.understood.error.startswith("TypeError")
