"""Who is asking: found once per update, before anything else, with the words to answer them in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.types import TelegramObject, User

from bot.chat import Chat
from bot.handlers.deeds import Deed
from bot.office import Office
from core.staff.managers import by_telegram


class Who(BaseMiddleware):
    """Gives handlers the `chat`, the `person` in it (None for a stranger), and the update's one `deed`."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        user: User | None = data.get("event_from_user")
        office: Office = data["office"]
        if user is None:
            return None  # a channel, or a message of Telegram itself: nobody to answer
        person = await office.db.read(lambda connection: by_telegram(connection, user.id))
        language = person.language if person else language_of_user(user)
        deed = Deed(office.db, data["staff_update_id"])
        chat = Chat(office, data["bot"], user.id, office.words(language), data["state"])
        data |= {"chat": chat, "person": person, "deed": deed}
        return await handler(event, data)


def language_of_user(user: User) -> str | None:
    """What Telegram says the person reads, as we name languages."""
    return user.language_code.split("-")[0].lower() if user.language_code else None
