"""Whose lead it is by its card's buttons: one person or two, somebody else, somebody who is not let in."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.callbacks import Action, Tap, data
from bot.chat import Chat
from bot.handlers.deeds import Deed
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.inbox import redraw_card
from bot.screens.cards import contact_name, shown_about
from bot.screens.choices import exclusion_question
from bot.screens.exclusions import person_excluded
from core.channel import Button, Screen
from core.desk import joining, person_exclusion, separating
from core.staff import managers
from core.staff.managers import Person

router = Router(name="person")


@router.callback_query(On(Action.SEPARATE))
async def separate(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """This is somebody else: the conversation goes to a person of its own."""
    done = await deed(lambda tx: separating.separate(tx, tap.id(1), person))
    toast.say(chat.words("separated"))
    await redraw_card(chat, callback, person, await chat.card(done.lead_id or tap.id(0)))


@router.callback_query(On(Action.REJOIN))
async def rejoin(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """The same person after all."""
    await deed(lambda tx: separating.rejoin(tx, tap.id(1), person))
    toast.say(chat.words("rejoined"))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


@router.callback_query(On(Action.MERGE))
async def merge(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, deed: Deed) -> None:
    """Two people are one; a button takes it back."""
    shown = await chat.card(tap.id(0))
    await deed(lambda tx: joining.merge(tx, shown.contact_id, tap.id(1), person))
    undo = Button(chat.words("button-unmerge"), data(Action.UNMERGE, shown.id, tap.id(1)))
    await redraw_card(chat, callback, person, await chat.card(shown.id))
    await chat.show(Screen(chat.words("merged"), (), ((undo,),)))


@router.callback_query(On(Action.UNMERGE))
async def unmerge(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Two people again."""
    await deed(lambda tx: joining.unmerge(tx, tap.id(1), person))
    toast.say(chat.words("unmerged"))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


@router.callback_query(On(Action.TELL_APART))
async def tell_apart(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """No, these are two people: it is not suggested again, and the history has the button that takes it back."""
    shown = await chat.card(tap.id(0))
    await deed(lambda tx: joining.tell_apart(tx, shown.contact_id, tap.id(1), person))
    toast.say(chat.words("told-apart"))
    await redraw_card(chat, callback, person, await chat.card(shown.id))


@router.callback_query(On(Action.UNDO_TELL_APART))
async def undo_tell_apart(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """They may be one after all: the card suggests it again."""
    shown = await chat.card(tap.id(0))
    await deed(lambda tx: joining.undo_tell_apart(tx, shown.contact_id, tap.id(1), person))
    toast.say(chat.words("told-apart-undone"))
    await redraw_card(chat, callback, person, await chat.card(shown.id))


@router.callback_query(On(Action.EXCLUDE_PERSON))
async def ask_exclusion(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """What excluding this person would mean, before it is done."""
    managers.require_admin(person)
    shown = await chat.card(tap.id(0))
    await chat.redraw(callback, exclusion_question(chat.words, shown), shown_about(shown), asks=True)


@router.callback_query(On(Action.EXCLUDE_SURELY))
async def exclude(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Keep this person out by every address we know; the card has the button that undoes it."""
    shown = await chat.card(tap.id(0))
    done = await deed(lambda tx: person_exclusion.exclude_person(tx, person, shown.id))
    toast.say(person_excluded(chat.words, done, contact_name(chat.words, shown)), alert=bool(done.others))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


@router.callback_query(On(Action.UNDO_EXCLUDE))
async def undo_exclude(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Lift exactly that, and open again what it closed."""
    await deed(lambda tx: person_exclusion.undo_exclude_person(tx, person, tap.id(0)))
    toast.say(chat.words("person-exclusion-undone"))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))
