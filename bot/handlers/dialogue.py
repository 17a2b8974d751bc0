"""Asking for the next message: a question with Cancel, remembered until it is answered or left.

A question that nobody waits on any more says so: left in whatever way, it loses its button and its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from aiogram.exceptions import TelegramAPIError
from aiogram.fsm.state import State
from aiogram.types import Message

from bot.callbacks import Action, data
from bot.chat import Chat
from bot.dialogs import FRESH, Writing
from bot.screens.cards import contact_name
from bot.texts import Words
from core.channel import Button, Screen
from core.conversations.shown import ShownMessage
from core.errors import Refusal

log = structlog.get_logger("bot")

_QUICK = 5  # seconds an old question may take from what the person does now
_LEFT = {  # what a question says when it has been left
    Writing.answer.state: "left-answer",
    Writing.note.state: "left-note",
    Writing.comment.state: "left-comment",
    Writing.subject.state: "left-letter",
    Writing.copy.state: "left-letter",
    Writing.letter.state: "left-letter",
}


async def ask(
    chat: Chat,
    meant: State,
    content: Mapping[str, Any],
    question: str,
    about: ShownMessage | None = None,
    rows: Sequence[tuple[Button, ...]] = (),
) -> None:
    """Ask, and remember what the next message is meant for. An earlier question is thereby left.

    `rows` are further buttons above Cancel.
    """
    state, words = chat.state, chat.words
    earlier, before = await state.get_state(), await state.get_data()
    await state.clear()
    asked = await chat.show(Screen(question, (), (*rows, cancel_row(words))), about)
    await state.set_data({**content, "at": words.now.isoformat(), "asked": asked.message_id})
    await state.set_state(meant)
    await _close(chat, earlier, before)


async def answered(chat: Chat) -> dict[str, Any] | None:
    """What the dialog was about; it is over. None when the person has long forgotten it, or it is lost.

    It ends before anything is done: were it the other way round, a failure between would make the next message
    an answer too.
    """
    content = await chat.state.get_data()
    await chat.state.clear()
    if isinstance(asked := content.get("asked"), int):
        try:  # its button is not worth the answer, which would be lost if the update were tried again now
            await chat.bot.edit_message_reply_markup(
                chat_id=chat.id, message_id=asked, request_timeout=_QUICK
            )
        except TelegramAPIError as error:
            log.info("a question that is answered keeps its button", why=error.message)
    return content if is_fresh(chat, content) else None


def is_fresh(chat: Chat, content: Mapping[str, Any]) -> bool:
    """Whether the person still remembers what they were asked."""
    begun = content.get("at")
    return isinstance(begun, str) and chat.words.now - datetime.fromisoformat(begun) <= FRESH


async def stands(chat: Chat, content: Mapping[str, Any]) -> None:
    """What was answered could not be used: the question of `content` waits for another try."""
    await chat.state.set_data(dict(content))
    await chat.state.set_state(Writing.answer)
    if isinstance(asked := content.get("asked"), int):
        await chat.strip(asked, [cancel_row(chat.words)])


async def expect_album(chat: Chat, message: Message, about: ShownMessage) -> None:
    """Telegram gives each part of an album as a message of its own; the others follow at once."""
    if message.media_group_id:
        with suppress(Refusal):  # the answer itself is on its way; it must not be called refused
            await chat.state.set_data(
                {
                    "album": message.media_group_id,
                    "lead": about.lead_id,
                    "conversation": about.conversation_id,
                }
            )


async def leave(chat: Chat) -> None:
    """The person does something else: an unfinished dialog is over, and its question says so.

    Where it cannot be ended, that is no obstacle.
    """
    meant, content = await chat.state.get_state(), await chat.state.get_data()
    try:
        await chat.state.clear()
    except Refusal:
        return  # it goes on, and so does its question
    await _close(chat, meant, content)


def cancel_row(words: Words) -> tuple[Button, ...]:
    """What every question ends with."""
    return (Button(words("button-cancel"), data(Action.CANCEL)),)


async def _close(chat: Chat, meant: str | None, content: Mapping[str, Any]) -> None:
    asked = content.get("asked")
    if meant is None or not isinstance(asked, int):
        return
    text = await _left(chat, meant, content)
    try:
        await chat.bot.edit_message_text(text, chat_id=chat.id, message_id=asked, request_timeout=_QUICK)
    except TelegramAPIError as error:
        log.info("a question that was left cannot be changed", why=error.message)


async def _left(chat: Chat, meant: str, content: Mapping[str, Any]) -> str:
    key, lead_id, words = _LEFT.get(meant), content.get("lead"), chat.words
    if key is not None and lead_id is not None and (shown := await chat.office.card(int(lead_id), words)):
        return words(key, name=contact_name(words, shown), number=shown.number)
    return words("cancelled")
