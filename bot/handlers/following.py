"""Whether an answer has arrived: shown on the manager's own message as soon as it is known.

✍ while it is on its way, 👌 once it is sent, 👎 when it is not, 🤔 when nobody can know. What takes long, or took
the lead along, has a line of its own. A failure, and what arrives after `LATE`, besides comes as a notice of the
worker's, which survives a restart; this here is only the quick part.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import Message, ReactionTypeEmoji

from bot.chat import Chat
from bot.rich import plain
from bot.screens.letters import envelope_lines
from core.channel import Screen
from core.conversations.deliveries import state_of
from core.conversations.outcomes import LATE
from core.conversations.shown import ShownMessage
from core.desk.cards import Card
from core.desk.letters import Envelope

log = structlog.get_logger("bot")

SOON = timedelta(seconds=3)  # after this long a line says that it is still on its way
_LOOK = timedelta(seconds=1)
_SETTLED = {
    "sent": "reply-sent",
    "delivered": "reply-sent",
    "read": "reply-sent",
    "refused": "reply-refused",
    "uncertain": "reply-uncertain",
    "cancelled": "reply-cancelled",
}
_MARKS = {"refused": "👎", "cancelled": "👎", "uncertain": "🤔"}  # of those bots may set: ReactionTypeEmoji


def follow(
    chat: Chat,
    delivery_id: int,
    *,
    message_id: int | None = None,
    line: str = "",
    about: ShownMessage | None = None,
) -> None:
    """Watch a delivery in the background and show what becomes of it.

    On the manager's message `message_id` by a reaction; with `line` in a line of its own, which begins so.
    """
    task = asyncio.create_task(_follow(chat, delivery_id, message_id, line, about))
    chat.office.background.add(task)
    task.add_done_callback(chat.office.background.discard)


async def follow_answer(
    chat: Chat,
    message: Message,
    delivery_id: int,
    *,
    before: Card,
    envelope: Envelope | None,
    about: ShownMessage,
) -> None:
    """Follow what a manager has just written; beneath it stands what went with it: whom and about what a letter goes
    to, and that a lead nobody had taken, as its card was `before`, is theirs now.
    """
    lines = [envelope_lines(chat.words, envelope)] if envelope else []
    if before.awaits_taking:
        now = await chat.office.card(before.id, chat.words)
        lines.append(
            chat.words("reply-took", number=before.number, stage=plain(now.stage_title) if now else "")
        )
    follow(chat, delivery_id, message_id=message.message_id, line="\n".join(lines), about=about)


async def _follow(
    chat: Chat, delivery_id: int, message_id: int | None, line: str, about: ShownMessage | None
) -> None:
    try:
        shown: Message | None = None
        marked = message_id is not None and await _react(chat, message_id, "✍")
        begun = chat.office.clock.now()
        state = await _state(chat, delivery_id)
        if line or not marked:
            said = chat.words(_SETTLED.get(state, "reply-sending"))
            shown = await _line(chat, said, line, message_id, about)
        while (state := await _state(chat, delivery_id)) not in _SETTLED:
            now = chat.office.clock.now()
            if now - begun > LATE:
                return
            if shown is None and now - begun >= SOON:
                shown = await _line(chat, chat.words("reply-slow"), line, message_id, about)
            await chat.office.db.hints.wait("settled", chat.office.clock, now + _LOOK)
        if message_id is not None and marked:
            await _react(chat, message_id, _MARKS.get(state, "👌"))
        if shown is not None:
            await _edit(chat, shown, _joined(chat.words(_SETTLED[state]), line))
    except TelegramAPIError as error:
        log.warning("an answer's fate cannot be shown", delivery_id=delivery_id, why=type(error).__name__)
    except Exception:
        log.exception("following an answer failed", delivery_id=delivery_id)


async def _state(chat: Chat, delivery_id: int) -> str:
    return (await chat.read(lambda connection: state_of(connection, delivery_id)))[0]


async def _line(
    chat: Chat, state: str, line: str, message_id: int | None, about: ShownMessage | None
) -> Message:
    return await chat.show(Screen(_joined(state, line)), about, reply_to=message_id)


def _joined(state: str, line: str) -> str:
    return f"{state}\n{line}" if line else state


async def _react(chat: Chat, message_id: int, emoji: str) -> bool:
    """False where reactions are not to be had: on an old Bot API server, or a message deleted meanwhile."""
    try:
        await chat.patiently(
            lambda: chat.bot.set_message_reaction(
                chat.id, message_id, reaction=[ReactionTypeEmoji(emoji=emoji)]
            )
        )
    except TelegramAPIError as error:
        log.info("no reaction", why=error.message)
        return False
    return True


async def _edit(chat: Chat, shown: Message, text: str) -> None:
    try:
        await chat.patiently(
            lambda: chat.bot.edit_message_text(text, chat_id=chat.id, message_id=shown.message_id)
        )
    except TelegramBadRequest as error:
        if "is not modified" not in error.message:
            await chat.say(text)
