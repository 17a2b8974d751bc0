"""What the page is told: chats, messages and commands as plain JSON. Texts stay texts all the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.accounts import Bot
from sandbox.calls import Json
from sandbox.chats import PrivateChat
from sandbox.files import Media
from sandbox.messages import Message
from sandbox.people import Person
from sandbox.post import Letter


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone on the page: a person and the one bot they talk to. `side` is customer or manager."""

    person: Person
    bot: Bot
    side: str

    @property
    def key(self) -> str:
        return str(self.person.id)

    @property
    def chat(self) -> PrivateChat:
        return self.person.world.private_chat(self.bot, self.person)

    def view(self) -> Json:
        """The telephone as the page draws it."""
        person = self.person
        return {
            "key": self.key,
            "side": self.side,
            "name": person.first_name,
            "language": person.language_code or "",
            "phone": person.phone or "",
            "bot": {"name": self.bot.first_name, "username": self.bot.username},
            "blocked": self.chat.blocked,
        }


def chat_view(phone: Phone) -> list[Json]:
    """Everything that stands in the chat, in order."""
    waiting = waiting_of(phone)
    return [message_view(phone, message, waiting) for message in phone.chat.visible]


def waiting_of(phone: Phone) -> frozenset[int]:
    """The person's messages that the bot has not acknowledged yet, by id."""
    found: set[int] = set()
    for update in phone.bot.updates.pending.values():
        if update.lane == phone.chat.id and update.kind == "message":
            found.add(int(json.loads(update.encoded)["message"]["message_id"]))
    return frozenset(found)


def message_view(phone: Phone, message: Message, waiting: frozenset[int] = frozenset()) -> Json:
    """One message. `mine` says whether the telephone's owner wrote it, `taken` whether the bot has it."""
    content = message.content
    shown: Json = {
        "id": message.id,
        "mine": message.sender is phone.person,
        "at": message.date,
        "kind": message.kind,
        "text": message.text,
        "entities": [
            {name: entity[name] for name in ("type", "offset", "length", "url", "language") if name in entity}
            for entity in message.entities
        ],
        "edited": message.edited,
        "taken": message.id not in waiting,
    }
    if message.group is not None:
        shown["group"] = message.group
    if message.media is not None:
        shown["file"] = _file_view(phone, message.media)
    if "contact" in content:
        contact = content["contact"]
        name = " ".join(filter(None, (contact.get("first_name"), contact.get("last_name"))))
        shown["contact"] = {"name": name, "phone": contact.get("phone_number", "")}
    if (answered := message.reply_to) is not None:
        shown["reply"] = {
            "id": answered.id,
            "mine": answered.sender is phone.person,
            "text": answered.text[:120],
            "kind": answered.kind,
        }
    if message.markup is not None and "inline_keyboard" in message.markup:
        shown["buttons"] = [
            [{"text": b.text, "data": b.data, "url": b.url} for b in row] for row in message.buttons
        ]
    if marks := [str(one.get("emoji", "")) for given in message.reactions.values() for one in given]:
        shown["reactions"] = marks
    return shown


def commands_view(phone: Phone) -> list[Json]:
    """The menu of commands this person is offered: the narrowest scope wins, and in it their language.

    https://core.telegram.org/bots/api#determining-list-of-commands
    """
    known = phone.bot.commands
    by_scope: dict[str, dict[str, Sequence[Json]]] = {}
    for (scope, language), commands in known.items():
        described = json.loads(scope)
        if str(described.get("chat_id", phone.key)) != phone.key:
            continue
        by_scope.setdefault(str(described["type"]), {})[language] = commands
    for kind in ("chat", "all_private_chats", "default"):
        for language in (phone.person.language_code or "", ""):
            if found := by_scope.get(kind, {}).get(language):
                return list(found)
    return []


def letter_view(letter: Letter) -> Json:
    """One letter."""
    return {
        "address": letter.address,
        "mine": letter.mine,
        "subject": letter.subject,
        "text": letter.text[:4000],
        "at": int(letter.at.timestamp()),
    }


def _file_view(phone: Phone, media: Media) -> Json:
    return {
        "url": f"/page/files/{phone.bot.id}/{media.file.id_for(phone.bot.id)}",
        "name": media.name or "",
        "size": media.size,
        "seconds": int(media.about.get("duration", 0)),
    }
