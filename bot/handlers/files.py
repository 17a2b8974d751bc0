"""The files of a lead, sent again on request: old ones scroll away, and late ones come after the card."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aiogram import Bot, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, FSInputFile, Message

from bot.callbacks import Action, Tap, data
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.showing import patiently, rekey, show
from bot.office import Office
from bot.screens.cards import shown_about
from bot.texts import Words
from core.channel import Button, Screen
from core.conversations.shown import remember
from core.desk import messages
from core.desk.messages import File

log = structlog.get_logger("bot")
router = Router(name="files")
PAGE = 10  # files that are sent at once


@router.callback_query(On(Action.FILES))
async def show_files(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, toast: Toast
) -> None:
    """Send the latest files of a lead, page by page; a reply to a file goes to the customer."""
    card = await office.card_there(tap.id(0), words)
    lead_id, before = card.id, tap.id(1) or None
    files, earlier = await office.db.read(
        lambda connection: messages.files(connection, lead_id, before, limit=PAGE)
    )
    if before is not None:
        await rekey(office, bot, callback, ())  # tapped once, shown once
    sent: list[int] = []
    failed: list[File] = []
    for file in files:
        message = await _send(office, bot, callback.from_user.id, file)
        if message is None:
            failed.append(file)
        else:
            sent.append(message.message_id)
    if sent:
        await office.db.transact(
            lambda tx: remember(tx, office.account.id, callback.from_user.id, sent, shown_about(card))
        )
    if earlier:
        more = Button(words("button-files-earlier"), data(Action.FILES, lead_id, files[0].id))
        text = words("files-earlier", number=card.number, count=earlier)
        await show(office, bot, callback.from_user.id, Screen(text, (), ((more,),)), shown_about(card))
    if answer := _complaint(words, files, failed):
        toast.say(answer, alert=True)


def _complaint(words: Words, files: Sequence[File], failed: Sequence[File]) -> str:
    if not files:
        return words("files-none")
    loading = sum(file.state == "waiting" for file in failed)
    if loading:
        return words("files-loading", count=loading)
    return words("files-missing", count=len(failed)) if failed else ""


async def _send(office: Office, bot: Bot, chat_id: int, file: File) -> Message | None:
    """One file, by Telegram's own reference where it came through this bot, else from the store."""
    media: str | FSInputFile
    if file.reference and file.account_id == office.account.id:
        media = file.reference
    elif file.sha256 and office.store.path(file.sha256).exists():
        media = FSInputFile(office.store.path(file.sha256), file.name or file.kind)
    else:
        return None
    try:
        return await patiently(office, lambda: _call(bot, chat_id, file.kind, media))
    except TelegramBadRequest as error:
        log.info("a file cannot be shown as it is", kind=file.kind, why=error.message)
    if not isinstance(media, FSInputFile):
        return None
    return await patiently(office, lambda: bot.send_document(chat_id, media))


async def _call(bot: Bot, chat_id: int, kind: str, media: str | FSInputFile) -> Message:
    match kind:
        case "photo":
            return await bot.send_photo(chat_id, media)
        case "video":
            return await bot.send_video(chat_id, media)
        case "audio":
            return await bot.send_audio(chat_id, media)
        case "voice":
            return await bot.send_voice(chat_id, media)
        case "video_note":
            return await bot.send_video_note(chat_id, media)
        case "animation":
            return await bot.send_animation(chat_id, media)
        case "sticker":
            return await bot.send_sticker(chat_id, media)
    return await bot.send_document(chat_id, media)
