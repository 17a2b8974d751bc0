"""One message of ours as a letter: its headers, its text in two forms, its files. Pure.

The standard library's newer policy breaks Message-IDs longer than a line into encoded words, which loses
the thread; so headers are made here, from values that cannot hold a line end, and its older classes carry
the parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import encoders
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from io import BytesIO

from channels.email.addresses import is_address
from channels.email.attachments import safe_name
from channels.email.charset import clean_line
from channels.email.formatting import to_html, to_plain
from channels.email.identity import MailIdentity
from channels.email.threading import make_message_id, make_return_path
from channels.email.unsubscribe import stop_url
from core.channel import OutboundMessage

SUBJECT = 250  # characters
REFERENCES = 12  # ids of earlier letters: the first, which names the thread, and the latest


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file to be sent."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter ready for SMTP: the envelope, and the content with CRLF line ends, in ASCII throughout."""

    message_id: str
    sender: str  # where reports go
    recipients: tuple[str, ...]
    content: bytes


class NotALetter(Exception):
    """There is nobody to send it to, or nothing in it; the reason is in English."""


def compose(
    message: OutboundMessage,
    identity: MailIdentity,
    now: datetime,
    *,
    files: Sequence[Enclosure] = (),
    public_url: str | None = None,
) -> Outgoing:
    """Make the letter. The same delivery always makes the same Message-ID. Raises NotALetter.

    Automatic letters say so (RFC 3834), so that no machine answers them; follow-ups carry the link that
    stops them (RFC 8058) where `public_url` is known.
    """
    to, cc = _addresses(message.to), _addresses(message.cc)
    cc = tuple(address for address in cc if address not in to)
    if not to:
        raise NotALetter(f"{', '.join(message.to)[:200] or 'nobody'} is no e-mail address")
    text = to_plain(message.screen)
    if not text.strip() and not files:
        raise NotALetter("there is nothing to send")
    conversation_id, delivery_id = message.conversation_id or 0, message.delivery_id or 0
    message_id = make_message_id(conversation_id, delivery_id, identity.domain, identity.secret)
    letter = _body(text, to_html(message.screen), files)
    letter["From"] = _mailbox(identity.name, identity.address)
    letter["To"] = ", ".join(to)
    if cc:
        letter["Cc"] = ", ".join(cc)
    letter["Subject"] = _encoded(_subject(message, identity), "Subject")
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = message_id
    _thread(letter, message)
    if message.automatic:
        _automatic(letter, message)
    if message.follow_up and public_url and message.conversation_id is not None:
        letter["List-Unsubscribe"] = f"<{stop_url(public_url, message.conversation_id, identity.secret)}>"
        letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    sender = identity.address
    if identity.verp and message.delivery_id is not None:
        sender = make_return_path(message.delivery_id, identity.domain, identity.secret, identity.local)
    return Outgoing(message_id, sender, (*to, *cc), _bytes(letter))


def _body(text: str, html: str, files: Sequence[Enclosure]) -> Message:
    words = MIMEMultipart("alternative")
    words.attach(MIMEText(text, "plain", "utf-8"))
    words.attach(MIMEText(html, "html", "utf-8"))
    if not files:
        return words
    mixed = MIMEMultipart("mixed")
    mixed.attach(words)
    for file in files:
        mixed.attach(_enclosed(file))
    return mixed


def _enclosed(file: Enclosure) -> Message:
    media_type = file.media_type.lower()
    # A letter inside of a letter may not be in base64 (RFC 2046, 5.2.1): as a mere file it may.
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith(("multipart/", "message/")):
        media_type = "application/octet-stream"
    part = MIMEBase(*media_type.split("/"))
    part.set_payload(file.content)
    encoders.encode_base64(part)
    name = safe_name(file.name, media_type)
    # The standard's form (RFC 2231), and for Outlook the older one.
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    part.set_param("name", _encoded(name, "Content-Type; name"))
    return part


_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}")


def _subject(message: OutboundMessage, identity: MailIdentity) -> str:
    subject = clean_line(message.subject or "", SUBJECT).strip()
    if not subject:
        subject = identity.name or identity.domain
    if message.references and not _ANSWERS.match(subject):
        return f"Re: {subject}"
    return subject


_ANSWERS = re.compile(r"(?:re|aw|sv|antw|vs|odp|отв|ha|на)(?:\[\d{1,3}\])?\s*:", re.IGNORECASE)


def _thread(letter: Message, message: OutboundMessage) -> None:
    known = list(dict.fromkeys(_ids(message.references)))
    answered = next(iter(_ids([message.reply_to or ""])), known[-1] if known else None)
    if answered is None:
        return
    thread = [id for id in known if id != answered]
    thread = [*thread[:1], *thread[1:][-(REFERENCES - 2) :], answered]
    letter["In-Reply-To"] = answered
    letter["References"] = "\n ".join(thread)  # a line for each: an id may be longer than a line should be


def _ids(texts: Iterable[str]) -> list[str]:
    """Message-IDs as a header may carry them; strangers chose them, so whatever is odd is left out."""
    bare = (text.strip().strip("<>") for text in texts)
    return [f"<{id}>" for id in bare if _ID.fullmatch(id)]


_ID = re.compile(r"[!-;=?-~]{1,500}")


def _automatic(letter: Message, message: OutboundMessage) -> None:
    letter["Auto-Submitted"] = "auto-generated" if message.follow_up else "auto-replied"
    # Not "All": that would also suppress reports of what did not arrive (MS-OXCMAIL, 2.2.3.2.14).
    letter["X-Auto-Response-Suppress"] = "DR, RN, NRN, OOF, AutoReply"
    letter["Precedence"] = "auto_reply"


def _addresses(given: Sequence[str]) -> tuple[str, ...]:
    cleaned = (_travelling(address.strip().strip("<>")) for address in given)
    return tuple(dict.fromkeys(address for address in cleaned if address is not None))


def _travelling(address: str) -> str | None:
    """The address as SMTP carries it: a domain in other letters has an ASCII form, what stands before it
    has none.
    """
    local, _, domain = address.rpartition("@")
    if not is_address(address) or not local.isascii():
        return None
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None


def _mailbox(name: str, address: str) -> str:
    name = clean_line(name, 100).strip()
    if not name:
        return address
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_encoded(name, 'From')} <{address}>"


def _encoded(text: str, name: str) -> str:
    """A header's text, in encoded words (RFC 2047) where it is not ASCII; folded, without any other line
    end.
    """
    text = clean_line(text)
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", maxlinelen=76, header_name=name).encode()


# Headers come folded where they need it: the library would leave a first line with nothing but the name.
_POLICY = compat32.clone(linesep="\r\n", max_line_length=0)


def _bytes(letter: Message) -> bytes:
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=_POLICY).flatten(letter)
    return out.getvalue()
