"""A chat with one person: screens shown, drawn anew in place, remembered, so that a reply to one finds its customer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
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
from aiogram.fsm.context import FSMContext
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
from bot.texts import Words
from core.channel import Button, Screen, Span
from core.conversations.redrawing import is_being_drawn
from core.conversations.shown import ShownMessage, remember
from core.database import Reading
from core.desk.cards import Card

log = structlog.get_logger("bot")

T = TypeVar("T")
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_CAPTION = 1024  # UTF-16 units under a file
_PATIENCE = 3  # times that a call is made again, after a "wait" or a broken connection
_SOON = timedelta(seconds=1)  # after a broken connection; three times as long after each further one
_DRAWN = timedelta(seconds=10)  # after so long an edit that is on its way counts as lost
_LOOK = timedelta(seconds=0.1)
_LONGEST_WAIT = 30  # seconds; an update has less than a minute in all


@dataclass(frozen=True, slots=True)
class Chat:
    """The bot's chat with one person, while something they did is handled.

    Chats with the bot are private, so `id` is the person's own at Telegram. `words` speak their language, `state` is
    the dialog they have not finished.
    """

    office: Office
    bot: Bot
    id: int
    words: Words
    state: FSMContext

    def in_language(self, language: str | None) -> Chat:
        """The same chat from now on in this language."""
        return replace(self, words=self.office.words(language))

    async def read(self, query: Callable[[Reading], T]) -> T:
        """What a query of the core says."""
        return await self.office.db.read(query)

    async def card(self, lead_id: int) -> Card:
        """The card of a lead that must be there, as it is now. Raises Refusal ("refused-lead-gone") when it is not."""
        return await self.office.card_there(lead_id, self.words)

    async def show(
        self, screen: Screen, about: ShownMessage | None = None, *, reply_to: int | None = None
    ) -> Message:
        """Send a screen. With `about` a reply to it goes to that lead's customer."""
        screen = _fitting(screen)
        message = await self.patiently(
            lambda: self.bot.send_message(
                self.id,
                screen.text,
                entities=entities(screen),
                reply_markup=keyboard(screen.buttons),
                link_preview_options=_NO_PREVIEW,
                reply_parameters=_reply(reply_to),
            )
        )
        if about is not None:
            await self.remember([message.message_id], about)
        return message

    async def say(self, text: str, *, reply_to: int | None = None) -> Message:
        """Send a plain sentence."""
        return await self.show(Screen(text), reply_to=reply_to)

    async def redraw(
        self,
        callback: CallbackQuery,
        screen: Screen,
        about: ShownMessage | None = None,
        *,
        asks: bool = False,
    ) -> None:
        """Draw a screen in place of the one whose button was tapped; below it where that is not possible.

        One that `asks` is answered by its buttons: who replies to it answers us and not the customer.
        What the message shows from now on is remembered first and edits on their way are waited for, so that a
        card which others have changed is not drawn over what its reader has opened meanwhile.
        """
        message = callback.message
        shows = ShownMessage(None) if asks else about
        if message is None or isinstance(message, InaccessibleMessage):
            await self.show(screen, shows)
            return
        screen = _fitting(screen)
        if about is not None and shows is not None:
            await self.remember([message.message_id], shows)
            await self._others_have_drawn(about)
        try:
            if message.text is not None:
                await self.patiently(
                    lambda: self.bot.edit_message_text(
                        screen.text,
                        chat_id=self.id,
                        message_id=message.message_id,
                        entities=entities(screen),
                        reply_markup=keyboard(screen.buttons),
                        link_preview_options=_NO_PREVIEW,
                    )
                )
            elif units(screen.text) <= _CAPTION:
                await self.patiently(
                    lambda: self.bot.edit_message_caption(
                        chat_id=self.id,
                        message_id=message.message_id,
                        caption=screen.text,
                        caption_entities=entities(screen),
                        reply_markup=keyboard(screen.buttons),
                    )
                )
            else:  # a card under a picture may say no more than 1024 units
                await self.strip(message.message_id)
                await self.show(screen, shows)
                if about is not None:  # the card is below now; this one stays without buttons
                    await self.remember([message.message_id], replace(about, screen=None))
                return
        except TelegramBadRequest as error:
            if "is not modified" in error.message:
                return
            log.info("a screen cannot be drawn in place", why=error.message)
            await self.show(screen, shows)

    async def rekey(self, callback: CallbackQuery, buttons: Sequence[tuple[Button, ...]]) -> None:
        """Change only the buttons under the tapped message."""
        message = callback.message
        if message is None or isinstance(message, InaccessibleMessage):
            return
        await self.strip(message.message_id, buttons)

    async def strip(self, message_id: int, buttons: Sequence[tuple[Button, ...]] = ()) -> None:
        """Take the buttons off a message, or put these there instead. One that is gone needs none."""
        try:
            await self.patiently(
                lambda: self.bot.edit_message_reply_markup(
                    chat_id=self.id, message_id=message_id, reply_markup=keyboard(buttons)
                )
            )
        except TelegramBadRequest as error:
            log.info("buttons cannot be changed", why=error.message)

    async def remember(self, message_ids: Sequence[int], about: ShownMessage) -> None:
        """These messages of ours in this chat show that, so that a reply to one finds its customer."""
        account_id = self.office.account.id
        await self.office.db.transact(lambda tx: remember(tx, account_id, self.id, message_ids, about))

    async def _others_have_drawn(self, about: ShownMessage) -> None:
        clock, lead_id = self.office.clock, about.lead_id or 0
        until = clock.now() + _DRAWN
        while clock.now() < until and await self.read(lambda c: is_being_drawn(c, lead_id, self.id)):
            await clock.sleep_until(clock.now() + _LOOK)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call to Telegram; when it says to wait, wait that long and make it again.

        A connection that breaks is tried again soon: a screen that comes twice is better than none.
        """
        for attempt in range(_PATIENCE):
            try:
                return await call()
            except (TelegramNetworkError, TelegramServerError) as error:
                log.warning("Telegram did not answer", why=type(error).__name__)
                await self.office.clock.sleep_until(self.office.clock.now() + _SOON * 3**attempt)
            except TelegramRetryAfter as error:
                if error.retry_after > _LONGEST_WAIT:
                    raise
                await self.office.clock.sleep_until(
                    self.office.clock.now() + timedelta(seconds=error.retry_after)
                )
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
