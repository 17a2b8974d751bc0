"""A Telegram update as the line understands it.

https://core.telegram.org/bots/api#update. The update is read as plain JSON: Telegram adds kinds and fields
faster than models follow, and whatever a model refuses would be a customer nobody hears.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from channels.telegram.cleaning import Json, as_integer, as_object, clean_line, name_of
from channels.telegram.content import Content, read_content
from channels.telegram.forwards import is_forwarded, with_reference
from channels.telegram.labels import labels_in
from core.channel import Address, Connected, Ignored, InboundMessage, Kind, Received, Sender, Unreadable
from core.contacts.phones import parse_phone
from core.staff.invitations import is_invitation

BUSINESS = "business:"  # business:<connection>:<chat> is the thread of a Telegram Business chat


def normalise(update: object, raw: bytes, received_at: datetime, scope: str) -> Received:
    """Read one update.

    `update` is the parsed JSON, `raw` the bytes it was parsed from, `received_at` an aware moment that stands
    in where the update names none, `scope` the bot's id, which tells apart the same person at two bots.
    Pure; never raises, whatever JSON it is given: what cannot be read is `Unreadable`, what is not for a lead
    is `Ignored` with its reason. No text in the result holds NUL or a lone surrogate.
    """
    if not isinstance(update, dict):
        return Received(_hash(raw), raw, Unreadable("the update is not a JSON object"))
    number = as_integer(update.get("update_id"))
    if number is None:
        return Received(_hash(raw), raw, Unreadable("the update has no update_id"))
    for kind in update:
        if reader := _READERS.get(kind):
            event = update[kind]
            if not isinstance(event, dict):
                return Received(str(number), raw, Unreadable(f"{kind} is not a JSON object"))
            understood, staff_id, is_staff = reader(kind, event, received_at, scope)
            return Received(str(number), raw, understood, staff_id, is_staff)
        if kind in _IGNORED:
            return Received(str(number), raw, Ignored(_IGNORED[kind]))
    unknown = ", ".join(sorted(clean_line(key, 40) for key in update if key != "update_id")[:8])
    return Received(str(number), raw, Unreadable(f"unknown kind of update: {unknown or 'none'}"))


def describe(update: object) -> dict[str, object]:
    """What is understood of one update, as `openlines inspect telegram` prints it.

    Returns `kind` (message, edit, callback, membership, reaction, business, channel, service, other),
    `chat_id`, `from_id`, `text`, `attachments` (kind, name, type, size, reference) and `error` (why the
    update would be parked, or None). Unlike `normalise` it also reads what is not for a lead, such as a
    group's messages, because an admin asks what is in there. Never raises.
    """
    understood = normalise(update, b"", datetime.fromtimestamp(0, UTC), "").understood
    whole = as_object(update)
    name = next((key for key in whole if key in _DESCRIBED), "")
    event = as_object(whole.get(name))
    sender = as_object(event.get("from") or event.get("user"))
    kind, content = _DESCRIBED.get(name, "other"), Content("", "")
    if name in _MESSAGES and event:
        content = read_content(event, _is_russian(sender))
        kind = "service" if content.kind == "service" and kind == "message" else kind
        content = replace(content, text=with_reference(event, content.text, _is_russian(sender)))
    elif isinstance(understood, InboundMessage):
        content = replace(content, text=understood.text)
    place = as_object(event.get("message")) if name == "callback_query" else event
    return {
        "kind": kind,
        "chat_id": as_integer(as_object(place.get("chat")).get("id")),
        "from_id": as_integer(sender.get("id")),
        "text": content.text,
        "attachments": [
            {"kind": f.kind, "name": f.name, "type": f.media_type, "size": f.size, "reference": f.reference}
            for f in content.files
        ],
        "error": understood.error if isinstance(understood, Unreadable) else None,
    }


# What an update is, which manager it may be from, and whether it certainly is for the managers' bot.
_Read: TypeAlias = tuple[InboundMessage | Ignored | Connected | Unreadable, int | None, bool]


# --- messages ------------------------------------------------------------------------------------


def _message(kind: str, event: Json, received_at: datetime, scope: str) -> _Read:
    """A message, or its edit, that came to the bot itself."""
    chat = as_object(event.get("chat"))
    if not chat:
        return Unreadable(f"{kind} has no chat"), None, False
    if not _is_private(chat):
        return Ignored(f"{clean_line(chat.get('type'), 40) or 'group'} message"), None, False
    sender = as_object(event.get("from")) or chat
    person = as_integer(sender.get("id"))
    place = as_integer(chat.get("id")) or person
    if person is None:
        return Unreadable(f"{kind} does not say who wrote it"), None, False
    is_edit = kind == "edited_message"
    source = None if is_edit else _start_payload(event)
    understood = _filed(
        event,
        writer=sender,
        customer=sender,
        customer_id=str(person),
        thread=str(place),
        is_edit=is_edit,
        source=source,
        received_at=received_at,
        scope=scope,
    )
    return understood, person, source is not None and is_invitation(source)


def _connection(_kind: str, event: Json, _received_at: datetime, _scope: str) -> _Read:
    """Somebody lets the bot into their business account, changes what it may do there, or puts it out.

    https://core.telegram.org/bots/api#businessconnection
    """
    owner = as_object(event.get("user"))
    person = as_integer(owner.get("id"))
    if person is None or event.get("is_enabled") is not True:
        return Ignored("business connection"), None, False
    return Connected(person, name_of(owner)), None, False


def _business(kind: str, event: Json, received_at: datetime, scope: str) -> _Read:
    """A message in a chat of a Telegram Business account the bot is connected to.

    https://core.telegram.org/bots/api#businessconnection. The chat's id is the customer's; whoever else
    writes there is the company.
    """
    chat = as_object(event.get("chat"))
    customer = as_integer(chat.get("id"))
    if customer is None:
        return Unreadable(f"{kind} has no chat"), None, False
    robot = as_object(event.get("sender_business_bot"))
    if robot and str(as_integer(robot.get("id"))) == scope:
        return Ignored("our own business message"), None, False
    writer = as_object(event.get("from")) or chat
    is_ours = as_integer(writer.get("id")) != customer
    connection = re.sub(r"[^\w-]", "", clean_line(event.get("business_connection_id"), 128))
    understood = _filed(
        event,
        writer=writer,
        customer=chat if is_ours else writer,
        customer_id=str(customer),
        thread=f"{BUSINESS}{connection}:{customer}",
        is_edit=kind == "edited_business_message",
        source=None,
        received_at=received_at,
        scope=scope,
    )
    if is_ours and isinstance(understood, InboundMessage):
        understood = replace(
            understood,
            kind=Kind.OUTGOING if understood.kind is Kind.MESSAGE else understood.kind,
            author=name_of(writer) or None,
            # Greetings and away messages go out without anybody's doing, and so does what another bot writes.
            # The owner's edit of a message from before our time must not open a lead either.
            automatic=understood.automatic
            or understood.kind is Kind.EDIT
            or bool(robot)
            or event.get("is_from_offline") is True,
        )
    return understood, None, False


def _filed(
    event: Json,
    *,
    writer: Json,
    customer: Json,
    customer_id: str,
    thread: str,
    is_edit: bool,
    source: str | None,
    received_at: datetime,
    scope: str,
) -> InboundMessage | Ignored:
    """A message for the conversation with `customer`, whoever of the two wrote it."""
    russian = _is_russian(writer)
    content = read_content(event, russian)
    if content.kind == "service":
        return Ignored("service message")
    if is_edit and content.kind == "location":
        return Ignored("a live location has moved")  # every few seconds, for hours
    text = content.text
    # https://core.telegram.org/bots/features#commands: every chat with a bot begins so, by a button.
    opens = bool(source) or (text == "/start" and not is_forwarded(event))
    moment = event.get("edit_date") if is_edit else None
    number = as_integer(event.get("message_id"))
    reply_to = (
        as_integer(as_object(event["reply_to_message"]).get("message_id"))
        if "reply_to_message" in event
        else 0
    )
    album = event.get("media_group_id")
    phone = _own_phone(event, customer_id) if content.kind == "contact" else None
    return InboundMessage(
        kind=Kind.EDIT if is_edit else Kind.MESSAGE,
        thread=thread,
        message_id=str(number) if number else None,
        sender=_person(customer, customer_id, scope, phone),
        text=with_reference(event, text, russian),
        sent_at=_moment(moment if moment is not None else event.get("date"), received_at),
        content=content.kind,
        files=content.files,
        group=clean_line(str(album), 64) or None if type(album) in (str, int) else None,
        reply_to=str(reply_to) if reply_to else None,
        source=source,
        automatic=bool(writer.get("is_bot")) or customer_id in _TELEGRAM_ITSELF,
        opens=opens,
    )


_TELEGRAM_ITSELF = frozenset(("777000", "42777"))  # service notices and sign-in codes: kept, never answered


def _person(person: Json, number: str, scope: str, phone: str | None = None) -> Sender:
    address = Address("telegram", number, scope, True, clean_line(person.get("username"), 64) or None)
    addresses = (address, Address("phone", phone)) if phone else (address,)
    return Sender(addresses, name_of(person), clean_line(person.get("language_code"), 35) or None)


def _start_payload(event: Json) -> str | None:
    """Where the person came from, by a link: https://core.telegram.org/bots/features#deep-linking"""
    text = event.get("text")
    if not isinstance(text, str) or not text.startswith("/start") or is_forwarded(event):
        return None
    found = _START.fullmatch(text.strip())
    return found[1] if found else None


