"""What a person sent, as a line a manager can read and the files that came with it.

Every kind of content of the Bot API (https://core.telegram.org/bots/api#message) has a reader. What is
malformed or unknown still becomes a line, never silence. Plain dictionaries are read without a model:
Telegram adds fields and kinds faster than models follow, and a refused update would be a lost customer.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.telegram.cards import CARDS
from channels.telegram.cleaning import MAX_TEXT, Json, as_list, as_object, clean_line, clean_text
from channels.telegram.labels import labels_in
from channels.telegram.media import MEDIA
from core.channel import InboundFile


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one message: its kind as the Bot API calls it, its line and its files."""

    kind: str
    text: str
    files: tuple[InboundFile, ...] = ()


def read_content(message: Json, russian: bool) -> Content:
    """Read what one message carries.

    `message` is a Message of the Bot API as JSON gave it; anything in it may be of any type. `russian`
    chooses the language of the bracketed labels. The text is never empty and holds no character that a
    database refuses (NUL, lone surrogates). `kind` is "service" for what nobody wrote (a pinned message),
    "unsupported" for what is not known here. Never raises.
    """
    text = message.get("text")
    if isinstance(text, str) and (line := clean_text(text)):
        return Content("text", _with_links(line, message["entities"]) if "entities" in message else line)
    say = labels_in(russian)
    caption = message.get("caption")
    words = clean_text(caption) if isinstance(caption, str) else ""
    if words and "caption_entities" in message:
        words = _with_links(words, message["caption_entities"])
    for kind, reader in _READERS.items():
        if kind in message and (found := reader(_value(message, kind), say)):
            return Content(kind, words or clean_text(found[0]), found[1])
    if words:
        return Content("text", words)
    for kind in message:
        if kind in SERVICE:
            return Content("service", say("service", kind))
    unknown = sorted(clean_line(key, 40) for key in message if key not in ENVELOPE)[:8]
    return Content("unsupported", say("unsupported", ", ".join(unknown)) if unknown else say("empty"))


_READERS = {**MEDIA, **CARDS}


def _value(message: Json, kind: str) -> object:
    if kind == "venue" and "location" in message:  # some servers leave the place beside its name
        return {"location": message["location"], **as_object(message[kind])}
    return message[kind]


def _with_links(text: str, entities: object) -> str:
    """`text` and below it the addresses hidden behind its words, for whoever reads it without marks."""
    links: list[str] = []
    for entity in as_list(entities)[:100]:
        url = clean_line(as_object(entity).get("url"), 2048)
        if url and url not in text and url not in links:
            links.append(url)
    return "\n".join([text, *links[:10]])[:MAX_TEXT] if links else text


# What Telegram itself puts into a chat: nobody wrote it.
SERVICE = frozenset({
    "boost_added", "channel_chat_created", "chat_background_set", "chat_owner_changed", "chat_owner_left",
    "community_chat_added", "community_chat_joined", "community_chat_removed", "connected_website",
    "delete_chat_photo", "direct_message_price_changed", "forum_topic_closed", "forum_topic_created",
    "forum_topic_edited", "forum_topic_reopened", "general_forum_topic_hidden",
    "general_forum_topic_unhidden", "gift_upgrade_sent", "giveaway_completed", "giveaway_created",
    "group_chat_created", "left_chat_member", "left_chat_participant", "managed_bot_created",
    "message_auto_delete_timer_changed", "migrate_from_chat_id", "migrate_to_chat_id", "new_chat_member",
    "new_chat_members", "new_chat_participant", "new_chat_photo", "new_chat_title",
    "paid_message_price_changed", "pinned_message", "poll_option_added", "poll_option_deleted",
    "proximity_alert_triggered", "suggested_post_approval_failed", "suggested_post_approved",
    "suggested_post_declined", "suggested_post_paid", "suggested_post_refunded", "supergroup_chat_created",
    "video_chat_ended", "video_chat_participants_invited", "video_chat_scheduled", "video_chat_started",
    "voice_chat_ended", "voice_chat_participants_invited", "voice_chat_scheduled", "voice_chat_started",
    "write_access_allowed",
})  # fmt: skip

# What every message may have around its content.
ENVELOPE = frozenset({
    "author_signature", "business_connection_id", "caption", "caption_entities", "chat", "date",
    "direct_messages_topic", "edit_date", "effect_id", "entities", "ephemeral_message_id", "external_reply",
    "forward_date", "forward_from", "forward_from_chat", "forward_from_message_id", "forward_origin",
    "forward_sender_name", "forward_signature", "from", "guest_bot_caller_chat", "guest_bot_caller_user",
    "guest_query_id", "has_media_spoiler", "has_protected_content", "is_automatic_forward",
    "is_from_offline", "is_paid_post", "is_topic_message", "link_preview_options", "media_group_id",
    "message_id", "message_thread_id", "paid_star_count", "quote", "receiver_user", "reply_markup",
    "reply_to_checklist_task_id", "reply_to_message", "reply_to_poll_option_id", "reply_to_story",
    "sender_boost_count", "sender_business_bot", "sender_chat", "sender_tag", "show_caption_above_media",
    "suggested_post_info", "via_bot",
})  # fmt: skip
