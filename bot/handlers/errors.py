"""Whatever a handler could not do becomes one sentence for whoever asked; a tap is always answered.

A `Refusal` is the core's own no, in the reader's language. Anything else is a bug: the person gets an apology
with a reference that stands beside the traceback in the log, and is asked to try again only if nothing is done yet.
What Telegram itself did not take goes on to the consumer, which tries the update again unless its deed is done; so
does that the database was away, but for the last time, and that another process has handled it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.types import CallbackQuery, Message, TelegramObject

from bot.callbacks import Action, tap
from bot.chat import Chat
from bot.handlers.inbox import redraw_card, show_card
from bot.rich import shortened
from bot.texts import MissingText, Words
from core.database import DatabaseError, is_away
from core.errors import Refusal
from core.staff.managers import Person
from core.staff.updates import Overtaken, is_waiting

log = structlog.get_logger("bot")

_ALERT = 200  # characters of an answer to a tap, by the Bot API
_LEADS = {  # a refusal of one of these is followed by the card as it is now
    Action.TAKE,
    Action.STAGES,
    Action.MOVE,
    Action.COLLEAGUES,
    Action.HAND_OVER,
    Action.REASONS,
    Action.REASONS_COMMENTED,
    Action.JUNK,
    Action.JUNK_COMMENT,
    Action.REOPEN,
    Action.SEPARATE,
    Action.REJOIN,
    Action.MERGE,
    Action.UNMERGE,
    Action.TELL_APART,
    Action.UNDO_TELL_APART,
    Action.CANCEL_TIMER,
    Action.UNDO_EXCLUDE,
    Action.LETTER,
}


@dataclass(slots=True)
class Toast:
    """What the tapper sees when the tap is answered: nothing, a line at the top, or an alert to be closed."""

    text: str = ""
    alert: bool = False

    def say(self, text: str, *, alert: bool = False) -> None:
        """Answer the tap with a text."""
        self.text, self.alert = text, alert


class Answering(BaseMiddleware):
    """Around every handler of a tap: answers it, whatever has happened. Gives the handler its `toast`."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        if not isinstance(event, CallbackQuery):
            return await handler(event, data)
        toast = data["toast"] = Toast()
        chat: Chat = data["chat"]
        try:
            return await handler(event, data)
        except Refusal as refusal:
            toast.say(sentence(chat.words, refusal), alert=True)
            await _show_as_it_is(chat, event, data.get("person"))
        except (TelegramNetworkError, TelegramServerError, Overtaken):
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            toast.say(await _apology(chat, error, data), alert=True)
        finally:
            await _answer(event, toast)
        return None


class Apologising(BaseMiddleware):
    """Around every handler of a message: a no, or an apology, instead of silence."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        if not isinstance(event, Message):
            return await handler(event, data)
        chat: Chat = data["chat"]
        try:
            return await handler(event, data)
        except Refusal as refusal:
            text = sentence(chat.words, refusal)
        except (TelegramNetworkError, TelegramServerError, Overtaken):
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            text = await _apology(chat, error, data)
        return await chat.say(text, reply_to=event.message_id)


def sentence(words: Words, refusal: Refusal) -> str:
    """A refusal as the reader's own sentence."""
    try:
        return words(refusal.key, **refusal.arguments)
    except MissingText as missing:
        log.error("a refusal without words", key=refusal.key, why=str(missing))
        return words("refused-unknown")


async def refused(chat: Chat, message: Message, person: Person, lead_id: int, refusal: Refusal) -> None:
    """What was written about a lead is refused, and its question is over: the card as it is now goes on from here."""
    await chat.say(sentence(chat.words, refusal), reply_to=message.message_id)
    if refusal.key == "refused-not-staff":
        return  # they see no card any more
    if (shown := await chat.office.card(lead_id, chat.words)) is not None:
        await show_card(chat, person, shown)


async def _apology(chat: Chat, error: Exception, data: Mapping[str, Any]) -> str:
    """What whoever asked is told of this error. Raises it where the update is to be tried again."""
    update_id: int = data["staff_update_id"]
    try:
        waits = await chat.read(lambda connection: is_waiting(connection, update_id))
    except (OSError, DatabaseError):
        waits = True  # as far as anybody knows
    if waits and is_away(error) and not data["is_last"]:
        raise error
    reference = secrets.token_hex(3)
    log.error("an update failed", reference=reference, person_id=chat.id, exc_info=error)
    return chat.words("sorry" if waits else "sorry-done", reference=reference)


async def _answer(callback: CallbackQuery, toast: Toast) -> None:
    try:
        await callback.answer(shortened(toast.text, _ALERT) or None, show_alert=toast.alert)
    except TelegramBadRequest as error:
        log.info("a tap is too old to be answered", why=error.message)  # the bot was away when it was made
    except TelegramAPIError as error:
        log.warning("a tap could not be answered", why=error.message)


async def _show_as_it_is(chat: Chat, callback: CallbackQuery, person: Person | None) -> None:
    """A button that no longer applies: show the card as it is now."""
    read = tap(callback.data)
    if person is None or read is None or read.action not in _LEADS:
        return
    if (shown := await chat.office.card(read.id(0), chat.words)) is not None:
        await redraw_card(chat, callback, person, shown)