_START = re.compile(r"/start(?:@\w{1,64})?[ \n]{1,8}([A-Za-z0-9_-]{1,64})", re.ASCII)


def _own_phone(event: Json, person: str) -> str | None:
    """The telephone Telegram vouches for: a contact that is the sender's own, and not passed on."""
    contact = as_object(event.get("contact"))
    phone = clean_line(contact.get("phone_number"), 40)
    is_own = (
        str(as_integer(contact.get("user_id")))
        == person
        == str(as_integer(as_object(event.get("from")).get("id")))
    )
    if not phone or not is_own or is_forwarded(event):
        return None
    # Telegram's own numbers are international ones, written with or without the plus.
    found = parse_phone(phone if phone.startswith("+") else f"+{phone}", None)
    return found.e164 if found else None


# --- other kinds of updates ----------------------------------------------------------------------


def _callback(kind: str, event: Json, _received_at: datetime, _scope: str) -> _Read:
    """A tapped button: only managers are shown any that call back."""
    person = as_integer(as_object(event.get("from")).get("id"))
    if person is None:
        return Unreadable(f"{kind} does not say who tapped"), None, False
    return Ignored("staff"), person, True


def _membership(kind: str, event: Json, received_at: datetime, scope: str) -> _Read:
    """The bot's own standing in a chat has changed; in a private one, the person blocked or unblocked it."""
    chat = as_object(event.get("chat"))
    if not _is_private(chat):
        return Ignored("the bot's membership in a group"), None, False
    status = as_object(event.get("new_chat_member")).get("status")
    if status not in ("kicked", "member"):
        return Ignored("membership without consequence"), None, False
    sender = as_object(event.get("from")) or chat
    person = as_integer(sender.get("id"))
    if person is None:
        return Unreadable(f"{kind} does not say whom it is about"), None, False
    message = InboundMessage(
        kind=Kind.BLOCKED if status == "kicked" else Kind.UNBLOCKED,
        thread=str(as_integer(chat.get("id")) or person),
        message_id=None,
        sender=_person(sender, str(person), scope),
        text=labels_in(_is_russian(sender))("blocked" if status == "kicked" else "unblocked"),
        sent_at=_moment(event.get("date"), received_at),
        content="membership",
    )
    return message, person, False


