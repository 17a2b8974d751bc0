"""One request of a bot: its parameters as they came, read the way Telegram reads them, and its refusal.

Telegram takes the same parameters as JSON, as a form, as multipart and in the query string. Numbers and flags
may arrive as text, and objects may arrive as JSON inside a text; `Call` hides that from the methods.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sandbox.accounts import Bot

Json: TypeAlias = dict[str, Any]  # the Bot API's own objects: the border where JSON begins


class ApiError(Exception):
    """Telegram's refusal: the HTTP status, the text, and `retry_after` or `migrate_to_chat_id`."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def answer(self) -> Json:
        """The envelope in which a refusal travels (https://core.telegram.org/bots/api#making-requests)."""
        answer: Json = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad_request(description: str) -> ApiError:
    """400 with Telegram's prefix."""
    return ApiError(400, f"Bad Request: {description}")


def forbidden(description: str) -> ApiError:
    """403 with Telegram's prefix."""
    return ApiError(403, f"Forbidden: {description}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in a multipart body."""

    name: str
    data: bytes
    media_type: str


@dataclass(slots=True, eq=False)
class Call:
    """What a bot asked, and what became of it.

    `method` is spelled as in the documentation however the bot spelled it. `params` are as they came: text in
    forms, typed in JSON; tests that compare numbers use `chat_id` or `integer`. `result` and `error` are set
    when the call is settled; a call that was hung up on before it was read has neither.
    """

    bot: Bot
    method: str
    params: Json
    uploads: dict[str, Upload]
    at: datetime
    result: Any = None
    error: ApiError | None = None

    @property
    def chat_id(self) -> int | None:
        """The numeric `chat_id`, or None where there is none or it is an @username."""
        try:
            return int(self.params["chat_id"])
        except (KeyError, TypeError, ValueError):
            return None

    def string(self, name: str) -> str:
        """A text parameter; empty when it is missing."""
        value = self.params.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number; the default when missing or not a number, as Telegram does."""
        value = self.params.get(name)
        if isinstance(value, int):
            return int(value)
        try:
            return int(value)  # type: ignore[arg-type]  # None and odd types are what the except is for
        except (TypeError, ValueError):
            return default

    def number(self, name: str) -> float:
        """A decimal number, 0 when missing."""
        try:
            return float(self.params.get(name, 0))
        except (TypeError, ValueError):
            return 0.0

    def flag(self, name: str) -> bool:
        """A boolean: true, 1 and yes in any case are true."""
        value = self.params.get(name)
        if isinstance(value, str):
            return value.lower() in ("true", "1", "yes")
        return bool(value)

    def object(self, name: str, complaint: str) -> Any:
        """A parameter that is JSON, inside a text or not; None when missing or empty.

        Raises ApiError 400 with `complaint` when the text is not JSON.
        """
        value = self.params.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(complaint) from None
