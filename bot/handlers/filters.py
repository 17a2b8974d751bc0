"""Which handler an update is for: the button's action, the message somebody replied to, who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiogram import F
from aiogram.filters import Filter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, tap
from bot.chat import Chat
from core.conversations.shown import is_on_its_way, look_up
from core.staff.managers import Person

_ANSWERED_AT_ONCE = timedelta(seconds=40)  # less than a manager's update may take
_LOOK = timedelta(seconds=0.2)


class On(Filter):
    """A tap on a button of one of these actions; gives the handler the `tap`."""

    def __init__(self, *actions: Action) -> None:
        self._actions = actions

    async def __call__(self, callback: CallbackQuery) -> bool | dict[str, Any]:
        read = tap(callback.data)
        return {"tap": read} if read is not None and read.action in self._actions else False


class ToShown(Filter):
    """A reply to a message of ours that shows a lead; gives the handler what it shows as `about`.

    A reply to the question of an unfinished dialog is for the dialog.
    """

    async def __call__(
        self, message: Message, chat: Chat, person: Person | None = None
    ) -> bool | dict[str, Any]:
        replied = message.reply_to_message
        if person is None or replied is None or await _is_question(chat.state, replied.message_id):
            return False
        # Who answers at once may be quicker than Telegram's word to us that what they answer has arrived.
        clock = chat.office.clock
        until = clock.now() + _ANSWERED_AT_ONCE
        while True:
            about, is_coming = await chat.read(
                lambda connection: (
                    look_up(connection, chat.office.account.id, chat.id, replied.message_id),
                    is_on_its_way(connection, person.id),
                )
            )
            if about is not None or not is_coming or clock.now() > until:
                break
            await clock.sleep_until(clock.now() + _LOOK)
        return {"about": about} if about is not None and about.lead_id is not None else False


class ToQuestion(Filter):
    """What a dialog waits for: the next message, unless it replies to something else than the question."""

    async def __call__(self, message: Message, state: FSMContext) -> bool:
        replied = message.reply_to_message
        return replied is None or await _is_question(state, replied.message_id)


# A command that was mistyped is no words, neither for a dialog nor for a customer: nobody shall get it.
WORDS = ~F.text.regexp(r"/[A-Za-z]")


class Works(Filter):
    """Somebody who works here; everybody else is a stranger."""

    async def __call__(self, event: Any, person: Person | None = None) -> bool:
        return person is not None


async def _is_question(state: FSMContext, message_id: int) -> bool:
    """Whether an unfinished dialog waits for the answer to this message of ours."""
    return await state.get_state() is not None and (await state.get_data()).get("asked") == message_id
