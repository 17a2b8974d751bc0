"""A letter becomes a message: the story of what comes into a mailbox. Pure, and never raises.

    received = normalise(raw, received_at=..., our_addresses=..., our_domain=..., secret=..., scope=...)

The edge reads the letter once (`read_letter`), stores `letter.attachments[i].content()` for each of
`received.understood.files[i]`, and hands `with_stored(received, hashes)` to the intake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from channels.email.addresses import Mailbox
from channels.email.automatic import PERSON, LetterKind, Verdict, is_no_reply, judge
from channels.email.bounces import read_report
from channels.email.charset import clean_line, clean_text
from channels.email.headers import read_date, read_ids
from channels.email.letter import Letter, read_letter
from channels.email.mime import CHUNK
from channels.email.threading import find_conversation, read_message_id, read_references, read_return_path
from core.channel import (
    Address,
    Bounce,
    Ignored,
    InboundFile,
    InboundMessage,
    Kind,
    Received,
    Sender,
    Unreadable,
)

SIZE_LIMIT = 64 << 20  # bytes of one letter
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def normalise(
    raw: bytes | Letter,
    *,
    received_at: datetime,
    our_addresses: frozenset[str],
    our_domain: str,
    secret: bytes,
    scope: str,
    size_limit: int = SIZE_LIMIT,
) -> Received:
    """What the core files for one letter.

    `raw` is the letter as the server gave it, or the same already read. `received_at` (aware) stands in for a
    Date that is missing or in the future. `our_addresses` (lower case) are the mailboxes of this line: what
    comes from them is our own. `our_domain` is the domain of the message ids we make, `secret` their key.
    `scope` names the account, for letters whose sender has no address at all. A letter above `size_limit`
    bytes, without a single header, or one that a bug stops at, is `Unreadable`: it is kept raw and can be
    taken again.
    """
    original = raw if isinstance(raw, bytes) else raw.root.raw
    if len(original) > size_limit:
        error = f"the letter has {len(original)} bytes, more than the {size_limit} allowed"
        return Received(_hash(original), original, Unreadable(error))
    try:
        letter = read_letter(raw) if isinstance(raw, bytes) else raw
        external_id = _external_id(letter)
        if not letter.headers:
            return Received(external_id, original, Unreadable("no header fields: this is not a letter"))
        understood = _understand(letter, external_id, received_at, our_addresses, our_domain, secret, scope)
        return Received(external_id, original, understood)
    except Exception as error:  # noqa: BLE001  a bug must not stop the mailbox: its letter is parked
        return Received(_hash(original), original, Unreadable(f"{type(error).__name__}: {error}"))


def with_stored(received: Received, stored: Sequence[str | None]) -> Received:
    """The same with the files' places in the store: `stored[i]` is the SHA-256 of file i, None where it is
    not kept.
    """
    if not isinstance(received.understood, InboundMessage):
        return received
    files = tuple(
        replace(file, stored=place) for file, place in zip(received.understood.files, stored, strict=True)
    )
    return replace(received, understood=replace(received.understood, files=files))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a letter is, and who wrote it."""

    verdict: Verdict
    bounce: Bounce | None
    author: Mailbox | None
    answer_to: Mailbox | None  # where an answer goes; the author unless another address was asked for


def interpret(letter: Letter, our_addresses: frozenset[str]) -> Meaning:
    """Decide what a letter is and who wrote it.

    The author is From (RFC 5322 section 3.6.2), with two exceptions. A group or a list that rewrites From
    keeps the author in X-Original-Sender: that one counts when From is ours or names somebody "via" us. A
    site form writes from our own or from a no-reply address and puts the person into Reply-To: then that one
    is the author. Otherwise Reply-To only says where the answer goes, as the standard means it. A Reply-To of
    ours says nothing, nor does that of an automatic letter: auto-responders copy the headers of what they
    answer.
    """
    from_boxes = letter.mailboxes("from")
    sender = next((box for box in from_boxes if box.address not in our_addresses), None) or next(
        iter(from_boxes), None
    )
    asked = next(
        (
            box
            for box in letter.mailboxes("reply-to")
            if box.address not in our_addresses and not is_no_reply(box.address)
        ),
        None,
    )
    report = read_report(letter.root, sender.address if sender else None, letter.whole_text)
    if report is not None:
        verdict = Verdict(report.kind, True, "it is a report of a mail server")
        return Meaning(verdict, report.bounce, sender, sender)

    original = next(
        (box for box in letter.mailboxes("x-original-sender") if box.address not in our_addresses), None
    )
    ours = sender is not None and sender.address in our_addresses
    rewritten = (
        original is not None and sender is not None and (ours or " via " in f" {sender.name.lower()} ")
    )
    answerable = asked is not None or (rewritten and original is not None)
    verdict = judge(
        letter.headers,
        sender.address if sender else None,
        letter.subject,
        our_addresses,
        answerable=answerable,
    )
    author = sender
    if original is not None and rewritten and sender is not None:
        name = asked.name if asked is not None and asked.name else original.name or _without_via(sender.name)
        author = Mailbox(original.address, name)
    elif (
        asked is not None
        and not verdict.automatic
        and (sender is None or ours or is_no_reply(sender.address))
    ):
        author = asked
    if author is None:
        candidates = [box for name in ("sender", "return-path") for box in letter.mailboxes(name)]
        author = next((box for box in candidates if box.address not in our_addresses), None)
    if verdict is PERSON and author is not None and is_no_reply(author.address):
        verdict = Verdict(LetterKind.MESSAGE, True, "its sender takes no answers")
    return Meaning(verdict, None, author, author if verdict.automatic or asked is None else asked)


