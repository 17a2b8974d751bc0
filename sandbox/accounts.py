"""A bot as Telegram knows it: its token, its name, its settings, its updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.calls import Json
from sandbox.updates import UpdateQueue

if TYPE_CHECKING:
    from sandbox.webhooks import Webhook


class Bot:
    """One bot account. Everything it has told Telegram about itself can be read here."""

    is_bot = True

    def __init__(self, token: str, username: str, first_name: str, first_update_id: int) -> None:
        digits = token.partition(":")[0]
        if not digits.isdecimal():
            raise ValueError(f"a bot's token begins with its id and a colon, this one with {digits[:20]!r}")
        self.token = token
        self.id = int(digits)
        self.username = username
        self.first_name = first_name
        self.reads_all_groups = False  # privacy mode is on, as for a new bot
        self.logged_out = False
        self.updates = UpdateQueue(first_update_id)
        self.webhook: Webhook | None = None
        self.commands: dict[tuple[str, str], list[Json]] = {}  # by scope (canonical JSON) and language
        self.profile: dict[tuple[str, str], str] = {}  # by field (name, description, ...) and language
        self.menu_buttons: dict[int, Json] = {}  # by person, 0 for everyone
        self.default_rights: dict[bool, Json] = {}  # by "for channels"

    def describe(self) -> Json:
        """The `User` others see."""
        return {"id": self.id, "is_bot": True, "first_name": self.first_name, "username": self.username}

    @property
    def pending(self) -> int:
        """How many updates the bot has not acknowledged."""
        return len(self.updates.pending)

    def commands_for(self, language: str = "", scope: str = "default") -> list[Json]:
        """The commands set for a scope's type and a language code."""
        return self.commands.get((f'{{"type": "{scope}"}}', language), [])

    def __repr__(self) -> str:
        return f"<Bot @{self.username} {self.id}>"
