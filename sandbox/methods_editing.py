"""What a bot does with messages that are there: edits, copies, forwards, deletes, pins, answers taps."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.callbacks import CallbackAnswer
from sandbox.calls import Call, Json, bad_request
from sandbox.chats import BusinessChat, Chat
from sandbox.contents import forward_origin
from sandbox.destinations import Destination, destination, send
from sandbox.groups import Group
from sandbox.keyboards import reply_markup
from sandbox.messages import Message
from sandbox.methods_sending import input_media
from sandbox.texts import caption_content, parsed_text, text_content

if TYPE_CHECKING:
    from sandbox.world import World

CALLBACK_LIFETIME = timedelta(minutes=15)
DELETABLE = timedelta(hours=48)
_TEXT_FIELDS = ("text", "entities", "link_preview_options")
_CAPTION_FIELDS = ("caption", "caption_entities", "show_caption_above_media")


def _edit_message_text(world: World, call: Call) -> Json:
    parsed = parsed_text(call)
    if not parsed[0]:
        raise bad_request("message text is empty")
    message = _editable(world, call)
    if "text" not in message.content:
        raise bad_request("there is no text in the message to edit")
    return _edit(world, call, message, _TEXT_FIELDS, text_content(call, parsed))


def _edit_message_caption(world: World, call: Call) -> Json:
    message = _editable(world, call)
    if message.media is None:
        raise bad_request("there is no caption in the message to edit")
    return _edit(world, call, message, _CAPTION_FIELDS, caption_content(call))


def _edit_message_reply_markup(world: World, call: Call) -> Json:
    return _edit(world, call, _editable(world, call), (), {})


def _edit_message_media(world: World, call: Call) -> Json:
    item = call.object("media", "can't parse input media JSON object")
    if not isinstance(item, dict):
        raise bad_request("input media must be an Object")
    message = _editable(world, call)
    if message.media is None and "text" not in message.content:
        raise bad_request("message can't be edited")
    media, caption = input_media(world, call, item)
    message.media = media
    return _edit(world, call, message, _TEXT_FIELDS + _CAPTION_FIELDS, caption)


def _delete_message(world: World, call: Call) -> bool:
    chat = _chat(world, call)
    message_id = call.integer("message_id")
    message = chat.find(message_id)
    if message is None and not world.keep_messages and 0 < message_id <= chat.last_id:
        return True
    if message is None:
        raise bad_request("message to delete not found")
    _check_deletable(world, call, message)
    world.deleted(message)
    return True


def _delete_messages(world: World, call: Call) -> bool:
    """Delete up to a hundred; those that are not there are skipped."""
    ids = call.object("message_ids", "can't parse message identifiers JSON object")
    if not isinstance(ids, list) or not ids:
        raise bad_request("message identifiers are not specified")
    if len(ids) > 100:
        raise bad_request("too many message identifiers specified")
    chat = _chat(world, call)
    found = [message for message in map(chat.find, ids) if message is not None]
    for message in found:
        _check_deletable(world, call, message)
    for message in found:
        world.deleted(message)
    return True


def _copy_message(world: World, call: Call) -> Json:
    source = _source(world, call, "copy")
    return {"message_id": _copy(world, call, source).id}


def _copy_messages(world: World, call: Call) -> list[Json]:
    place = destination(world, call)
    return [{"message_id": _copy(world, call, source, place).id} for source in _sources(world, call)]


def _forward_message(world: World, call: Call) -> Json:
    source = _source(world, call, "forward")
    return _forward(world, call, source, destination(world, call)).payload(call.bot)


def _forward_messages(world: World, call: Call) -> list[Json]:
    place = destination(world, call)
    return [{"message_id": _forward(world, call, s, place).id} for s in _sources(world, call)]


def _pin_chat_message(world: World, call: Call) -> bool:
    chat = _chat(world, call)
    chat.check_writable(call.bot)
    message = chat.find(call.integer("message_id"))
    if message is None:
        raise bad_request("message to pin not found")
    if message.id not in chat.pinned:
        chat.pinned.append(message.id)
        if not isinstance(chat, BusinessChat):
            pinned = {"pinned_message": message.payload(call.bot, nested=True)}
            world.post(chat, call.bot, pinned, topic=message.topic, service=True)
    world.changed("pin", message=message)
    return True


def _unpin_chat_message(world: World, call: Call) -> bool:
    chat = _chat(world, call)
    message_id = call.integer("message_id") or (chat.pinned[-1] if chat.pinned else 0)
    if message_id not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned.remove(message_id)
    world.changed("pin", chat=chat)
    return True


def _unpin_all_chat_messages(world: World, call: Call) -> bool:
    chat = _chat(world, call)
    chat.pinned.clear()
    world.changed("pin", chat=chat)
    return True


def _set_message_reaction(world: World, call: Call) -> bool:
    chat = world.chat_for(call.bot, call.params.get("chat_id"))
    chat.check_writable(call.bot)
    message = chat.find(call.integer("message_id"))
    if message is None:
        raise bad_request("message to react not found")
    reactions = call.object("reaction", "can't parse reaction types JSON object") or []
    if not isinstance(reactions, list) or any(not isinstance(reaction, dict) for reaction in reactions):
        raise bad_request("REACTION_INVALID")
    if len(reactions) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    message.reactions[call.bot.id] = reactions
    world.changed("reaction", message=message, bot=call.bot)
    return True


def _answer_callback_query(world: World, call: Call) -> bool:
    """Answer a tap, once, and not too late: Telegram does not say how late, here it is 15 minutes."""
    query = world.callbacks.get(call.string("callback_query_id"))
    expired = query is not None and world.now() - query.at > CALLBACK_LIFETIME
    if query is None or query.bot is not call.bot or query.answer is not None or expired:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    text = call.string("text")
    if len(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answer = CallbackAnswer(text, call.flag("show_alert"), call.string("url") or None)
    del world.callbacks[query.id]
    world.changed(
        "callback_answer",
        message=query.message,
        bot=call.bot,
        details={"text": text, "alert": query.answer.alert},
    )
    return True


# --- how -----------------------------------------------------------------------------------------


def _chat(world: World, call: Call) -> Chat:
    connection_id = call.string("business_connection_id")
    if connection_id:
        return world.business_chat(call.bot, connection_id, call.params.get("chat_id"))
    return world.chat_for(call.bot, call.params.get("chat_id"))


def _editable(world: World, call: Call) -> Message:
    if call.string("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    reply_markup(call)
    chat = _chat(world, call)
    chat.check_writable(call.bot)
    message_id = call.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = chat.find(message_id)
    if message is None and not world.keep_messages and 0 < message_id <= chat.last_id:
        date = int(world.now().timestamp())
        return Message(chat, message_id, date=date, sender=call.bot, content={"text": ""})
    if message is None:
        raise bad_request("message to edit not found")
    own = message.sender is call.bot or (message.business is not None and message.from_bot)
    by_us = message.business is not None and "sender_business_bot" in message.business
    if not (own or by_us) or message.is_service or "forward_origin" in message.content:
        raise bad_request("message can't be edited")
    if message.markup is not None and "inline_keyboard" not in message.markup:
        raise bad_request("message can't be edited")  # only those without a keyboard or with an inline one
    return message


def _edit(world: World, call: Call, message: Message, fields: tuple[str, ...], content: Json) -> Json:
    markup = reply_markup(call)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    kept = {name: value for name, value in message.content.items() if name not in fields}
    changed = {**kept, **content}
    if changed == message.content and markup == message.markup and call.method != "editMessageMedia":
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message"
        )
    only_markup = call.method == "editMessageReplyMarkup"
    message.content, message.markup = changed, markup
    world.edited(message, date=not only_markup)
    return message.payload(call.bot)


def _check_deletable(world: World, call: Call, message: Message) -> None:
    age = timedelta(seconds=world.now().timestamp() - message.date)
    chat = message.chat
    if isinstance(chat, Group):
        if message.sender is not call.bot and call.bot.id not in chat.admins:
            raise bad_request("message can't be deleted")
        if call.bot.id in chat.admins:
            return
    if age > DELETABLE:
        raise bad_request("message can't be deleted for everyone")


def _source(world: World, call: Call, verb: str) -> Message:
    chat = world.chat_for(call.bot, call.params.get("from_chat_id"))
    message = chat.find(call.integer("message_id"))
    if message is None:
        raise bad_request(f"message to {verb} not found")
    if message.is_service:
        raise bad_request(f"message can't be {'copied' if verb == 'copy' else 'forwarded'}")
    if message.content.get("has_protected_content"):
        raise bad_request("message has protected content and can't be forwarded")
    return message


def _sources(world: World, call: Call) -> list[Message]:
    ids = call.object("message_ids", "can't parse message identifiers JSON object")
    if not isinstance(ids, list) or not ids:
        raise bad_request("message identifiers are not specified")
    chat = world.chat_for(call.bot, call.params.get("from_chat_id"))
    found = [m for m in map(chat.find, ids) if m is not None and not m.is_service]
    if not found:
        raise bad_request("there are no messages to forward")
    return found


def _copy(world: World, call: Call, source: Message, place: Destination | None = None) -> Message:
    dropped = {"forward_origin", "media_group_id", "quote"}
    if "caption" in call.params and source.media is not None:
        dropped |= set(_CAPTION_FIELDS)
    content = {name: value for name, value in source.content.items() if name not in dropped}
    if "caption" in call.params and source.media is not None:
        content |= caption_content(call)
    return send(world, call, place or destination(world, call), content, source.media)


def _forward(world: World, call: Call, source: Message, place: Destination) -> Message:
    content = {**source.content, "forward_origin": forward_origin(source)}
    content.pop("quote", None)
    return send(world, call, place, content, source.media)


METHODS: dict[str, Any] = {
    "editMessageText": _edit_message_text,
    "editMessageCaption": _edit_message_caption,
    "editMessageReplyMarkup": _edit_message_reply_markup,
    "editMessageMedia": _edit_message_media,
    "deleteMessage": _delete_message,
    "deleteMessages": _delete_messages,
    "copyMessage": _copy_message,
    "copyMessages": _copy_messages,
    "forwardMessage": _forward_message,
    "forwardMessages": _forward_messages,
    "pinChatMessage": _pin_chat_message,
    "unpinChatMessage": _unpin_chat_message,
    "unpinAllChatMessages": _unpin_all_chat_messages,
    "setMessageReaction": _set_message_reaction,
    "answerCallbackQuery": _answer_callback_query,
}
