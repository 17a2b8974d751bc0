"""What the system understands of a letter, as plain data: for `openlines inspect email` and `inspect
reply`.
"""

from __future__ import annotations

from channels.email.addresses import Mailbox
from channels.email.charset import decode
from channels.email.headers import read_date, read_ids
from channels.email.inbound import interpret
from channels.email.letter import read_letter
from channels.email.quoting import new_text
from channels.email.text import read_html, read_plain
from channels.email.threading import read_references


def describe(raw: bytes, our_addresses: frozenset[str] = frozenset()) -> dict[str, object]:
    """One letter as a JSON object: its kind, who and when, the texts, the files, and what a bounce reports.

    `why` tells what made it automatic. `error` says why it would be parked, and is null otherwise.
    """
    letter = read_letter(raw)
    meaning = interpret(letter, our_addresses)
    headers = letter.headers
    sent = read_date(headers.get("date"))
    return {
        "kind": str(meaning.verdict.kind),
        "from": meaning.author.address if meaning.author else None,
        "from_name": meaning.author.name if meaning.author else "",
        "reply_to": _addresses(letter.mailboxes("reply-to")),
        "to": _addresses(letter.mailboxes("to")),
        "cc": _addresses(letter.mailboxes("cc")),
        "subject": letter.subject,
        "message_id": next(iter(read_ids(headers.get("message-id"))), None),
        "in_reply_to": next(
            (known for value in headers.all("in-reply-to") for known in read_ids(value)), None
        ),
        "references": list(read_references(headers)),
        "date": sent.isoformat() if sent else None,
        "text": letter.whole_text,
        "new_text": letter.new_text or letter.whole_text,
        "attachments": [
            {"name": file.name, "type": file.media_type, "size": file.size} for file in letter.attachments
        ],
        "automatic": meaning.verdict.automatic,
        "why": meaning.verdict.why,
        "bounce": None
        if meaning.bounce is None
        else {
            "recipients": [
                {"address": address, "status": status, "permanent": permanent}
                for address, status, permanent in meaning.bounce.recipients
            ],
            "original_message_id": meaning.bounce.original_message_id,
        },
        "error": None if headers else "no header fields: this is not a letter",
    }


def describe_reply(raw: bytes, is_html: bool) -> dict[str, object]:
    """The new part of one body: `new_text`, empty when everything in it is quoted."""
    text = decode(raw)
    return {"new_text": new_text(read_html(text) if is_html else read_plain(text))}


def _addresses(mailboxes: list[Mailbox]) -> list[str]:
    return [mailbox.address for mailbox in mailboxes]
