"""The port between the core and the networks: what comes in, what goes out, what became of it.

Every network is translated here and nowhere else. `channels/*/inbound.py` turns raw input into
`Received`; the core files it. The core writes `OutboundMessage`; `channels/*/outbound.py` sends it and
answers with an outcome. All of these are frozen values, so they may cross threads and be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

# --- what comes in -------------------------------------------------------------------------------


class Kind(StrEnum):
    """What one inbound thing is to the line."""

    MESSAGE = "message"  # a person wrote
    EDIT = "edit"  # a person changed what they wrote
    OUTGOING = "outgoing"  # the company itself wrote from the network's own app (Telegram Business)
    BLOCKED = "blocked"  # the person has blocked us: nothing can be delivered
    UNBLOCKED = "unblocked"
    BOUNCE = "bounce"  # a network reports that something of ours did not arrive


@dataclass(frozen=True, slots=True)
class Address:
    """One way a network, or the whole world, knows a person.

    `kind` is the channel's name for messengers ("telegram"), or "phone" (value in E.164), or "email" (lower
    case). `scope` tells apart equal ids of different accounts and is empty for phones and e-mails. `proved`
    is true when the network vouches for it (a shared own contact, the From of a letter), false when the
    person merely typed it (a form field).
    """

    kind: str
    value: str
    scope: str = ""
    proved: bool = True
    username: str | None = None  # without @, as the network shows it; may change hands, so never a key

    @property
    def key(self) -> str:
        """The text under which the address is unique: `phone:+79991234567`, `telegram:123456:777`."""
        return f"{self.kind}:{self.scope}:{self.value}" if self.scope else f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote. The first address is the one an answer goes to."""

    addresses: tuple[Address, ...]
    name: str = ""
    language: str | None = None  # what the network says the person reads, e.g. "ru", "en-GB"


@dataclass(frozen=True, slots=True)
class InboundFile:
    """A file that came with a message: already in the store (`stored`) or still at the network (`reference`)."""

    kind: str  # photo, video, audio, voice, video_note, document, sticker, animation
    reference: str | None = None  # how the channel fetches it later, e.g. a Telegram file_id
    stored: str | None = None  # its SHA-256 in the attachment store, when the edge has put it there
    name: str | None = None
    media_type: str | None = None
    size: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message as the core understands it, whatever network it came through."""

    kind: Kind
    thread: str  # where an answer goes; unique in the account: a chat id, a mail thread, a form visitor
    message_id: str | None  # the network's id, unique in the conversation; None where it gives none
    sender: Sender
    text: str  # readable, never empty for what a person sent
    sent_at: datetime  # aware
    content: str = "text"  # what it was: text, photo, voice, contact, location, ... (for icons and counters)
    subject: str | None = None
    whole_text: str | None = None  # e-mail: the letter with its quotes, where `text` is the new part
    files: tuple[InboundFile, ...] = ()
    group: str | None = None  # parts of one album share it
    reply_to: str | None = None  # the network's id of the message this one answers
    author: str | None = None  # who wrote inside the thread when it is not the conversation's person
    source: str | None = None  # where the person came from: a /start payload, utm_source, a referring page
    fields: Mapping[str, str] = field(default_factory=dict)  # what a form or a network knows besides
    automatic: bool = False  # a machine wrote: kept, never answered, opens no lead
    opens: bool = False  # the person opened the chat, and has said nothing yet
    references: tuple[str, ...] = ()  # e-mail: ids of earlier letters, nearest first
    bounce: Bounce | None = None  # with kind BOUNCE


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a network says about something we sent. `permanent` decides whether we try that address again."""

    recipients: tuple[tuple[str, str, bool], ...]  # address, status as "5.1.1", permanent
    original_message_id: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and not for a lead: a group where the bot merely sits, a reaction, a poll's result."""

    reason: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody has let our account read and answer their own chats: what is written there comes to us as well."""

    person: int  # the network's id of whoever has
    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not understood: it is parked with its raw form, seen by admins, and can be replayed."""

    error: str


CLICK = "click:"  # begins an external id that is only good against double clicks, for a minute


