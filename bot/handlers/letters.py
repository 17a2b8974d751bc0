"""Letters: the whole of one that came, a new one from a lead's card, and the head of one being written.

A letter is begun with its subject, then its text; an answer by letter has a subject already. Either question
has buttons that change the subject and add copies, and comes back when that is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.fsm.state import State
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.chat import Chat, entities
from bot.dialogs import Writing
from bot.handlers.contents import draft_of, text_of
from bot.handlers.dialogue import answered, ask, expect_album, leave
from bot.handlers.errors import Toast, refused, sentence
from bot.handlers.filters import WORDS, On, ToQuestion
from bot.handlers.following import follow_answer
from bot.handlers.inbox import lead_number, lead_numbered
from bot.letterheads import Letterhead, joined, read_copies, read_subject, with_letterhead
from bot.screens.cards import contact_name
from bot.screens.letters import (
    copy_question,
    letter_question,
    subject_question,
    whole_letter_caption,
    whole_letter_file,
    whole_letter_screens,
)
from core.conversations.redrawing import redraw_cards
from core.conversations.shown import ShownMessage, remember
from core.database import Transaction
from core.desk import letters
from core.desk.cards import Card
from core.desk.letters import Envelope
from core.desk.telling import tell_answered
from core.errors import Refusal
from core.leads.answering import Reply
from core.leads.writing import write
from core.staff.managers import Person
from core.staff.updates import done

router = Router(name="letters")


@router.callback_query(On(Action.WHOLE_LETTER))
async def whole_letter(_: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """The letter with its quotes; a reply to any part of it answers that letter."""
    letter = await chat.read(lambda connection: letters.whole_letter(connection, tap.id(0)))
    if letter is None:
        raise Refusal("refused-gone")
    about = ShownMessage(letter.lead_id, letter.conversation_id, letter.message_id)
    screens = whole_letter_screens(chat.words, letter)
    if screens is not None:
        for screen in screens:
            await chat.show(screen, about)
        return
    name, content = whole_letter_file(chat.words, letter)
    caption = whole_letter_caption(chat.words, letter)
    file = BufferedInputFile(content, name)
    sent = await chat.patiently(
        lambda: chat.bot.send_document(
            chat.id, file, caption=caption.text, caption_entities=entities(caption)
        )
    )
    await chat.remember([sent.message_id], about)


@router.message(Command("write", re.compile(r"write_?([0-9]{1,9})$", re.IGNORECASE), ignore_case=True))
async def write_by_number(_: Message, command: CommandObject, chat: Chat) -> None:
    """`/write 12`, `/write12`: a letter to that lead's person; or the question to whom."""
    await leave(chat)
    if not await chat.office.has_mailbox():
        raise Refusal("refused-no-mailbox")
    written = command.regexp_match[1] if command.regexp_match else command.args
    await _begin_numbered(chat, written)


@router.message(Writing.recipient, ToQuestion(), WORDS)
async def recipient(message: Message, chat: Chat) -> None:
    """The answer to the question whom the letter is for."""
    await answered(chat)
    await _begin_numbered(chat, text_of(message)[0])


