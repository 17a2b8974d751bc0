"""Here or away: whether the queue gives this person new leads."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, data
from bot.chat import Chat
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import leave
from bot.handlers.filters import On
from bot.screens.lists import list_data
from bot.texts import Words
from core.channel import Button, Screen
from core.database import Transaction
from core.desk import board
from core.desk.board import View
from core.staff.managers import Person, set_available

router = Router(name="availability")


@router.message(Command("away", ignore_case=True))
async def away(_: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """No new leads until /back."""
    await leave(chat)
    await chat.show(await _away(chat.words, person, deed))


@router.message(Command("back", ignore_case=True))
async def back(_: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """New leads again; those that waited for anybody are given out at once."""
    await leave(chat)
    await chat.show(await _back(chat.words, person, deed))


@router.callback_query(On(Action.AWAY))
async def away_tapped(callback: CallbackQuery, chat: Chat, person: Person, deed: Deed) -> None:
    """No new leads, by button."""
    await chat.redraw(callback, await _away(chat.words, person, deed))


@router.callback_query(On(Action.BACK))
async def back_tapped(callback: CallbackQuery, chat: Chat, person: Person, deed: Deed) -> None:
    """New leads again, by button."""
    await chat.redraw(callback, await _back(chat.words, person, deed))


async def _away(words: Words, person: Person, deed: Deed) -> Screen:
    await deed(lambda tx: set_available(tx, person, False))
    return Screen(words("away-now"), (), ((Button(words("button-here"), data(Action.BACK)),),))


async def _back(words: Words, person: Person, deed: Deed) -> Screen:
    def work(tx: Transaction) -> int:
        set_available(tx, person, True)
        return board.counts(tx.connection, person).get(View.WAITING, 0)

    waiting = await deed(work)
    text = f"{words('back-now')} {words('back-waiting', count=waiting)}"
    first = [Button(words("button-away"), data(Action.AWAY))]
    if waiting:
        first.insert(0, Button(words("button-waiting"), list_data(View.WAITING)))
    return Screen(text, (), (tuple(first),))
