"""What is printed of the scripted day: who said what to whom and when, and how things stand in the end."""

from __future__ import annotations

import asyncio
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from textwrap import fill
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from sandbox.accounts import Bot
from sandbox.chats import Chat, PrivateChat
from sandbox.messages import Message
from sandbox.world import Change

WIDTH = 96
_INDENT = " " * 9


class Transcript:
    """Prints the changes of a sandbox as a conversation. `zone` is whose clock hangs on the wall."""

    def __init__(self, changes: asyncio.Queue[Change], zone: ZoneInfo, out: TextIO | None = None) -> None:
        self._changes = changes
        self._zone = zone
        self._out = out or sys.stdout
        self._colours = self._out.isatty()
        self._seen: dict[Message, str] = {}
        self._taken_down: list[str] = []

    def heading(self, text: str) -> None:
        """The title of a scene."""
        self._line("")
        self._line(self._painted(f"── {text} {'─' * max(3, WIDTH - len(text) - 4)}", "1;36"))

    def verdict(self, good: bool, text: str) -> None:
        """Whether something is as it should be."""
        mark = self._painted("✓", "32") if good else self._painted("✗ NOT SO:", "1;31")
        self._line(f"{_INDENT}{mark} {text}")

    def remark(self, text: str) -> None:
        """What happens outside of the telephones."""
        self.catch_up()
        self._line(self._remark(text))

    async def listen(self) -> None:
        """Take down what happens as it happens, until cancelled: a moment later a message may look otherwise."""
        while True:
            change = await self._changes.get()
            self._taken_down.extend(self._told(change))

    def catch_up(self) -> None:
        """Print what has been taken down since the last time."""
        lines, self._taken_down = self._taken_down, []
        for line in lines:
            self._line(line)

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table with its columns aligned."""
        shown = [[str("" if cell is None else cell) for cell in row] for row in rows]
        widths = [max(_width(row[i]) for row in [list(header), *shown]) for i in range(len(header))]
        self._line("")
        self._line(self._painted(title, "1"))
        for number, row in enumerate([list(header), *shown]):
            line = "  ".join(
                cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
            )
            self._line("  " + (self._painted(line.rstrip(), "2") if number == 0 else line.rstrip()))

    def counted(self, title: str, counts: Mapping[str, int] | Counter[str]) -> None:
        """Figures by name, on one line."""
        self._line("")
        self._line(self._painted(title, "1"))
        self._line("  " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "  none")

    # --- how ---------------------------------------------------------------------------------------

    def _told(self, change: Change) -> list[str]:
        message = change.message
        if message is None:
            if change.kind != "membership" or change.chat is None:
                return []
            verb = "blocks" if change.details.get("blocked") else "unblocks"
            return [self._remark(f"{_owner(change.chat)} {verb} the bot")]
        match change.kind:
            case "message":
                return self._said(message)
            case "edit" if self._seen.get(message) != _contents(message):
                return self._said(message, "changed")
            case "callback":
                return _event(message, f"taps [{message.button(str(change.details['data'])).text}]")
            case "callback_answer" if change.details.get("text"):
                return _event(message, f"reads: {change.details['text']}")
        return []

    def _said(self, message: Message, how: str = "") -> list[str]:
        self._seen[message] = contents = _contents(message)
        person, mine = _owner(message.chat), not isinstance(message.sender, Bot)
        who = f"{person} → line" if mine else f"line → {person}"
        note = f"  ({how})" if how else ""
        lines = [f"{self._time(message)}    {self._painted(who, '33' if mine else '34')}{note}"]
        return lines + [_wrapped(line) for line in contents.split("\n") if line]

    def _remark(self, text: str) -> str:
        return self._painted(f"{_INDENT}({text})", "2")

    def _time(self, message: Message) -> str:
        moment = datetime.fromtimestamp(message.edited_at or message.date, UTC).astimezone(self._zone)
        return moment.strftime("%H:%M")

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text

    def _line(self, text: str) -> None:
        print(text, file=self._out)


def _contents(message: Message) -> str:
    parts = [] if message.media is None else [f"[{message.kind}]"]
    if "contact" in message.content:
        parts.append("[contact]")
    lines = [" ".join([*parts, message.text]).strip()]
    if message.markup is not None and "inline_keyboard" in message.markup:
        lines += ["  " + " ".join(f"[{button.text}]" for button in row) for row in message.buttons]
    return "\n".join(lines)


def _event(message: Message, what: str) -> list[str]:
    return [_wrapped(f"{_owner(message.chat)} {what}")]


def _owner(chat: Chat) -> str:
    return chat.person.first_name if isinstance(chat, PrivateChat) else "somebody"


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _width(text: str) -> int:
    """Columns on a terminal: marks take none, wide characters two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