@router.callback_query(On(Action.LETTER))
async def write_from_card(_: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """A letter to the person of this card, whatever way they came."""
    shown = await chat.office.card(tap.id(0), chat.words)
    await _begin(chat, shown)


@router.callback_query(
    On(
        Action.LETTER_TO,
        Action.LETTER_SUBJECT,
        Action.LETTER_SUBJECT_KEEP,
        Action.LETTER_COPY,
        Action.LETTER_COPY_NONE,
    )
)
async def change_head(callback: CallbackQuery, tap: Tap, chat: Chat, toast: Toast) -> None:
    """A button below a question about a letter; below a question that is over it changes nothing."""
    content = await _taken_up(callback, tap, chat)
    if content is None:
        toast.say(chat.words("letter-over"), alert=True)
        return
    match tap.action:
        case Action.LETTER_SUBJECT:
            await _ask_subject(chat, content)
        case Action.LETTER_SUBJECT_KEEP:
            await ask_letter(chat, {**content, "subject": None})
        case Action.LETTER_COPY:
            question, rows = copy_question(chat.words, tap.id(0), content.get("cc") or ())
            await ask(chat, Writing.copy, content, question, rows=rows)
        case Action.LETTER_COPY_NONE:
            await ask_letter(chat, {**content, "cc": []})
        case _:
            addresses = await chat.read(lambda connection: letters.recipients(connection, tap.id(0)))
            if "to" in content and tap.id(1) < len(addresses):
                content = {**content, "to": addresses[tap.id(1)]}
            await _ask_subject(chat, content)


@router.message(Writing.subject, ToQuestion(), WORDS)
async def subject(message: Message, chat: Chat) -> None:
    """The subject that was asked for; then comes the text."""
    written = read_subject(text_of(message)[0])
    content = await answered(chat)
    await _go_on(chat, message, content, {"subject": written})


@router.message(Writing.copy, ToQuestion(), WORDS)
async def copies(message: Message, chat: Chat) -> None:
    """Who else gets it."""
    already = tuple((await chat.state.get_data()).get("cc") or ())
    together = joined(already, read_copies(text_of(message)[0]))
    content = await answered(chat)
    await _go_on(chat, message, content, {"cc": list(together)})


@router.message(Writing.letter, ToQuestion(), WORDS)
async def letter(message: Message, chat: Chat, person: Person, staff_update_id: int) -> None:
    """The text of a letter begun from a card, with or without files: it goes out."""
    content = await answered(chat)
    if content is None or not {"lead", "to"} <= content.keys():
        await chat.say(chat.words("dialog-forgotten"), reply_to=message.message_id)
        return
    try:
        await _send(chat, message, person, content, staff_update_id)
    except Refusal as refusal:
        if refusal.key == "refused-lead-taken":
            await refused(chat, message, person, int(content["lead"]), refusal)
            return
        # Nothing was sent: the question stands, with its buttons.
        await chat.say(sentence(chat.words, refusal), reply_to=message.message_id)
        with suppress(Refusal):  # the lead itself may be gone
            await ask_letter(chat, content)


async def ask_letter(chat: Chat, content: Mapping[str, Any]) -> None:
    """Ask for the text of a letter: a new one where `content` says whom `to`, else an answer.

    Raises Refusal when the lead is gone.
    """
    lead_id = int(content["lead"])
    shown = await chat.office.card(lead_id, chat.words)
    envelope = await _envelope(chat, content)
    if shown is None or envelope is None:
        raise Refusal("refused-lead-gone")
    envelope = replace(
        envelope, subject=content.get("subject") or envelope.subject, copies=tuple(content.get("cc") or ())
    )
    is_new = "to" in content
    head = chat.words(
        "letter-new" if is_new else "letter-answer", name=contact_name(chat.words, shown), number=shown.number
    )
    question, rows = letter_question(chat.words, lead_id, head, envelope)
    meant: State = Writing.letter if is_new else Writing.answer
    # A reply to the question of an answer is an answer; below a new letter it would go elsewhere.
    about = None if is_new else ShownMessage(lead_id, content.get("conversation"), content.get("message"))
    await ask(chat, meant, content, question, about, rows)


def letterhead(content: Mapping[str, Any]) -> Letterhead:
    """The head that was chosen by button."""
    return Letterhead(content.get("subject") or None, tuple(content.get("cc") or ()))


async def _begin_numbered(chat: Chat, written: str | None) -> None:
    if (number := lead_number(written)) is None:
        await ask(chat, Writing.recipient, {}, chat.words("letter-which"))
    else:
        await _begin(chat, await lead_numbered(chat, number))


async def _begin(chat: Chat, shown: Card | None) -> None:
    if shown is None:
        raise Refusal("refused-lead-gone")
    if shown.exclusion is not None:
        raise Refusal("refused-excluded", number=shown.number)
    lead_id = shown.id
    addresses = await chat.read(lambda connection: letters.recipients(connection, lead_id))
    await _ask_subject(chat, {"lead": lead_id, "to": addresses[0], "nobodys": shown.awaits_taking})


async def _ask_subject(chat: Chat, content: Mapping[str, Any]) -> None:
    envelope = await _envelope(chat, content)
    if envelope is None:
        raise Refusal("refused-lead-gone")
    lead_id = int(content["lead"])
    others: list[tuple[int, str]] = []
    if "to" in content:
        addresses = await chat.read(lambda connection: letters.recipients(connection, lead_id))
        others = [(place, one) for place, one in enumerate(addresses) if one != content["to"]]
    question, rows = subject_question(chat.words, lead_id, envelope, others)
    await ask(chat, Writing.subject, content, question, rows=rows)


async def _envelope(chat: Chat, content: Mapping[str, Any]) -> Envelope | None:
    lead_id, to, conversation = int(content["lead"]), content.get("to"), content.get("conversation")
    if to is not None:
        return await chat.read(lambda connection: letters.written_envelope(connection, lead_id, to))
    return await chat.read(lambda connection: letters.answer_envelope(connection, lead_id, conversation))


async def _taken_up(callback: CallbackQuery, tap: Tap, chat: Chat) -> dict[str, Any] | None:
    """What the question below which a button was tapped is about; it is over. None when it was over before."""
    content = await chat.state.get_data()
    meant = (Writing.answer.state, Writing.letter.state, Writing.subject.state, Writing.copy.state)
    message = callback.message
    if (
        await chat.state.get_state() not in meant
        or content.get("lead") != tap.id(0)
        or message is None
        or content.get("asked") != message.message_id
    ):
        return None
    return await answered(chat)


async def _go_on(
    chat: Chat, message: Message, content: Mapping[str, Any] | None, change: Mapping[str, Any]
) -> None:
    if content is None or "lead" not in content:
        await chat.say(chat.words("dialog-forgotten"), reply_to=message.message_id)
        return
    await ask_letter(chat, {**content, **change})


async def _send(
    chat: Chat, message: Message, person: Person, content: Mapping[str, Any], staff_update_id: int
) -> None:
    """Put the letter on its way. The update ends in the same transaction: taken twice, it is sent once."""
    lead_id, to = int(content["lead"]), str(content["to"])
    before = await chat.card(lead_id)
    plain_draft, parts = await draft_of(chat, message, None, None, staff_update_id)
    draft = with_letterhead(plain_draft, letterhead(content))

    def work(tx: Transaction) -> tuple[Reply, Envelope | None]:
        letters.require_let_in(tx, draft.cc)
        as_nobodys = bool(content.get("nobodys")) or before.awaits_taking
        said = write(tx, person, lead_id, draft, to, as_nobodys=as_nobodys)
        if before.awaits_taking:
            redraw_cards(tx, [lead_id])  # no tap draws one's own anew
        for update in parts:
            done(tx, update)
        tell_answered(tx, lead_id, person, said.message_id)
        envelope = letters.sent_envelope(tx.connection, said.message_id)
        about = ShownMessage(lead_id, envelope.conversation_id if envelope else None, said.message_id)
        remember(tx, chat.office.account.id, chat.id, parts.values(), about)
        return said, envelope

    said, envelope = await chat.office.db.transact(work)
    about = ShownMessage(lead_id, envelope.conversation_id if envelope else None)
    await expect_album(chat, message, about)
    await follow_answer(chat, message, said.delivery_id, before=before, envelope=envelope, about=about)
