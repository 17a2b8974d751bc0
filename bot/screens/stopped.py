"""What exclusions have kept out, as admins look through it and restore from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of
from bot.screens.cards import channel_name, contact_name
from bot.screens.conversation import shown_text
from bot.screens.exclusions import pattern_of, written_pattern
from bot.screens.staff import filed_state
from bot.texts import Words
from core.channel import Button, InboundMessage, Markup, Screen
from core.desk.cards import Card
from core.desk.exclusion_entries import Entry
from core.desk.stopped import Stopped, StoppedPage
from core.intake.booking import Filed


@dataclass(frozen=True, slots=True)
class Restored:
    """What has just been restored: what became of it, its lead, and what would stop the same person again."""

    filed: Filed
    lead: Card | None
    is_new: bool
    still: Entry | None


def stopped_screen(
    words: Words,
    page: StoppedPage,
    exclusion_id: int,
    said: Mapping[int, InboundMessage | None],
    *,
    after: int = 0,
    restored: Restored | None = None,
) -> Screen:
    """What was kept out, newest first; each can be restored as a lead.

    `said` is what the entries of the page say, by ledger id: of one that is missing, the raw form is gone.
    `exclusion_id` (0 for all) and `after` are the list and the page this is.
    """
    rich = Rich()
    top: list[tuple[Button, ...]] = []
    if restored is not None:
        top = _restored(words, restored, rich)
        rich.gap().line(words("stopped-heading"), Markup.BOLD)
    else:
        rich.add(words("stopped-heading"), Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("stopped-none"))
    buttons: list[tuple[Button, ...]] = []
    for place, entry in enumerate(page.entries, start=1):
        _entry(words, place, entry, said.get(entry.ledger_id), rich)
        if entry.ledger_id not in said:
            rich.line(words("stopped-forgotten"), Markup.ITALIC)
        else:
            again = data(Action.RESTORE, entry.ledger_id, exclusion_id, after)
            buttons.append((Button(words("button-restore", place=place), again),))
    turns = []
    if after:
        turns.append(Button(words("button-first"), data(Action.STOPPED, exclusion_id, 0)))
    if page.next:
        turns.append(Button(words("button-next"), data(Action.STOPPED, exclusion_id, page.next)))
    last = (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),)
    return rich.cut(LONGEST).screen(*top, *buttons, tuple(turns), last)


def restored_line(words: Words, restored: Restored) -> str:
    """What became of what was restored, in one sentence."""
    if (lead := restored.lead) is None:
        return words("restored-not-lead", state=filed_state(words, restored.filed.state))
    key = "restored-new" if restored.is_new else "restored-open"
    return words(key, number=lead.number, name=contact_name(words, lead))


def _restored(words: Words, restored: Restored, rich: Rich) -> list[tuple[Button, ...]]:
    rich.add(f"✓ {restored_line(words, restored)}" if restored.lead else restored_line(words, restored))
    row: list[Button] = []
    if (lead := restored.lead) is not None:
        row.append(Button(words("button-lead", number=lead.number), data(Action.OPEN, lead.id)))
    if (still := restored.still) is not None and restored.lead is not None:
        pattern = pattern_of(words, still)
        rich.line(words("restored-still", pattern=pattern))
        label = words("button-lift-one", pattern=line_of(pattern, 40))
        row.append(Button(label, data(Action.LIFT, still.id, 1)))
    return [tuple(row)] if row else []


def _entry(words: Words, place: int, entry: Stopped, message: InboundMessage | None, rich: Rich) -> None:
    channel, when = channel_name(words, entry.channel), words.when(entry.received_at)
    if message is None:
        rich.gap().line(f"{place}. {channel}, {when}", Markup.BOLD)
    else:
        sender = message.sender
        name = line_of(sender.name, 60) or (
            line_of(sender.addresses[0].value, 60) if sender.addresses else ""
        )
        rich.gap().line(f"{place}. {name or words('stopped-nameless')}, {channel}, {when}", Markup.BOLD)
    if entry.pattern:
        kind, _, value = entry.pattern.partition(":")
        rich.add(f" · {written_pattern(words, kind, value)}")
    if message is not None:
        if message.subject:
            rich.line(line_of(message.subject, 100))
        rich.line(line_of(shown_text(words, message.text), 150))
