"""The list of those who are not let in, as admins see and keep it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of
from bot.screens.cards import channel_name
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.covering import Covered
from core.desk.exclusions import (
    Added,
    Already,
    Entry,
    Malformed,
    Page,
    Result,
    Verdict,
)
from core.desk.person_exclusion import PersonExcluded
from core.desk.stopped import StoppedPage

_KINDS = ("phone", "email", "domain", "telegram", "username")


def exclusions_screen(words: Words, page: Page, query: str = "") -> Screen:
    """One page of the list, newest first, each entry a button to its own page."""
    rich = Rich()
    heading = words("exclusions-found", query=line_of(query, 60)) if query else words("exclusions-heading")
    rich.add(f"{heading} · {page.total}" if page.total else heading, Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("exclusions-none" if not query else "exclusions-none-found"))
    for entry in page.entries:
        rich.gap()
        _entry(words, entry, rich)
    buttons = [(Button(pattern_of(words, e)[:40], data(Action.EXCLUSION, e.id)),) for e in page.entries]
    following = (Button(words("button-next"), data(Action.EXCLUSIONS, page.next)),) if page.next else ()
    last = (
        Button(words("button-exclude-write"), data(Action.EXCLUDE_WRITE)),
        Button(words("button-stopped"), data(Action.STOPPED, 0, 0)),
    )
    # A search is not in a button: its further pages would be those of the whole list.
    return rich.cut(LONGEST).screen(*buttons, () if query else following, last)


def exclusion_screen(words: Words, entry: Entry) -> Screen:
    """One exclusion, with the button that lifts it and the one that shows what it has stopped."""
    rich = Rich()
    _entry(words, entry, rich)
    first = [Button(words("button-lift"), data(Action.LIFT, entry.id))]
    if entry.hits:
        first.append(Button(words("button-stopped"), data(Action.STOPPED, entry.id, 0)))
    return rich.screen(tuple(first), (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),))


def results_screen(words: Words, results: Sequence[Result]) -> Screen:
    """What became of each line an admin wrote."""
    rich = Rich()
    for result in results:
        match result:
            case Added(_, entry, people, covered):
                rich.line(f"🚫 {words('exclude-added', pattern=pattern_of(words, entry))}", Markup.BOLD)
                if entry.expires_at:
                    rich.add(f" {words('exclude-until', when=words.when(entry.expires_at))}")
                _covered(words, people, covered, rich)
            case Already(_, entry):
                rich.line(words("exclude-already", pattern=pattern_of(words, entry)))
            case Malformed(_, refusal):
                rich.line(f"✗ {words(refusal.key, **refusal.arguments)}")
    added = [result.entry for result in results if isinstance(result, Added)]
    undo = [
        (
            Button(
                words("button-undo-one", pattern=pattern_of(words, entry)[:40]), data(Action.LIFT, entry.id)
            ),
        )
        for entry in added[:8]
    ]
    last = (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),)
    return rich.cut(LONGEST).screen(*undo, last)


def verdict_screen(words: Words, verdict: Verdict) -> Screen:
    """Whether somebody would be stopped now, and whom the pattern would cover."""
    pattern = _pattern(words, verdict.kind, verdict.value)
    rich = Rich()
    buttons: list[Button] = []
    if verdict.stopped_by is not None:
        rich.add(f"🚫 {words('check-stopped', pattern=pattern)}", Markup.BOLD)
        _entry(words, verdict.stopped_by, rich.gap())
        buttons.append(Button(words("button-lift"), data(Action.LIFT, verdict.stopped_by.id)))
    else:
        rich.add(f"✓ {words('check-let-in', pattern=pattern)}", Markup.BOLD)
    _covered(words, verdict.people, verdict.covered, rich)
    buttons.append(Button(words("button-exclusions"), data(Action.EXCLUSIONS)))
    return rich.screen(tuple(buttons))


def stopped_screen(words: Words, page: StoppedPage, exclusion_id: int) -> Screen:
    """What was kept out, newest first; each can be restored as a lead."""
    rich = Rich().add(words("stopped-heading"), Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("stopped-none"))
    buttons: list[tuple[Button, ...]] = []
    for place, entry in enumerate(page.entries, start=1):
        channel, when = channel_name(words, entry.channel), words.when(entry.received_at)
        rich.gap().line(f"{place}. {channel}, {when}")
        if entry.pattern:
            kind, _, value = entry.pattern.partition(":")
            rich.add(f" · {_pattern(words, kind, value)}")
        buttons.append((Button(words("button-restore", place=place), data(Action.RESTORE, entry.ledger_id)),))
    following = (
        (Button(words("button-next"), data(Action.STOPPED, exclusion_id, page.next)),) if page.next else ()
    )
    return rich.screen(*buttons, following, (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),))


def person_excluded(words: Words, done: PersonExcluded) -> str:
    """What excluding a person from a card has done, in one or two sentences."""
    text = words("person-excluded", count=len(done.patterns))
    if done.others:
        names = ", ".join(line_of(other.name, 40) or words("card-nameless") for other in done.others[:5])
        text = f"{text} {words('person-excluded-others', names=names)}"
    return text


def pattern_of(words: Words, entry: Entry) -> str:
    """An exclusion's pattern as people write it."""
    return _pattern(words, entry.kind, entry.value)


def _pattern(words: Words, kind: str, value: str) -> str:
    shown = line_of(value, 120)
    match kind:
        case "domain" | "username":
            return f"@{shown}"
        case "telegram":
            return words("pattern-telegram", id=shown)
    return shown


def _entry(words: Words, entry: Entry, rich: Rich) -> None:
    rich.line(pattern_of(words, entry), Markup.BOLD)
    if entry.contact:
        rich.add(f" · {line_of(entry.contact, 60)}")
    rich.line(words("exclusion-made", name=line_of(entry.created_by, 60), when=words.when(entry.created_at)))
    if entry.comment:
        rich.line(words("card-comment", text=line_of(entry.comment, 200)), Markup.ITALIC)
    if entry.expires_at:
        rich.line(words("exclude-until", when=words.when(entry.expires_at)))
    if entry.hits and entry.last_hit_at:
        rich.line(words("exclusion-hits", count=entry.hits, when=words.when(entry.last_hit_at)))
    else:
        rich.line(words("exclusion-no-hits"))


def _covered(words: Words, people: Sequence[Covered], covered: int, rich: Rich) -> None:
    if not covered:
        return
    rich.line(words("exclude-covers", count=covered))
    for person in people:
        name = line_of(person.name, 60) or words("card-nameless")
        rich.line(f"• {name}")
        if person.open_leads:
            leads = ", ".join(words("button-number", number=number) for number in person.open_leads[:5])
            rich.add(f" ({words('exclude-open-leads', leads=leads)})")