_READERS: dict[str, Callable[[str, Json, datetime, str], _Read]] = {
    "message": _message,
    "edited_message": _message,
    "business_message": _business,
    "edited_business_message": _business,
    "business_connection": _connection,
    "callback_query": _callback,
    "my_chat_member": _membership,
}

_IGNORED = {
    "channel_post": "channel post",
    "edited_channel_post": "channel post",
    "deleted_business_messages": "deleted business messages",
    "guest_message": "guest message",
    "message_reaction": "reaction",
    "message_reaction_count": "reaction",
    "inline_query": "inline query",
    "chosen_inline_result": "inline query",
    "shipping_query": "payment query",
    "pre_checkout_query": "payment query",
    "purchased_paid_media": "purchase of paid media",
    "poll": "poll result",
    "poll_answer": "poll answer",
    "chat_member": "membership of others",
    "chat_join_request": "request to join a group",
    "chat_boost": "boost",
    "removed_chat_boost": "boost",
    "managed_bot": "managed bot",
    "subscription": "subscription",
    "stopped_message_generation": "stopped generation",
}

_DESCRIBED = {
    **dict.fromkeys(_IGNORED, "other"),
    "message": "message",
    "guest_message": "message",
    "edited_message": "edit",
    "edited_business_message": "edit",
    "business_message": "business",
    "business_connection": "business",
    "deleted_business_messages": "business",
    "callback_query": "callback",
    "my_chat_member": "membership",
    "chat_member": "membership",
    "chat_join_request": "membership",
    "message_reaction": "reaction",
    "message_reaction_count": "reaction",
    "channel_post": "channel",
    "edited_channel_post": "channel",
}
_MESSAGES = frozenset(key for key in _DESCRIBED if key.endswith(("message", "channel_post")))


def _is_private(chat: Json) -> bool:
    kind = chat.get("type")
    if isinstance(kind, str):
        return kind == "private"
    return (as_integer(chat.get("id")) or 0) > 0  # groups and channels have negative ids


def _is_russian(person: Json) -> bool:
    language = person.get("language_code")
    return isinstance(language, str) and language[:2].lower() == "ru"


def _moment(seconds: object, otherwise: datetime) -> datetime:
    """A Unix time as a moment; `otherwise` where there is none (Telegram writes 0 for "inaccessible")."""
    stamp = as_integer(seconds)
    return datetime.fromtimestamp(stamp, UTC) if stamp and 0 < stamp < 32_503_680_000 else otherwise


def _hash(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
