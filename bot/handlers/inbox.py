"""The lists of leads, and one lead by its number."""

from __future__ import annotations

import re

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.dialogs import Writing
from bot.handlers.contents import text_of
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.filters import On
from bot.screens.cards import card_screen, shown_as
from bot.screens.lists import VIEWS, list_screen, lists_row, stages_screen
from core.channel import Screen
from core.database import Reading
from core.desk import board
from core.desk.board import View
from core.desk.cards import Card, card_by_number
from core.errors import Refusal
from core.leads.pipelines import all_stages
from core.staff.managers import Person

router = Router(name="inbox")
dialog = Router(name="inbox dialog")
_NUMBER = re.compile(r"(?:лид|lead)?\s*[#№]?\s*([0-9]{1,9})", re.IGNORECASE)


@router.message(Command("leads", ignore_case=True))
async def leads(_: Message, chat: Chat, person: Person) -> None:
    """Who waits, or one's own leads when nobody does."""
    await leave(chat)
    counts = await chat.read(lambda connection: board.counts(connection, person))
    view = View.WAITING if counts.get(View.WAITING) else View.MINE
    await chat.show(await _list(chat, person, view))


@router.message(Command("lead", re.compile(r"lead_?([0-9]{1,9})$", re.IGNORECASE), ignore_case=True))
async def lead(_: Message, command: CommandObject, chat: Chat, person: Person) -> None:
    """`/lead 12`, `/lead12`: that lead's card; or the question which."""
    await leave(chat)
    written = command.regexp_match[1] if command.regexp_match else command.args
    await _show_numbered(chat, person, written)


@dialog.message(Writing.lead)
async def lead_answered(message: Message, chat: Chat, person: Person) -> None:
    """The answer to the question which lead."""
    await answered(chat)
    await _show_numbered(chat, person, text_of(message)[0])


@router.callback_query(On(Action.LIST))
async def page(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """A page of a list, in place of the one before."""
    view = VIEWS[min(tap.id(0), len(VIEWS) - 1)]
    screen = await _list(chat, person, view, tap.text(1) or None, tap.id(2) or None)
    await chat.redraw(callback, screen)


@router.callback_query(On(Action.STAGE_LISTS))
async def stages(callback: CallbackQuery, chat: Chat) -> None:
    """The open stages, each with its number of leads."""

    def read(connection: Reading) -> Screen:
        known = list(all_stages(connection).values())
        counts: dict[int, int] = {}
        for pipeline_id in {stage.pipeline_id for stage in known}:
            counts |= board.stage_counts(connection, pipeline_id)
        return stages_screen(chat.words, [stage for stage in known if not stage.is_closing], counts)

    await chat.redraw(callback, await chat.read(read))


@router.callback_query(On(Action.OPEN))
async def open_card(_: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """A card below the list or the notice it was opened from, which stays."""
    shown = await chat.card(tap.id(0))
    await show_card(chat, person, shown)


@router.callback_query(On(Action.CARD))
async def card_again(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """Back to the card from one of its choices, as it is now."""
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


def lead_number(written: str | None) -> int | None:
    """The number of a lead as people write it: `12`, `№ 12`, `#12`, `лид 12`, `lead № 12`."""
    found = _NUMBER.fullmatch((written or "").strip()[:40])
    return int(found[1]) if found else None


async def lead_numbered(chat: Chat, number: int) -> Card | None:
    """The card of the lead with this number."""
    return await chat.read(
        lambda connection: card_by_number(
            connection,
            number,
            now=chat.words.now,
            language_default=chat.office.texts.default,
            language=chat.words.language,
        )
    )


async def show_card(chat: Chat, person: Person, shown: Card) -> None:
    """Send a card; a reply to it goes to its customer."""
    about = shown_as(shown)
    await chat.show(card_screen(chat.words, shown, person), about)


async def redraw_card(chat: Chat, callback: CallbackQuery, person: Person, shown: Card) -> None:
    """Draw a card in place of the message whose button was tapped."""
    await chat.redraw(callback, card_screen(chat.words, shown, person), shown_as(shown))


async def _show_numbered(chat: Chat, person: Person, written: str | None) -> None:
    if (number := lead_number(written)) is None:
        row = lists_row(chat.words)
        await ask(chat, Writing.lead, {}, chat.words("lead-which"), rows=(row,))
        return
    if (shown := await lead_numbered(chat, number)) is None:
        raise Refusal("refused-lead-gone")
    await show_card(chat, person, shown)


async def _list(
    chat: Chat, person: Person, view: View, after: str | None = None, stage_id: int | None = None
) -> Screen:
    def read(connection: Reading) -> Screen:
        stage = all_stages(connection).get(stage_id) if stage_id else None
        shown = View.MINE if view is View.STAGE and stage is None else view
        page = board.leads_page(
            connection,
            person=person,
            view=shown,
            language=chat.words.language,
            stage_id=stage_id,
            after=after,
        )
        counts = board.counts(connection, person)
        return list_screen(chat.words, shown, page, counts, person, stage=stage, is_later=after is not None)

    return await chat.read(read)
