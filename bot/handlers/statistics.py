"""The figures of today and of the week."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.handlers.dialogue import leave
from bot.handlers.filters import On
from bot.handlers.showing import redraw, show
from bot.office import Office
from bot.screens.statistics import WEEK, statistics_screen
from bot.texts import Words
from core.channel import Screen
from core.desk.statistics import day, statistics, week

router = Router(name="statistics")


@router.message(Command("stats", ignore_case=True))
async def stats(message: Message, bot: Bot, office: Office, words: Words, state: FSMContext) -> None:
    """Today's figures; a button leads to the week's."""
    await leave(office, bot, state, words)
    await show(office, bot, message.chat.id, await _figures(office, words, 1))


@router.callback_query(On(Action.STATISTICS))
async def stats_tapped(callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words) -> None:
    """The other period, or the same one as it is now."""
    await redraw(office, bot, callback, await _figures(office, words, WEEK if tap.id(0) == WEEK else 1))


async def _figures(office: Office, words: Words, days: int) -> Screen:
    since, until = (week if days == WEEK else day)(words.now, office.timezone)
    figures = await office.db.read(
        lambda connection: statistics(connection, since, until, office.timezone, language=words.language)
    )
    return statistics_screen(words, figures, days)
