"""Chats, their members and topics, and the files people have sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.calls import Call, Json, bad_request
from sandbox.chats import Chat, PrivateChat, Topic
from sandbox.contents import full_chat
from sandbox.files import LINK_LIFETIME, MAX_DOWNLOAD
from sandbox.groups import GENERAL, Group

if TYPE_CHECKING:
    from sandbox.messages import Sender
    from sandbox.world import World

_ICON_COLORS = frozenset({7322096, 16766590, 13338331, 9367192, 16749490, 16478047})


def _get_chat(world: World, call: Call) -> Json:
    chat = world.chat_for(call.bot, call.params.get("chat_id"))
    if isinstance(chat, PrivateChat) and not chat.started:
        raise bad_request("chat not found")
    if isinstance(chat, Group):
        chat.check_writable(call.bot)
    shown = full_chat(chat.describe(call.bot))
    if chat.pinned and (pinned := chat.find(chat.pinned[-1])) is not None:
        shown["pinned_message"] = pinned.payload(call.bot, nested=True)
    return shown


def _get_chat_member(world: World, call: Call) -> Json:
    chat = world.chat_for(call.bot, call.params.get("chat_id"))
    user_id = call.integer("user_id")
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    known = _account(world, user_id)
    if known is None:
        raise bad_request("member not found")
    if isinstance(chat, Group):
        chat.check_writable(call.bot)
        return chat.member(user_id, known)
    if user_id not in (chat.id, call.bot.id):
        raise bad_request("member not found")
    return {"user": known.describe(), "status": "member"}


def _get_chat_administrators(world: World, call: Call) -> list[Json]:
    group = _group(world, call)
    return [
        group.member(member_id, member)
        for member_id, member in group.members.items()
        if member_id in group.admins and not (member.is_bot and member is not call.bot)
    ]


def _get_chat_member_count(world: World, call: Call) -> int:
    chat = world.chat_for(call.bot, call.params.get("chat_id"))
    return len(chat.members) if isinstance(chat, Group) else 2


def _leave_chat(world: World, call: Call) -> bool:
    group = _group(world, call)
    group.leave(call.bot, "left", group.status_of(call.bot.id))
    return True


def _get_file(world: World, call: Call) -> Json:
    """Make a file ready: for an hour it can be fetched under `file_path`."""
    file_id = call.string("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    stored = world.files.find(file_id, call.bot.id)
    if stored is None:
        raise bad_request("invalid file_id")
    if stored.size > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    stored.link_until = world.now() + LINK_LIFETIME
    return {
        "file_id": file_id,
        "file_unique_id": stored.unique_id,
        "file_size": stored.size,
        "file_path": stored.path,
    }


def _get_user_profile_photos(world: World, call: Call) -> Json:
    if _account(world, call.integer("user_id")) is None:
        raise bad_request("user not found")
    return {"total_count": 0, "photos": []}


def _get_business_connection(world: World, call: Call) -> Json:
    connection = world.connections.get(call.string("business_connection_id"))
    if connection is None or connection.bot is not call.bot:
        raise bad_request("business connection not found")
    return connection.describe()


def _read_business_message(world: World, call: Call) -> bool:
    chat = world.business_chat(call.bot, call.string("business_connection_id"), call.params.get("chat_id"))
    if chat.find(call.integer("message_id")) is None:
        raise bad_request("message not found")
    world.changed("read", chat=chat, details={"message_id": call.integer("message_id")})
    return True


# --- topics --------------------------------------------------------------------------------------


def _create_forum_topic(world: World, call: Call) -> Json:
    forum = _forum(world, call)
    name = call.string("name").strip()
    if not name or len(name) > 128:
        raise bad_request("topic name must be non-empty" if not name else "TOPIC_TITLE_INVALID")
    color = call.integer("icon_color", 0x6FB9F0)
    if color not in _ICON_COLORS:
        raise bad_request("TOPIC_ICON_COLOR_INVALID")
    topic = forum.open_topic(call.bot, name, color, call.string("icon_custom_emoji_id") or None)
    world.changed("topic", chat=forum, bot=call.bot, details={"topic": topic.id})
    return topic.describe()


def _edit_forum_topic(world: World, call: Call) -> bool:
    forum, topic = _topic(world, call)
    name = call.string("name").strip() or topic.name
    emoji = (
        call.string("icon_custom_emoji_id") if "icon_custom_emoji_id" in call.params else topic.icon_emoji_id
    )
    if (name, emoji or None) == (topic.name, topic.icon_emoji_id):
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.name, topic.icon_emoji_id = name, emoji or None
    return _topic_changed(world, call, forum, topic, {"forum_topic_edited": {"name": name}})


def _close_forum_topic(world: World, call: Call) -> bool:
    return _close_topic(world, call, *_topic(world, call), closed=True)


def _reopen_forum_topic(world: World, call: Call) -> bool:
    return _close_topic(world, call, *_topic(world, call), closed=False)


def _delete_forum_topic(world: World, call: Call) -> bool:
    """Delete a topic with everything in it; who writes into it afterwards is told it is not found."""
    forum, topic = _topic(world, call)
    if topic.is_general:
        raise bad_request("TOPIC_ID_INVALID")
    topic.deleted = True
    for message in forum.visible:
        if message.topic is topic:
            message.deleted = True
    world.changed("topic", chat=forum, bot=call.bot, details={"topic": topic.id, "deleted": True})
    return True


def _edit_general_forum_topic(world: World, call: Call) -> bool:
    forum = _forum(world, call)
    topic = forum.topics[GENERAL]
    topic.name = call.string("name").strip() or topic.name
    return _topic_changed(world, call, forum, topic, {"forum_topic_edited": {"name": topic.name}})


def _close_general_forum_topic(world: World, call: Call) -> bool:
    forum = _forum(world, call)
    return _close_topic(world, call, forum, forum.topics[GENERAL], closed=True)


def _reopen_general_forum_topic(world: World, call: Call) -> bool:
    forum = _forum(world, call)
    return _close_topic(world, call, forum, forum.topics[GENERAL], closed=False)


def _get_forum_topic_icon_stickers(_world: World, _call: Call) -> list[Json]:
    return []


# --- how -----------------------------------------------------------------------------------------


def _account(world: World, user_id: int) -> Sender | None:
    person = world.people.get(user_id)
    return person or next((bot for bot in world.bots.values() if bot.id == user_id), None)


def _group(world: World, call: Call) -> Group:
    chat: Chat = world.chat_for(call.bot, call.params.get("chat_id"))
    if not isinstance(chat, Group):
        raise bad_request("there are no administrators in the private chat")
    chat.check_writable(call.bot)
    return chat


def _forum(world: World, call: Call) -> Group:
    chat = world.chat_for(call.bot, call.params.get("chat_id"))
    if not isinstance(chat, Group) or not chat.is_supergroup:
        raise bad_request("the chat is not a supergroup")
    chat.check_writable(call.bot)
    if not chat.is_forum:
        raise bad_request("the chat is not a forum")
    if call.bot.id not in chat.admins:
        raise bad_request("not enough rights to create a topic")
    return chat


def _topic(world: World, call: Call) -> tuple[Group, Topic]:
    forum = _forum(world, call)
    topic = forum.topics.get(call.integer("message_thread_id"))
    if topic is None or topic.deleted:
        raise bad_request("TOPIC_ID_INVALID")
    return forum, topic


def _close_topic(world: World, call: Call, forum: Group, topic: Topic, *, closed: bool) -> bool:
    if topic.closed == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    field = "forum_topic_closed" if closed else "forum_topic_reopened"
    return _topic_changed(world, call, forum, topic, {field: {}})


def _topic_changed(world: World, call: Call, forum: Group, topic: Topic, content: Json) -> bool:
    world.post(forum, call.bot, content, topic=topic, service=True)
    world.changed("topic", chat=forum, bot=call.bot, details={"topic": topic.id})
    return True


METHODS: dict[str, Any] = {
    "getChat": _get_chat,
    "getChatMember": _get_chat_member,
    "getChatAdministrators": _get_chat_administrators,
    "getChatMemberCount": _get_chat_member_count,
    "leaveChat": _leave_chat,
    "getFile": _get_file,
    "getUserProfilePhotos": _get_user_profile_photos,
    "getBusinessConnection": _get_business_connection,
    "readBusinessMessage": _read_business_message,
    "createForumTopic": _create_forum_topic,
    "editForumTopic": _edit_forum_topic,
    "closeForumTopic": _close_forum_topic,
    "reopenForumTopic": _reopen_forum_topic,
    "deleteForumTopic": _delete_forum_topic,
    "editGeneralForumTopic": _edit_general_forum_topic,
    "closeGeneralForumTopic": _close_general_forum_topic,
    "reopenGeneralForumTopic": _reopen_general_forum_topic,
    "getForumTopicIconStickers": _get_forum_topic_icon_stickers,
}
