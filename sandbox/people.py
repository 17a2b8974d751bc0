"""People with telephones: they write, send things, tap buttons, block bots.

`to` is a bot (the private chat with it), a group, or a business connection (its owner's chat with them).
Every act returns what it made, and the bots have it as an update by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sandbox.accounts import Bot
from sandbox.business import BusinessConnection
from sandbox.callbacks import CallbackAnswer, CallbackQuery
from sandbox.calls import Json
from sandbox.chats import Chat, PrivateChat, Topic
from sandbox.contents import Item, captioned, forward_origin, media_of, poll
from sandbox.entities import tidied
from sandbox.files import Media
from sandbox.groups import Group
from sandbox.markup_text import utf16_length
from sandbox.messages import Message
from sandbox.samples import SAMPLES

if TYPE_CHECKING:
    from sandbox.world import World

Destination: TypeAlias = Bot | Group | BusinessConnection


@dataclass(slots=True, eq=False)
class Person:
    """Somebody with a telephone. Made by `TelegramSandbox.person`."""

    world: World
    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = "ru"
    phone: str | None = None
    hides_forwards: bool = False
    is_deactivated: bool = False
    is_bot: bool = field(default=False, init=False)

    # --- writing ---------------------------------------------------------------------------------

    async def writes(
        self,
        to: Destination,
        text: str,
        *,
        reply_to: Message | None = None,
        entities: Sequence[Json] = (),
        topic: Topic | None = None,
        quote: str | None = None,
    ) -> Message:
        """Write a text; `quote` is the part of `reply_to` that is answered. Raises ValueError for none."""
        shown, found = tidied(text, list(entities))
        if not shown:
            raise ValueError("Telegram sends no empty text")
        if utf16_length(shown) > 4096:
            raise ValueError("Telegram's own programs divide a text longer than 4096")
        content: Json = {"text": shown}
        if found:
            content["entities"] = found
        if quote is not None:
            content["quote"] = {"text": quote, "position": 0, "is_manual": True}
        return self._post(to, content, reply_to=reply_to, topic=topic)

    async def starts(self, bot: Bot, payload: str | None = None) -> Message:
        """Press Start, unblocking if need be; `payload` is what a link `t.me/bot?start=payload` carries."""
        if self.world.private_chat(bot, self).blocked:
            await self.unblocks(bot)
        return await self.writes(bot, "/start" if payload is None else f"/start {payload}")

    async def sends(
        self,
        to: Destination,
        kind: str,
        *,
        data: bytes | None = None,
        name: str | None = None,
        size: int | None = None,
        caption: str | None = None,
        reply_to: Message | None = None,
        topic: Topic | None = None,
        **about: object,
    ) -> Message:
        """Send a file of any kind: photo, document, voice, audio, video, animation, video_note, sticker.

        `data` is a small sample unless given; `size` in bytes claims a size the data does not have (a file of
        more than 20 MB that a bot may not fetch). `about` overrides what Telegram says of it: duration, ...
        """
        media = self._media(kind, data, name, size, about)
        return self._post(to, captioned(caption), media=media, reply_to=reply_to, topic=topic)

    async def sends_photo(
        self, to: Destination, data: bytes | None = None, caption: str | None = None
    ) -> Message:
        """Send a picture."""
        return await self.sends(to, "photo", data=data, caption=caption)

    async def sends_document(
        self,
        to: Destination,
        data: bytes | None = None,
        name: str = "document.pdf",
        *,
        mime_type: str = "application/pdf",
        caption: str | None = None,
        size: int | None = None,
    ) -> Message:
        """Send a file."""
        return await self.sends(
            to, "document", data=data, name=name, mime_type=mime_type, caption=caption, size=size
        )

    async def sends_voice(self, to: Destination, data: bytes | None = None, duration: int = 3) -> Message:
        """Send a voice message of `duration` seconds."""
        return await self.sends(to, "voice", data=data, duration=duration)

    async def sends_sticker(self, to: Destination, emoji: str = "👍") -> Message:
        """Send a sticker."""
        return await self.sends(to, "sticker", emoji=emoji)

    async def sends_album(
        self,
        to: Destination,
        items: Sequence[Item | bytes],
        caption: str | None = None,
        *,
        reply_to: Message | None = None,
    ) -> list[Message]:
        """Send two to ten files at once: each arrives as a message and an update of its own, each as a reply.

        The caption stands under the first; an `Item` may have its own.
        """
        if not 2 <= len(items) <= 10:
            raise ValueError("an album has two to ten parts")
        chat = self._chat(to)
        album = str(13_000_000_000_000_000 + abs(chat.id) * 1_000 + chat.last_id)
        parts: list[Message] = []
        for position, item in enumerate(items):
            part = item if isinstance(item, Item) else Item(data=item)
            content = captioned(part.caption or (caption if position == 0 else None))
            content["media_group_id"] = album
            parts.append(
                self._post(
                    to,
                    content,
                    media=self._media(part.kind, part.data, part.name, None, {}),
                    reply_to=reply_to,
                )
            )
        return parts

    async def sends_contact(
        self,
        to: Destination,
        phone: str | None = None,
        *,
        first_name: str | None = None,
        of: Person | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Share a contact: one's own (no `of`, no name), another person's, or a bare number with a name."""
        whose = of if of is not None else None if first_name is not None else self
        number = phone or (whose.phone if whose is not None else None)
        if number is None:
            raise ValueError("a shared contact has a phone: give one here or to the person")
        contact: Json = {"phone_number": number, "first_name": first_name or (whose or self).first_name}
        if whose is not None:
            contact["user_id"] = whose.id
            if whose.last_name:
                contact["last_name"] = whose.last_name
        return self._post(to, {"contact": contact}, reply_to=reply_to)

    async def sends_location(
        self, to: Destination, latitude: float = 55.7558, longitude: float = 37.6173
    ) -> Message:
        """Share where one is."""
        return self._post(to, {"location": {"latitude": latitude, "longitude": longitude}})

    async def sends_venue(self, to: Destination, title: str, address: str) -> Message:
        """Share a place."""
        location = {"latitude": 55.7558, "longitude": 37.6173}
        venue = {"location": location, "title": title, "address": address}
        return self._post(to, {"venue": venue, "location": location})

    async def sends_dice(self, to: Destination, value: int = 6, emoji: str = "🎲") -> Message:
        """Throw a die."""
        return self._post(to, {"dice": {"emoji": emoji, "value": value}})

    async def sends_poll(self, to: Destination, question: str, options: Sequence[str]) -> Message:
        """Ask something with answers to choose from."""
        return self._post(to, {"poll": poll(f"5{self.id}{len(options)}", question, options)})

    async def sends_service(self, to: Destination, content: Json) -> Message:
        """Cause a message of any other kind, given as the Bot API's own fields: `{"story": {...}}`."""
        return self._post(to, dict(content), service=True)

    async def forwards(self, message: Message, to: Destination) -> Message:
        """Forward a message, one's own or another's."""
        content = {**message.content, "forward_origin": forward_origin(message)}
        content.pop("media_group_id", None)
        return self._post(to, content, media=message.media)

    # --- changing --------------------------------------------------------------------------------

    async def edits(self, message: Message, text: str) -> Message:
        """Change the text, or the caption, of one's own message."""
        self._own(message)
        shown, entities = tidied(text, [])
        field_name = "text" if message.media is None else "caption"
        entities_name = "entities" if message.media is None else "caption_entities"
        message.content[field_name] = shown
        message.content.pop(entities_name, None)
        if entities:
            message.content[entities_name] = entities
        self.world.edited(message)
        return message

    async def deletes(self, message: Message) -> None:
        """Delete a message for everyone. Bots are told only in business chats."""
        self.world.deleted(message)

    async def reacts(self, message: Message, *emojis: str) -> None:
        """Put reactions on a message, or take them away with none."""
        before = message.reactions.get(self.id, [])
        message.reactions[self.id] = [{"type": "emoji", "emoji": emoji} for emoji in emojis]
        chat = message.chat
        bots = (
            [chat.bot]
            if isinstance(chat, PrivateChat)
            else list(chat.bots)
            if isinstance(chat, Group)
            else []
        )
        for bot in bots:
            update: Json = {
                "chat": chat.describe(bot),
                "message_id": message.id,
                "user": self.describe(),
                "date": int(self.world.now().timestamp()),
                "old_reaction": before,
                "new_reaction": message.reactions[self.id],
            }
            self.world.push(bot, "message_reaction", update, chat.id)
        self.world.changed("reaction", message=message)

    async def blocks(self, bot: Bot) -> None:
        """Block a bot: it is told, and can write no more."""
        self._block(bot, True)

    async def unblocks(self, bot: Bot) -> None:
        """Let a blocked bot write again."""
        self._block(bot, False)

    async def deactivate(self) -> None:
        """Delete the account."""
        self.is_deactivated = True
        self.world.changed("membership", details={"member": self.id, "status": "deactivated"})

    # --- tapping ---------------------------------------------------------------------------------

    def press(self, message: Message, button: str) -> CallbackQuery:
        """Tap a button, named by its text or data, and do not wait. Raises LookupError when there is none."""
        pressed = message.button(button)
        if message.deleted:
            raise LookupError(f"message {message.id} has been deleted, with its buttons")
        if pressed.data is None or not isinstance(message.sender, Bot):
            raise LookupError(
                f"the button {pressed.text!r} opens {pressed.url or pressed.web_app}, it asks no bot"
            )
        bot = message.sender
        query_id = str(4_000_000_000_000_000_000 + next(_QUERY_NUMBERS))
        query = CallbackQuery(query_id, bot, message, pressed, self.world.now())
        self.world.callbacks[query.id] = query
        payload: Json = {
            "id": query.id,
            "from": self.describe(),
            "message": message.payload(bot),
            "chat_instance": str(-(abs(message.chat.id) + 7_000_000_000)),
            "data": pressed.data,
        }
        self.world.push(bot, "callback_query", payload, self.id)
        self.world.changed("callback", message=message, bot=bot, details={"data": pressed.data})
        return query

    async def taps(self, message: Message, button: str, timeout: float = 20.0) -> CallbackAnswer:  # noqa: ASYNC109 a test says how long
        """Tap a button, named by its text or data, and wait until the bot has answered the tap.

        A button with a link answers at once with that link. Raises LookupError when there is no such button
        and TimeoutError when the bot leaves the tap unanswered for `timeout` seconds.
        """
        named = message.button(button)
        if named.data is None:
            return CallbackAnswer(url=named.url or named.web_app)
        query = self.press(message, button)
        return await self.world.until(lambda: query.answer, timeout) or CallbackAnswer()

    async def presses(self, bot: Bot, label: str) -> Message:
        """Press a key of the open reply keyboard: writes its text, or shares the own contact or place."""
        chat = self.world.private_chat(bot, self)
        if chat.keyboard is None:
            raise LookupError(f"no keyboard is open in the chat with @{bot.username}")
        key = chat.keyboard.button(label)
        if key.request_contact:
            return await self.sends_contact(bot, reply_to=chat.keyboard)
        if key.request_location:
            return await self.sends_location(bot)
        return await self.writes(bot, key.text)

    # --- seeing ----------------------------------------------------------------------------------

    def chat(self, to: Bot | BusinessConnection) -> list[Message]:
        """What this person sees in the chat, in order, with all edits; deleted messages are gone."""
        return self._chat(to).visible

    def last(self, to: Bot | BusinessConnection) -> Message:
        """The newest message in the chat. Raises LookupError when it is empty."""
        seen = self.chat(to)
        if not seen:
            raise LookupError(f"{self.first_name} sees an empty chat")
        return seen[-1]

    async def sees(
        self,
        to: Bot | BusinessConnection,
        text: str,
        timeout: float = 20.0,  # noqa: ASYNC109 a test says how long
        *,
        after: Message | None = None,
    ) -> Message:
        """Wait until the other side has written something with `text` in it, and return the newest.

        With `after`, only what stands below that message counts. Raises TimeoutError after `timeout` seconds.
        """

        def newest() -> list[Message]:
            return [
                message
                for message in reversed(self.chat(to))
                if message.sender is not self
                and text in message.text
                and (after is None or message.id > after.id)
            ]

        return (await self.world.until(newest, timeout))[0]

    def describe(self) -> Json:
        """The `User` of the Bot API."""
        shown: Json = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        if self.last_name:
            shown["last_name"] = self.last_name
        if self.username:
            shown["username"] = self.username
        if self.language_code:
            shown["language_code"] = self.language_code
        return shown

    def describe_chat(self) -> Json:
        """The `Chat` of the Bot API, private."""
        shown: Json = {"id": self.id, "first_name": self.first_name, "type": "private"}
        if self.last_name:
            shown["last_name"] = self.last_name
        if self.username:
            shown["username"] = self.username
        return shown

    # --- how -------------------------------------------------------------------------------------

    def _chat(self, to: Destination) -> Chat:
        if isinstance(to, Bot):
            return self.world.private_chat(to, self)
        return to.chat(self) if isinstance(to, BusinessConnection) else to

    def _post(
        self,
        to: Destination,
        content: Json,
        *,
        media: Media | None = None,
        reply_to: Message | None = None,
        topic: Topic | None = None,
        service: bool = False,
    ) -> Message:
        if self.is_deactivated:
            raise ValueError(f"{self.first_name} has no account any more")
        chat = self._chat(to)
        business: Json | None = None
        if isinstance(chat, PrivateChat):
            if chat.blocked:
                raise ValueError(f"{self.first_name} has blocked the bot and must unblock it to write")
            chat.started = True
        elif isinstance(chat, Group):
            if self.id not in chat.members:
                raise ValueError(f"{self.first_name} is not in {chat.title!r}")
        elif isinstance(to, BusinessConnection):
            business = {"business_connection_id": to.id}
        return self.world.post(
            chat,
            self,
            content,
            media=media,
            reply_to=reply_to,
            topic=topic,
            business=business,
            service=service,
        )

    def _media(self, kind: str, data: bytes | None, name: str | None, size: int | None, about: Json) -> Media:
        held = SAMPLES[kind] if data is None else data
        return media_of(self.world.files, kind, held, name=name, size=size, about=about)

    def _own(self, message: Message) -> None:
        if message.sender is not self:
            raise ValueError(f"message {message.id} is not {self.first_name}'s to change")

    def _block(self, bot: Bot, blocked: bool) -> None:
        chat = self.world.private_chat(bot, self)
        if chat.blocked == blocked:
            return
        chat.blocked = blocked
        member, kicked = _membership(bot, "member"), {**_membership(bot, "kicked"), "until_date": 0}
        update: Json = {
            "chat": self.describe_chat(),
            "from": self.describe(),
            "date": int(self.world.now().timestamp()),
            "old_chat_member": member if blocked else kicked,
            "new_chat_member": kicked if blocked else member,
        }
        self.world.push(bot, "my_chat_member", update, self.id)
        self.world.changed("membership", chat=chat, bot=bot, details={"blocked": blocked})


_QUERY_NUMBERS = itertools.count(1)


def _membership(bot: Bot, status: str) -> Json:
    return {"user": bot.describe(), "status": status}