def _understand(
    letter: Letter,
    external_id: str,
    received_at: datetime,
    our_addresses: frozenset[str],
    our_domain: str,
    secret: bytes,
    scope: str,
) -> InboundMessage | Ignored:
    message_id = next(iter(read_ids(letter.headers.get("message-id"))), None)
    if (
        message_id is not None
        and read_message_id(message_id, secret)
        and message_id.endswith(f"@{our_domain.lower()}>")
    ):
        return Ignored("our own letter came back")
    meaning = interpret(letter, our_addresses)
    references = read_references(letter.headers)
    sought = references
    if meaning.bounce is not None and meaning.bounce.original_message_id is not None:
        sought = (meaning.bounce.original_message_id, *references)
    conversation = find_conversation(sought, secret)
    addresses = _addresses(meaning) or (Address("letter", external_id, scope, proved=False),)
    files = tuple(
        InboundFile(
            kind="photo" if attachment.media_type.startswith("image/") else "document",
            name=attachment.name,
            media_type=attachment.media_type,
            size=attachment.size,
        )
        for attachment in letter.attachments
    )
    text = letter.new_text or _names(files) or letter.whole_text or letter.subject or "—"
    fields = {"automatic": meaning.verdict.why} if meaning.verdict.automatic else {}
    if copies := [
        mailbox.address for mailbox in letter.mailboxes("cc") if mailbox.address not in our_addresses
    ]:
        fields["cc"] = ",".join(copies[:20])
    if (delivery := _reported_delivery(letter, secret)) is not None:
        fields["delivery"] = str(delivery)
    if letter.omitted:
        fields["omitted"] = str(letter.omitted)
    return InboundMessage(
        kind=Kind.BOUNCE if meaning.bounce is not None else Kind.MESSAGE,
        thread=f"conversation:{conversation[0]}" if conversation else f"mail:{addresses[0].value}",
        message_id=message_id,
        sender=Sender(addresses, meaning.author.name if meaning.author else ""),
        text=text,
        sent_at=_sent_at(letter, received_at),
        content=files[0].kind if files and not letter.new_text else "text",
        subject=letter.subject or None,
        whole_text=letter.whole_text or None,
        files=files,
        reply_to=references[0] if references else None,
        fields=fields,
        automatic=meaning.verdict.automatic,
        references=references,
        bounce=meaning.bounce,
    )


def _addresses(meaning: Meaning) -> tuple[Address, ...]:
    """Where an answer goes first. Only From is proved: anyone may write any Reply-To."""
    found: dict[str, Address] = {}
    for box, proved in ((meaning.answer_to, meaning.answer_to == meaning.author), (meaning.author, True)):
        if box is not None and box.address not in found:
            found[box.address] = Address("email", box.address, proved=proved)
    return tuple(found.values())


def _names(files: tuple[InboundFile, ...]) -> str:
    names = [file.name for file in files if file.name]
    return ", ".join(names[:10]) + (" …" if len(names) > 10 else "")


def _sent_at(letter: Letter, received_at: datetime) -> datetime:
    """The sender's Date if it can be true; a clock that runs ahead must not order a letter after later
    ones.
    """
    sent = read_date(letter.headers.get("date"))
    return (
        sent if sent is not None and EARLIEST <= sent <= received_at + timedelta(minutes=5) else received_at
    )


def _reported_delivery(letter: Letter, secret: bytes) -> int | None:
    """The delivery whose return path this letter came to: which letter of ours a report is about."""
    for name in ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to"):
        for box in letter.mailboxes(name):
            if (delivery := read_return_path(box.address, secret)) is not None:
                return delivery
    return None


def _without_via(name: str) -> str:
    """`'Иван Петров' via Sales` without what the list has added."""
    return clean_line(name.rpartition(" via ")[0] or name).strip("'\" ")


def _external_id(letter: Letter) -> str:
    """The key under which one letter counts once, whichever way and however often it comes.

    Received lines and flags differ between copies, and a Message-ID is reused by broken programs; so the id,
    From, Date and the body together. Line ends do not count: they differ between IMAP and SMTP.
    """
    digest = hashlib.sha256()
    for name in ("message-id", "from", "date"):
        digest.update(clean_text(letter.headers.get(name)).encode("utf-8", "replace") + b"\n")
    root = letter.root
    for start in range(root.start, root.end, CHUNK):
        digest.update(root.raw[start : min(start + CHUNK, root.end)].translate(None, b"\r"))
    return digest.hexdigest()


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
