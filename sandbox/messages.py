"""A message as Telegram keeps it, and as each bot sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sandbox.calls import Json
from sandbox.files import Media

if TYPE_CHECKING:
    from sandbox.accounts import Bot
    from sandbox.chats import Chat, Topic
    from sandbox.people import Person

    Sender: TypeAlias = Bot | Person


@dataclass(frozen=True, slots=True)
class Button:
    """One button: of a message (`data`, `url` or a web app's address), or of a keyboard (none of them)."""

    text: str
    data: str | None = None
    url: str | None = None
    web_app: str | None = None
    request_contact: bool = False
    request_location: bool = False


class Message:
    """One message in one chat; edits change it in place.

    `content` holds the Bot API's own fields (text, entities, caption, contact, ...), `media` the file if
    there is one. For tests and the page it also answers in plain words: `text`, `buttons`, `files`, `marked`.
    """

    __slots__ = (
        "business",
        "chat",
        "content",
        "date",
        "deleted",
        "edited_at",
        "id",
        "is_service",
        "markup",
        "media",
        "reactions",
        "reply_to",
        "sender",
        "silent",
        "topic",
    )

    def __init__(
        self,
        chat: Chat,
        message_id: int,
        *,
        date: int,
        sender: Sender | None,
        content: Json,
        media: Media | None = None,
    ) -> None:
        self.chat = chat
        self.id = message_id
        self.date = date  # Unix seconds
        self.sender = sender
        self.content = content
        self.media = media
        self.markup: Json | None = None  # what the bot gave as reply_markup
        self.reply_to: Message | None = None
        self.topic: Topic | None = None
        self.business: Json | None = None  # business_connection_id, and who sent in the owner's name
        self.edited_at: int | None = None
        self.deleted = False
        self.silent = False
        self.is_service = False
        self.reactions: dict[int, list[Json]] = {}  # by who reacted

    # --- in plain words --------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What can be read: the text, or the caption of a file; empty when there is neither."""
        return str(self.content.get("text") or self.content.get("caption") or "")

    @property
    def entities(self) -> list[Json]:
        """The entities of `text`, offsets in UTF-16 units."""
        found: list[Json] = self.content.get("entities") or self.content.get("caption_entities") or []
        return found

    def marked(self, kind: str) -> list[str]:
        """The pieces of the text under entities of one type: `marked("bold")`."""
        units = self.text.encode("utf-16-le")
        return [
            units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
            for entity in self.entities
            if entity["type"] == kind
        ]

    @property
    def kind(self) -> str:
        """What it is: text, photo, document, contact, ..., or the name of a service message."""
        if self.media is not None:
            return self.media.kind
        for field in self.content:
            if field not in _ATTRIBUTES:
                return field
        return "unknown"

    @property
    def files(self) -> tuple[Media, ...]:
        """The file, with its bytes in `data`."""
        return () if self.media is None else (self.media,)

    @property
    def from_bot(self) -> bool:
        return self.sender is not None and self.sender.is_bot

    @property
    def edited(self) -> bool:
        return self.edited_at is not None

    @property
    def buttons(self) -> list[list[Button]]:
        """The rows of buttons under the message, or of the keyboard it brought."""
        markup = self.markup or {}
        rows: Sequence[Sequence[Json | str]] = markup.get("inline_keyboard") or markup.get("keyboard") or []
        return [[_button(button) for button in row] for row in rows]

    def button(self, label: str) -> Button:
        """The button with this text, data, or (when only one has it) part of the text. Raises LookupError."""
        every = [button for row in self.buttons for button in row]
        for button in every:
            if label in (button.text, button.data):
                return button
        partly = [button for button in every if label in button.text]
        if len(partly) == 1:
            return partly[0]
        shown = (
            ", ".join(f"{button.text!r} ({button.data or button.url})" for button in every) or "no buttons"
        )
        raise LookupError(f"no button {label!r} under message {self.id} ({self.text[:60]!r}); it has {shown}")

    @property
    def group(self) -> str | None:
        """The album it is a part of."""
        album = self.content.get("media_group_id")
        return str(album) if album is not None else None

    # --- as the Bot API shows it -----------------------------------------------------------------

    def payload(self, bot: Bot, *, nested: bool = False) -> Json:
        """The `Message` object one bot gets; a `nested` one is quoted by another and quotes none itself."""
        shown: Json = {"message_id": self.id}
        if self.business is not None:
            shown |= self.business
        if self.sender is not None:
            shown["from"] = self.sender.describe()
        shown["chat"] = self.chat.describe(bot)
        shown["date"] = self.date
        if self.topic is not None and not self.topic.is_general:
            shown["message_thread_id"] = self.topic.id
            shown["is_topic_message"] = True
        if self.edited_at is not None:
            shown["edit_date"] = self.edited_at
        if self.reply_to is not None and not nested:
            shown["reply_to_message"] = self.reply_to.payload(bot, nested=True)
        if self.media is not None:
            shown |= self.media.for_bot(bot.id)
        shown |= self.content
        if self.markup is not None and "inline_keyboard" in self.markup:
            shown["reply_markup"] = self.markup
        return shown

    def __repr__(self) -> str:
        who = self.sender.first_name if self.sender is not None else "?"
        return f"<Message {self.id} {self.kind} from {who}: {self.text[:60]!r}>"


# Fields that say something about a message and not what it is.
_ATTRIBUTES = frozenset(
    {
        "caption",
        "caption_entities",
        "entities",
        "forward_origin",
        "has_media_spoiler",
        "has_protected_content",
        "is_from_offline",
        "link_preview_options",
        "media_group_id",
        "quote",
        "show_caption_above_media",
    }
)


def _button(button: Json | str) -> Button:
    if isinstance(button, str):
        return Button(button)
    web_app = button.get("web_app") or {}
    return Button(
        button.get("text", ""),
        button.get("callback_data"),
        button.get("url"),
        web_app.get("url"),
        bool(button.get("request_contact")),
        bool(button.get("request_location")),
    )
