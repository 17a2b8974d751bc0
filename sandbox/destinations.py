"""Where a call wants to write: the chat, the topic, the message it answers; and why it may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.calls import Call, Json, bad_request
from sandbox.chats import Chat, Topic
from sandbox.files import Media
from sandbox.keyboards import reply_markup
from sandbox.messages import Message

if TYPE_CHECKING:
    from sandbox.messages import Sender
    from sandbox.world import World


@dataclass(frozen=True, slots=True)
class Destination:
    """One place to write to, found writable."""

    chat: Chat
    sender: Sender
    topic: Topic | None
    business: Json | None
    markup: Json | None


def destination(world: World, call: Call) -> Destination:
    """The chat and topic of a call, and its keyboard: a bad keyboard is noticed before a bad chat.

    Raises ApiError: 400 for what does not exist, 403 where the bot is not welcome.
    """
    markup = reply_markup(call)
    connection_id = call.string("business_connection_id")
    business: Json | None = None
    sender: Sender = call.bot
    if connection_id:
        business_chat = world.business_chat(call.bot, connection_id, call.params.get("chat_id"))
        sender = business_chat.connection.owner
        business = {"business_connection_id": connection_id, "sender_business_bot": call.bot.describe()}
        chat: Chat = business_chat
    else:
        chat = world.chat_for(call.bot, call.params.get("chat_id"))
    chat.check_writable(call.bot)
    thread_id = call.integer("message_thread_id")
    topic = chat.topic(thread_id, call.bot) if thread_id else None
    return Destination(chat, sender, topic, business, markup)


def answered_message(world: World, call: Call, chat: Chat) -> tuple[Message | None, Json]:
    """The message a call replies to, and the quote it makes of it.

    Raises ApiError 400 when there is no such message and the call does not allow going on without it.
    """
    parameters = call.object("reply_parameters", "can't parse reply parameters JSON object")
    if isinstance(parameters, dict):
        if "message_id" not in parameters:
            raise bad_request('can\'t find field "message_id"')
        message_id, lenient = parameters["message_id"], bool(parameters.get("allow_sending_without_reply"))
    else:
        parameters = {}
        message_id, lenient = call.integer("reply_to_message_id"), call.flag("allow_sending_without_reply")
    if not message_id:
        return None, {}
    found = chat.find(int(message_id)) if str(message_id).isdecimal() else None
    if found is None:
        forgotten = (
            not world.keep_messages and str(message_id).isdecimal() and int(message_id) <= chat.last_id
        )
        if lenient or forgotten:
            return None, {}
        raise bad_request("message to be replied not found")
    quote = parameters.get("quote")
    if not quote:
        return found, {}
    if quote not in found.text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return found, {"quote": {"text": quote, "position": found.text.index(quote), "is_manual": True}}


def send(world: World, call: Call, place: Destination, content: Json, media: Media | None = None) -> Message:
    """Check what is common to everything a bot sends, and post it."""
    reply_to, quote = answered_message(world, call, place.chat)
    content |= quote
    if call.flag("protect_content"):
        content["has_protected_content"] = True
    topic = place.topic
    if topic is None and reply_to is not None:
        topic = reply_to.topic
    return world.post(
        place.chat,
        place.sender,
        content,
        media=media,
        reply_to=reply_to,
        topic=topic,
        markup=place.markup,
        silent=call.flag("disable_notification"),
        business=place.business,
    )
