"""Whether an answer has arrived: shown on the manager's own message as soon as it is known.

✍ while it is on its way, 👌 once it is sent, 👎 when it is not, 🤔 when nobody can know. What takes long, or took
the lead along, has a line of its own. A failure besides comes as a notice of the worker's, which survives a
restart; this here is only the quick part.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import Message, ReactionTypeEmoji

from bot.handlers.showing import patiently, say, show
from bot.office import Office
from bot.rich import plain
from bot.screens.letters import envelope_lines
from bot.texts import Words
from core.channel import Screen
from core.conversations.deliveries import state_of
from core.conversations.shown import ShownMessage
from core.desk.cards import Card
from core.desk.letters import Envelope

log = structlog.get_logger("bot")

SOON = timedelta(seconds=3)  # after this long a line says that it is still on its way
ENOUGH = timedelta(minutes=10)  # then the worker's notice alone tells
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
    office: Office,
    bot: Bot,
    words: Words,
    chat_id: int,
    delivery_id: int,
    *,
    message_id: int | None = None,
    line: str = "",
    about: ShownMessage | None = None,
) -> None:
    """Watch a delivery in the background and show what becomes of it.

    On the manager's message `message_id` by a reaction; with `line` in a line of its own, which begins so.
    """
    task = asyncio.create_task(_follow(office, bot, words, chat_id, delivery_id, message_id, line, about))
    office.background.add(task)
    task.add_done_callback(office.background.discard)


async def follow_answer(
    office: Office,
    bot: Bot,
    words: Words,
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
    lines = [envelope_lines(words, envelope)] if envelope else []
    if before.awaits_taking:
        now = await office.card(before.id, words)
        lines.append(words("reply-took", number=before.number, stage=plain(now.stage_title) if now else ""))
    follow(
        office,
        bot,
        words,
        message.chat.id,
        delivery_id,
        message_id=message.message_id,
        line="\n".join(lines),
        about=about,
    )


async def _follow(
    office: Office,
    bot: Bot,
    words: Words,
    chat_id: int,
    delivery_id: int,
    message_id: int | None,
    line: str,
    about: ShownMessage | None,
) -> None:
    try:
        shown: Message | None = None
        marked = message_id is not None and await _react(office, bot, chat_id, message_id, "✍")
        begun = office.clock.now()
        state = await _state(office, delivery_id)
        if line or not marked:
            said = words(_SETTLED.get(state, "reply-sending"))
            shown = await _line(office, bot, chat_id, said, line, message_id, about)
        while (state := await _state(office, delivery_id)) not in _SETTLED:
            now = office.clock.now()
            if now - begun > ENOUGH:
                return
            if shown is None and now - begun >= SOON:
                shown = await _line(office, bot, chat_id, words("reply-slow"), line, message_id, about)
            await office.db.hints.wait("settled", office.clock, now + _LOOK)
        if message_id is not None and marked:
            await _react(office, bot, chat_id, message_id, _MARKS.get(state, "👌"))
        if shown is not None:
            await _edit(office, bot, shown, _joined(words(_SETTLED[state]), line))
    except TelegramAPIError as error:
        log.warning("an answer's fate cannot be shown", delivery_id=delivery_id, why=type(error).__name__)
    except Exception:
        log.exception("following an answer failed", delivery_id=delivery_id)


async def _state(office: Office, delivery_id: int) -> str:
    return (await office.db.read(lambda connection: state_of(connection, delivery_id)))[0]


async def _line(
    office: Office,
    bot: Bot,
    chat_id: int,
    state: str,
    line: str,
    message_id: int | None,
    about: ShownMessage | None,
) -> Message:
    return await show(office, bot, chat_id, Screen(_joined(state, line)), about, reply_to=message_id)


def _joined(state: str, line: str) -> str:
    return f"{state}\n{line}" if line else state


async def _react(office: Office, bot: Bot, chat_id: int, message_id: int, emoji: str) -> bool:
    """False where reactions are not to be had: on an old Bot API server, or a message deleted meanwhile."""
    try:
        await patiently(
            office,
            lambda: bot.set_message_reaction(chat_id, message_id, reaction=[ReactionTypeEmoji(emoji=emoji)]),
        )
    except TelegramAPIError as error:
        log.info("no reaction", why=error.message)
        return False
    return True


async def _edit(office: Office, bot: Bot, shown: Message, text: str) -> None:
    try:
        await patiently(
            office,
            lambda: bot.edit_message_text(text, chat_id=shown.chat.id, message_id=shown.message_id),
        )
    except TelegramBadRequest as error:
        if "is not modified" not in error.message:
            await say(office, bot, shown.chat.id, text)
