"""What a screen answers: the words a manager had written when it was shown, for the buttons under it.

A button holds ids and never words; the message that its screen replies to has them.
"""

from __future__ import annotations

from aiogram.types import CallbackQuery, Message, MessageOriginHiddenUser, MessageOriginUser

from bot.handlers.contents import text_of
from core.errors import Refusal


def asked_by(callback: CallbackQuery) -> str:
    """What was written, without its command; empty where the message is gone or Telegram no longer shows it."""
    shown = callback.message
    replied = shown.reply_to_message if isinstance(shown, Message) else None
    return meant_by(replied) if replied is not None else ""


def asked_in(callback: CallbackQuery) -> int | None:
    """The message in which that was written."""
    shown = callback.message
    replied = shown.reply_to_message if isinstance(shown, Message) else None
    return replied.message_id if replied is not None else None


def forwarded_from(message: Message) -> int | None:
    """Whose message this was before it was forwarded; what somebody forwards of their own is as if just written."""
    origin = message.forward_origin
    if not isinstance(origin, MessageOriginUser) or origin.sender_user.is_bot:
        return None  # a bot is nobody's enquiry: ours merely passes customers' words on
    is_own = message.from_user is not None and message.from_user.id == origin.sender_user.id
    return None if is_own else origin.sender_user.id


def require_author(message: Message) -> None:
    """Raise Refusal when somebody is meant by a forwarded message that does not say whose it was."""
    origin = message.forward_origin
    if isinstance(origin, MessageOriginHiddenUser):
        raise Refusal("refused-forward-hidden")
    if isinstance(origin, MessageOriginUser) and origin.sender_user.is_bot:
        raise Refusal("refused-forward-bot")


def meant_by(message: Message) -> str:
    """What a message says of somebody: its words without the command, or the author of a forwarded one."""
    if (author := forwarded_from(message)) is not None:
        return f"telegram:{author}"
    text = text_of(message)[0].strip()
    if not text.startswith("/"):
        return text
    return text.split(maxsplit=1)[1].strip() if len(text.split(maxsplit=1)) > 1 else ""
