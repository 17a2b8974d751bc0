"""Asking for the next message: a question with Cancel, remembered until it is answered or left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State
from aiogram.types import Message

from bot.callbacks import Action, data
from bot.dialogs import FRESH
from bot.handlers.showing import show, strip
from bot.office import Office
from bot.texts import Words
from core.channel import Button, Screen
from core.conversations.shown import ShownMessage
from core.errors import Refusal


async def ask(
    office: Office,
    bot: Bot,
    state: FSMContext,
    words: Words,
    chat_id: int,
    meant: State,
    content: Mapping[str, Any],
    question: str,
    about: ShownMessage | None = None,
    rows: Sequence[tuple[Button, ...]] = (),
) -> None:
    """Ask, and remember what the next message is meant for. An earlier question is thereby left.

    `rows` are further buttons above Cancel.
    """
    cancel = Button(words("button-cancel"), data(Action.CANCEL))
    await state.clear()
    asked = await show(office, bot, chat_id, Screen(question, (), (*rows, (cancel,))), about)
    await state.set_data({**content, "at": words.now.isoformat(), "asked": asked.message_id})
    await state.set_state(meant)


async def answered(
    office: Office, bot: Bot, chat_id: int, state: FSMContext, now: datetime
) -> dict[str, Any] | None:
    """What the dialog was about; it is over. None when the person has long forgotten it, or it is lost.

    It ends before anything is done: were it the other way round, a failure between would make the next message
    an answer too.
    """
    content = await state.get_data()
    await state.clear()
    if isinstance(asked := content.get("asked"), int):
        await strip(office, bot, chat_id, asked)
    begun = content.get("at")
    if not isinstance(begun, str) or now - datetime.fromisoformat(begun) > FRESH:
        return None
    return content


async def expect_album(state: FSMContext, message: Message, about: ShownMessage) -> None:
    """Telegram gives each part of an album as a message of its own; the others follow at once."""
    if message.media_group_id:
        with suppress(Refusal):  # the answer itself is on its way; it must not be called refused
            await state.set_data(
                {
                    "album": message.media_group_id,
                    "lead": about.lead_id,
                    "conversation": about.conversation_id,
                }
            )


async def leave(state: FSMContext) -> None:
    """The person does something else: an unfinished dialog is over. Where it cannot be ended, that is no obstacle."""
    with suppress(Refusal):
        await state.clear()