@dataclass(frozen=True, slots=True)
class Received:
    """One thing an edge has taken from a network and not yet acknowledged.

    `external_id` is the key under which the account counts it once (Telegram's update_id, a hash of a letter,
    a form's Idempotency-Key). `raw` is the input as it came, so that what was parked can be taken again.
    """

    external_id: str
    raw: bytes
    understood: InboundMessage | Ignored | Connected | Unreadable
    staff_id: int | None = None  # Telegram: who sent it, if that person may be one of the managers
    is_staff: bool = False  # Telegram: certainly for the managers' bot (a tapped button, an invitation)


# --- what goes out -------------------------------------------------------------------------------


class Markup(StrEnum):
    """How a stretch of text looks. Networks without markup show the text alone."""

    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"
    QUOTE = "blockquote"
    LONG_QUOTE = "expandable_blockquote"
    LINK = "text_link"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text. Offset and length count Python characters; channels convert to their own units."""

    markup: Markup
    offset: int
    length: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """One button under a message: `data` goes back to the bot (at most 64 bytes), or `url` opens."""

    text: str
    data: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """What a manager sees: a text with its marks, and rows of buttons. Strangers' text in it is plain text."""

    text: str
    spans: tuple[Span, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundFile:
    """A file of ours on its way out: a path in the attachment store, or the network's own reference to it."""

    kind: str  # photo, document, voice, audio, video, animation, sticker, video_note
    name: str
    path: str | None = None
    reference: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message to one place. `key` never changes between attempts, so a network with keys sends it once."""

    key: str
    thread: str  # the conversation's thread, or a manager's chat
    screen: Screen
    files: tuple[OutboundFile, ...] = ()
    reply_to: str | None = None  # the network's id of the message this one answers
    automatic: bool = True  # false when a manager wrote it
    silent: bool = False
    subject: str | None = None
    to: tuple[str, ...] = ()  # e-mail: whom it goes to
    cc: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # e-mail: the thread so far, oldest first
    follow_up: bool = False  # an automatic second letter: it carries a way to stop them
    conversation_id: int | None = None  # e-mail: carried, signed, in the letter's own id
    delivery_id: int | None = None
    already_sent: tuple[str, ...] = ()  # ids of the parts an earlier attempt has certainly delivered
    edits: str | None = None  # the network's id of a message of ours that this is drawn in place of


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted by the network under these ids, one per part it was split into."""

    external_ids: tuple[str, ...]


class Cause(StrEnum):
    """Why a network refused for good."""

    BLOCKED = "blocked"  # the person has blocked us
    DEACTIVATED = "deactivated"  # the account is gone
    NOT_FOUND = "not_found"  # no such chat, no such mailbox
    SHUT = "shut"  # the person is there, and we may not write to them now: Telegram Business has its terms
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"  # the network does not take this content
    ACCOUNT = "account"  # our own token or password is refused: nothing of this account goes out


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not delivered, and never will be. `delivered` are parts of it that did arrive before."""

    cause: Cause
    reason: str
    delivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Postponed:
    """Certainly not delivered yet; worth another attempt, not before `retry_after` if the network said so.

    `delivered` are parts of this very message that did arrive before the network said wait: the next attempt
    must not send them again.
    """

    reason: str
    retry_after: timedelta | None = None
    whole_account: bool = False  # true: the wait is the account's, not this conversation's
    delivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """The place has a new name (a group became a supergroup). Not delivered; send there from now on."""

    thread: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request left and no answer came: it may have arrived. `delivered` are parts that certainly did."""

    reason: str
    delivered: tuple[str, ...] = ()


Outcome: TypeAlias = Sent | Refused | Postponed | Moved | Uncertain


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file brought from the network: its bytes lie in the store under this SHA-256."""

    sha256: str
    size: int


class Channel(Protocol):
    """One account of one network, able to send. Expected failures are outcomes, not exceptions."""

    async def send(self, message: OutboundMessage) -> Outcome:
        """Deliver one message.

        Returns what became of it; raises only on a bug. May take as long as the network takes: it is called
        outside of any transaction.
        """
        ...

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        """Bring the file behind `reference` into the store, streaming; never holds it in memory whole."""
        ...


class FileSink(Protocol):
    """Where fetched bytes go: the attachment store gives one."""

    async def write(self, chunk: bytes) -> None: ...
    async def close(self) -> Fetched: ...
