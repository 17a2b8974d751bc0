"""What the exclusions have stopped, looked through and restored. For admins."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.handlers.errors import Toast
from bot.handlers.exclusions import Admins, taken_again
from bot.handlers.filters import On
from bot.screens.stopped import Restored, restored_line, stopped_screen
from core.channel import Screen
from core.desk import exclusion_lookup, stopped

router = Router(name="stopped")
_PAGE = 6


@router.callback_query(On(Action.STOPPED), Admins())
async def page(callback: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """What was stopped, by one exclusion or by any."""
    await chat.redraw(callback, await _page(chat, tap.id(0), tap.id(1)))


@router.callback_query(On(Action.RESTORE), Admins())
async def restore(callback: CallbackQuery, tap: Tap, chat: Chat, toast: Toast) -> None:
    """It is filed after all; the list shows what it became, and who is still kept out."""
    ledger_id, begun = tap.id(0), chat.office.clock.now()
    exclusion_id = await chat.read(lambda connection: stopped.stopped_by(connection, ledger_id))
    if exclusion_id is None:  # a colleague was quicker, or the first tap was heard after all
        toast.say(chat.words("restored-already"))
        await chat.redraw(callback, await _page(chat, tap.id(1), tap.id(2)))
        return
    filed = await taken_again(chat, ledger_id)
    lead = await chat.office.card(filed.lead_id, chat.words) if filed.lead_id is not None else None
    still = await chat.read(
        lambda connection: exclusion_lookup.entry(connection, exclusion_id, chat.office.clock.now())
    )
    restored = Restored(filed, lead, lead is not None and lead.created_at >= begun, still)
    toast.say(restored_line(chat.words, restored))
    await chat.redraw(callback, await _page(chat, tap.id(1), tap.id(2), restored))


async def _page(chat: Chat, exclusion_id: int, after: int, restored: Restored | None = None) -> Screen:
    kept = await chat.read(lambda c: stopped.stopped(c, exclusion_id or None, after or None, _PAGE))
    said = await chat.office.recall([entry.ledger_id for entry in kept.entries])
    return stopped_screen(chat.words, kept, exclusion_id, said, after=after, restored=restored)
