"""The figures of today and of the week."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.handlers.dialogue import leave
from bot.handlers.filters import On
from bot.screens.statistics import WEEK, statistics_screen
from core.channel import Screen
from core.desk.statistics import day, statistics, week

router = Router(name="statistics")


@router.message(Command("stats", ignore_case=True))
async def stats(_: Message, chat: Chat) -> None:
    """Today's figures; a button leads to the week's."""
    await leave(chat)
    await chat.show(await _figures(chat, 1))


@router.callback_query(On(Action.STATISTICS))
async def stats_tapped(callback: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """The other period, or the same one as it is now."""
    await chat.redraw(callback, await _figures(chat, WEEK if tap.id(0) == WEEK else 1))


async def _figures(chat: Chat, days: int) -> Screen:
    since, until = (week if days == WEEK else day)(chat.words.now, chat.office.timezone)
    figures = await chat.read(
        lambda connection: statistics(
            connection, since, until, chat.office.timezone, language=chat.words.language
        )
    )
    return statistics_screen(chat.words, figures, days)
