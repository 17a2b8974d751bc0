"""Letters made of anything: whatever people and strangers write, the letter is whole and says nothing else."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from channels.email.composing import Enclosure, compose
from channels.email.formatting import to_html, to_plain
from channels.email.identity import MailIdentity
from channels.email.inbound import normalise
from channels.email.text import join, read_html
from core.channel import Ignored, InboundMessage, Markup, OutboundMessage, Screen, Span

NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
OURS = {"from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"}
OURS |= {"x-auto-response-suppress", "precedence", "list-unsubscribe", "list-unsubscribe-post"}
OURS |= {"content-type", "mime-version"}

anything = st.text(max_size=300)
hostile = st.one_of(
    anything,
    st.lists(
        st.sampled_from(
            ["\r\n", "\n", "\r", "\x00", "Bcc: v@e.org", "=?utf-8?q?=0A?=", "а", "\u2028", " ", "<", ">", "@"]
        ),
        max_size=12,
    ).map("".join),
)


@given(
    text=hostile,
    subject=hostile,
    name=hostile,
    ids=st.lists(hostile, max_size=5),
    file=hostile,
    automatic=st.booleans(),
)
def test_only_our_headers_stand_in_a_letter(
    text: str, subject: str, name: str, ids: list[str], file: str, automatic: bool
) -> None:
    identity = MailIdentity("line@example.com", b"secret", name, verp=True)
    message = OutboundMessage(
        key="k",
        thread="mail:o@example.net",
        screen=Screen(text or "."),
        to=("o@example.net",),
        cc=tuple(ids),
        subject=subject,
        references=tuple(ids),
        reply_to=ids[0] if ids else None,
        automatic=automatic,
        follow_up=automatic,
        conversation_id=1,
        delivery_id=2,
    )
    files = [Enclosure(file, file, b"x")]
    letter = compose(message, identity, NOW, files=files, public_url="https://line.example.com")
    assert letter.content.isascii()
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    assert max(len(line) for line in letter.content.split(b"\r\n")) <= 998
    header, _, _ = letter.content.partition(b"\r\n\r\n")
    names = {
        line.partition(b":")[0].decode().lower() for line in header.split(b"\r\n") if line[:1] not in b" \t"
    }
    assert names <= OURS
    parsed = email.message_from_bytes(letter.content, policy=email.policy.compat32)
    assert len(parsed.get_payload()) == 2
    again = normalise(
        letter.content,
        received_at=NOW,
        our_addresses=frozenset(),
        our_domain="example.com",
        secret=b"another",
        scope="x",
    )
    assert isinstance(again.understood, InboundMessage)
    known = normalise(
        letter.content,
        received_at=NOW,
        our_addresses=frozenset(),
        our_domain="example.com",
        secret=b"secret",
        scope="x",
    )
    assert isinstance(known.understood, Ignored)


spans = st.lists(
    st.builds(
        Span,
        st.sampled_from(list(Markup)),
        st.integers(-3, 60),
        st.integers(-3, 60),
        st.sampled_from(
            [None, "https://e.org/?a=1&b=2", "javascript:alert(1)", '"><script>', "tel:+79991234567"]
        ),
    ),
    max_size=8,
).map(tuple)


@given(text=st.text(max_size=60), marks=spans)
def test_marks_never_change_the_words_nor_open_a_tag_of_a_stranger(
    text: str, marks: tuple[Span, ...]
) -> None:
    screen = Screen(text, marks)
    html = to_html(screen)
    assert "<script" not in html
    assert "javascript:" not in html.replace("javascript:alert(1)" if "javascript:" in text else "\x00", "")
    shown = "".join(join(read_html(html)).split())
    for span in marks:  # whoever reads a letter as text is shown where a link leads
        shown = shown.replace(f"({span.url})", "")
    assert shown == "".join(join(read_html(to_html(Screen(text)))).split())
    plain = to_plain(screen)
    for word in text.split():
        if word.isascii() and word.isalnum() and not marks:
            assert word in plain
