"""What a failed call means for the message it should have sent.

Descriptions are Telegram's own words, in the forms the Bot API server gives them
(https://github.com/tdlib/telegram-bot-api); they are compared in lower case and by a part of them, because
their beginning ("Bad Request: ") and their case have changed before.
"""

from __future__ import annotations

from datetime import timedelta

from channels.telegram.api import ApiError, Failure, NotSent, Unanswered
from core.channel import Cause, Moved, Postponed, Refused, Uncertain


def outcome_of(failure: Failure) -> Refused | Postponed | Moved | Uncertain:
    """Certain refusals, waits, moves, and what nobody knows. Pure."""
    match failure:
        case NotSent(reason):
            return Postponed(f"not sent: {reason}")
        case Unanswered(reason):
            return Uncertain(reason)
        case ApiError(code=429):
            # A message's wait is its chat's unless Telegram says otherwise; the bot's own has the same form.
            return Postponed(failure.description, failure.retry_after or timedelta(seconds=5))
        case ApiError(migrate_to=int() as chat_id):
            return Moved(str(chat_id))
        case ApiError(code=401 | 404):
            return Refused(Cause.ACCOUNT, failure.description or f"HTTP {failure.code}")
        case ApiError(code=413):
            return Refused(Cause.TOO_LARGE, failure.description)
        case ApiError(code=503):
            return Postponed(failure.description or "the server is not available")
        case ApiError(code=500) if "restart" in failure.description.lower():
            return Postponed(failure.description)  # a closing server says so of what it has not begun
        case ApiError(code=code) if code >= 500:
            return Uncertain(failure.description or f"HTTP {code}")
    return Refused(_cause(failure.code, failure.description), failure.description or f"HTTP {failure.code}")


def lost_its_reply(failure: Failure) -> bool:
    """Whether the message to be answered is gone, so that the same text may go without it."""
    return _says(failure, _NO_REPLY)


def lost_its_file(failure: Failure) -> bool:
    """Whether Telegram does not take a file by its identifier, so that it must be uploaded."""
    return _says(failure, _NO_FILE)


def wants_a_document(failure: Failure) -> bool:
    """Whether Telegram takes the file, but not as the picture, the voice or the video it was called."""
    return _says(failure, _NOT_THAT_KIND)


_NO_REPLY = (
    "message to be replied not found",
    "message to reply not found",
    "replied message not found",
    "reply message not found",
    "reply_message_id_invalid",
)
_NO_FILE = (
    "wrong file identifier",
    "wrong file_id",
    "invalid file_id",
    "wrong remote file",
    "file_reference_",
    "can't use file of type",
    "file is temporarily unavailable",
)
_NOT_THAT_KIND = (
    "photo_invalid_dimensions",
    "photo_save_file_invalid",
    "photo_ext_invalid",
    "photo_content_type_invalid",
    "image_process_failed",
    "too big for a photo",
    "video_content_type_invalid",
    "voice_messages_forbidden",  # the person takes voice messages from friends only
    "restricted receiving of",  # the same, in the server's words: "… of voice note messages", "… of video messages"
)


def _says(failure: Failure, words: tuple[str, ...]) -> bool:
    if not isinstance(failure, ApiError) or failure.code != 400:
        return False
    description = failure.description.lower()
    return any(word in description for word in words)


def _cause(code: int, description: str) -> Cause:
    said = description.lower()
    for words, cause in _CAUSES.items():
        if words in said:
            return cause
    return Cause.BLOCKED if code == 403 else Cause.MALFORMED


# In order: what is said first decides.
_CAUSES = {
    "logged out": Cause.ACCOUNT,  # the bot is moving to another server, or is gone
    "group is deactivated": Cause.NOT_FOUND,
    "deactivated": Cause.DEACTIVATED,
    "blocked by the user": Cause.BLOCKED,
    "user_is_blocked": Cause.BLOCKED,
    "was kicked": Cause.BLOCKED,
    "is not a member": Cause.BLOCKED,
    "not enough rights": Cause.BLOCKED,
    "have no rights": Cause.BLOCKED,
    "write_forbidden": Cause.BLOCKED,
    "premium_required": Cause.BLOCKED,  # the person takes messages from some people only
    "payment_required": Cause.BLOCKED,
    "can't initiate conversation": Cause.NOT_FOUND,  # there is no chat before the person has started the bot
    "can't send messages to bots": Cause.NOT_FOUND,
    "chat not found": Cause.NOT_FOUND,
    "user not found": Cause.NOT_FOUND,
    "peer_id_invalid": Cause.NOT_FOUND,
    "chat_id is empty": Cause.NOT_FOUND,
    "chat_id_invalid": Cause.NOT_FOUND,
    "thread not found": Cause.NOT_FOUND,
    "topic_": Cause.NOT_FOUND,
    "business connection": Cause.SHUT,  # the owner does not let us answer, or no more
    "business_": Cause.SHUT,  # or the customer's last message is older than a day
    "too big": Cause.TOO_LARGE,
    "too large": Cause.TOO_LARGE,
    "too long": Cause.TOO_LARGE,
    "too_long": Cause.TOO_LARGE,
}
