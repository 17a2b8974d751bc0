"""Screens in Telegram: shown, drawn anew in place, remembered, so that a reply to one finds its customer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import (
    CallbackQuery,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReplyParameters,
)

from bot.office import Office
from bot.rich import LONGEST, shortened, units
from core.channel import Button, Screen, Span
from core.conversations.shown import ShownMessage, remember

log = structlog.get_logger("bot")

T = TypeVar("T")
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_CAPTION = 1024  # UTF-16 units under a file
_PATIENCE = (
    3  # how often a call is made again, after a "wait" or a broken connection, before its error counts
)
_SOON = timedelta(seconds=1)  # after a broken connection; three times as long after each further one
_LONGEST_WAIT = 30  # seconds; an update has less than a minute in all


async def show(
    office: Office,
    bot: Bot,
    chat_id: int,
    screen: Screen,
    about: ShownMessage | None = None,
    *,
    reply_to: int | None = None,
) -> Message:
    """Send a screen. With `about` a reply to it goes to that lead's customer."""
    screen = _fitting(screen)
    message = await patiently(
        office,
        lambda: bot.send_message(
            chat_id,
            screen.text,
            entities=entities(screen),
            reply_markup=keyboard(screen.buttons),
            link_preview_options=_NO_PREVIEW,
            reply_parameters=_reply(reply_to),
        ),
    )
    if about is not None:
        await _remember(office, message, about)
    return message


async def redraw(
    office: Office, bot: Bot, callback: CallbackQuery, screen: Screen, about: ShownMessage | None = None
) -> None:
    """Draw a screen in place of the one whose button was tapped; below it where that is not possible."""
    message = callback.message
    if message is None or isinstance(message, InaccessibleMessage):
        await show(office, bot, callback.from_user.id, screen, about)
        return
    screen = _fitting(screen)
    try:
        if message.text is not None:
            await patiently(
                office,
                lambda: bot.edit_message_text(
                    screen.text,
                    chat_id=message.chat.id,
                    message_id=message.message_id,
                    entities=entities(screen),
                    reply_markup=keyboard(screen.buttons),
                    link_preview_options=_NO_PREVIEW,
                ),
            )
        elif units(screen.text) <= _CAPTION:
            await patiently(
                office,
                lambda: bot.edit_message_caption(
                    chat_id=message.chat.id,
                    message_id=message.message_id,
                    caption=screen.text,
                    caption_entities=entities(screen),
                    reply_markup=keyboard(screen.buttons),
                ),
            )
        else:  # a card under a picture may say no more than 1024 units
            await strip(office, bot, message.chat.id, message.message_id)
            await show(office, bot, message.chat.id, screen, about)
            if about is not None:  # the card is below now; this one stays without buttons
                await _remember(office, message, replace(about, screen=None))
            return
    except TelegramBadRequest as error:
        if "is not modified" in error.message:
            return
        log.info("a screen cannot be drawn in place", why=error.message)
        await show(office, bot, message.chat.id, screen, about)
        return
    if about is not None:
        await _remember(office, message, about)


async def rekey(
    office: Office, bot: Bot, callback: CallbackQuery, buttons: Sequence[tuple[Button, ...]]
) -> None:
    """Change only the buttons under the tapped message."""
    message = callback.message
    if message is None or isinstance(message, InaccessibleMessage):
        return
    await strip(office, bot, message.chat.id, message.message_id, buttons)


async def strip(
    office: Office, bot: Bot, chat_id: int, message_id: int, buttons: Sequence[tuple[Button, ...]] = ()
) -> None:
    """Take the buttons off a message, or put these there instead. One that is gone needs none."""
    try:
        await patiently(
            office,
            lambda: bot.edit_message_reply_markup(
                chat_id=chat_id, message_id=message_id, reply_markup=keyboard(buttons)
            ),
        )
    except TelegramBadRequest as error:
        log.info("buttons cannot be changed", why=error.message)


async def say(office: Office, bot: Bot, chat_id: int, text: str, *, reply_to: int | None = None) -> Message:
    """Send a plain sentence."""
    return await show(office, bot, chat_id, Screen(text), reply_to=reply_to)


async def patiently(office: Office, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call to Telegram; when it says to wait, wait that long and make it again.

    A connection that breaks is tried again soon: a screen that comes twice is better than none.
    """
    for attempt in range(_PATIENCE):
        try:
            return await call()
        except (TelegramNetworkError, TelegramServerError) as error:
            log.warning("Telegram did not answer", why=type(error).__name__)
            await office.clock.sleep_until(office.clock.now() + _SOON * 3**attempt)
        except TelegramRetryAfter as error:
            if error.retry_after > _LONGEST_WAIT:
                raise
            await office.clock.sleep_until(office.clock.now() + timedelta(seconds=error.retry_after))
    return await call()


def entities(screen: Screen) -> list[MessageEntity]:
    """The marks of a screen in Telegram's units: UTF-16, where an emoji counts twice."""
    return [_entity(screen.text, span) for span in screen.spans if span.length > 0]


def keyboard(buttons: Sequence[tuple[Button, ...]]) -> InlineKeyboardMarkup | None:
    """Rows of buttons as Telegram takes them."""
    rows = [
        [InlineKeyboardButton(text=b.text, callback_data=b.data, url=b.url) for b in row]
        for row in buttons
        if row
    ]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def _fitting(screen: Screen) -> Screen:
    """Screens are built to fit; should one not, its text is cut and its buttons stay."""
    if units(screen.text) <= LONGEST:
        return screen
    text = shortened(screen.text, LONGEST)
    spans = tuple(
        Span(span.markup, span.offset, min(span.length, len(text) - span.offset), span.url)
        for span in screen.spans
        if span.offset < len(text)
    )
    return Screen(text, spans, screen.buttons)


def _entity(text: str, span: Span) -> MessageEntity:
    inside = text[span.offset : span.offset + span.length]
    return MessageEntity(
        type=span.markup.value, offset=units(text[: span.offset]), length=units(inside), url=span.url
    )


def _reply(message_id: int | None) -> ReplyParameters | None:
    if message_id is None:
        return None
    return ReplyParameters(message_id=message_id, allow_sending_without_reply=True)


async def _remember(office: Office, message: Message, about: ShownMessage) -> None:
    await office.db.transact(
        lambda tx: remember(tx, office.account.id, message.chat.id, [message.message_id], about)
    )
