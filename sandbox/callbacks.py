"""A tap on a button, and what the person who tapped sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sandbox.accounts import Bot
from sandbox.messages import Button, Message


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What a person sees after a tap: nothing (`text` empty), a line at the top, or an alert."""

    text: str = ""
    alert: bool = False
    url: str | None = None


@dataclass(slots=True, eq=False)
class CallbackQuery:
    """A tap that waits for its answer."""

    id: str
    bot: Bot
    message: Message
    button: Button
    at: datetime
    answer: CallbackAnswer | None = None
