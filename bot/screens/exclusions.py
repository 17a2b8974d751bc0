"""The list of those who are not let in, as admins see and keep it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.contacts.emails import readable_email
from core.desk.covering import Covered
from core.desk.exclusion_entries import Entry
from core.desk.exclusion_lookup import Page, Sought, Verdict
from core.desk.exclusions import Added, Already, Malformed, Result
from core.desk.person_exclusion import PersonExcluded

_LABEL = 40  # characters of a pattern on a button
_BUTTONS = 8  # of one kind under one screen


def exclusions_screen(words: Words, page: Page, query: str = "", *, is_later: bool = False) -> Screen:
    """One page of the list, newest first, each entry a button to its own page.

    With `query` it is what of the list fits; the message that this answers holds the query for further pages.
    """
    rich = Rich()
    heading = words("exclusions-found", query=line_of(query, 60)) if query else words("exclusions-heading")
    rich.add(f"{heading} · {page.total}" if page.total else heading, Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("exclusions-none" if not query else "exclusions-none-found"))
    for entry in page.entries:
        rich.gap()
        _entry(words, entry, rich)
    sought = 1 if query else None
    buttons = [(Button(_label(words, e), data(Action.EXCLUSION, e.id, sought)),) for e in page.entries]
    turns = []
    if is_later:
        turns.append(Button(words("button-first"), data(Action.EXCLUSIONS, None, sought)))
    if page.next:
        turns.append(Button(words("button-next"), data(Action.EXCLUSIONS, page.next, sought)))
    last = (
        Button(words("button-exclude-write"), data(Action.EXCLUDE_WRITE)),
        Button(words("button-stopped"), data(Action.STOPPED, 0, 0)),
    )
    return rich.cut(LONGEST).screen(*buttons, tuple(turns), last)


def exclusion_screen(words: Words, entry: Entry, *, sought: bool = False) -> Screen:
    """One exclusion, with the button that lifts it and the one that shows what it has stopped."""
    rich = Rich()
    _entry(words, entry, rich)
    first = [Button(words("button-lift"), data(Action.LIFT, entry.id))]
    if entry.hits:
        first.append(Button(words("button-stopped"), data(Action.STOPPED, entry.id, 0)))
    back = data(Action.EXCLUSIONS, None, 1 if sought else None)
    return rich.screen(tuple(first), (Button(words("button-exclusions"), back),))


def results_screen(words: Words, results: Sequence[Result]) -> Screen:
    """What became of each line an admin wrote, with the buttons that undo or change it."""
    rich = Rich()
    undo: list[tuple[Button, ...]] = []
    changes: list[tuple[Button, ...]] = []
    people_covered: list[Covered] = []
    added = sum(isinstance(result, Added) for result in results)
    for result in results:
        match result:
            case Added(_, entry, people, covered):
                rich.line(f"🚫 {words('exclude-added', pattern=pattern_of(words, entry))}", Markup.BOLD)
                rich.add(f" · {_term(words, entry.expires_at)}")
                _comment(words, entry.comment, rich)
                _covered(words, people, covered, rich)
                people_covered += people
                label = words("button-undo-one", pattern=_label(words, entry))
                undo.append((Button(label, data(Action.LIFT, entry.id, 1 if added > 1 else None)),))
            case Already(_, entry):
                rich.line(words("exclude-already", pattern=pattern_of(words, entry)))
                rich.add(f" · {_term(words, entry.expires_at)}")
                _comment(words, entry.comment, rich)
                if (change := _change(words, result)) is not None:
                    rich.line(words("exclude-unchanged"))
                    changes.append((change,))
            case Malformed(_, refusal):
                rich.line(f"✗ {words(refusal.key, **refusal.arguments)}")
    last = (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),)
    rows = (*undo[:_BUTTONS], *changes[:_BUTTONS], *_rows(lead_buttons(words, people_covered)))
    return rich.cut(LONGEST).screen(*rows, last)


def verdict_screen(words: Words, verdict: Verdict) -> Screen:
    """Whether somebody would be stopped now, and whom the pattern would cover.

    The button that excludes them reads what was asked in the message that this answers.
    """
    pattern = written_pattern(words, verdict.kind, verdict.value)
    rich = Rich()
    if verdict.stopped_by is not None:
        rich.add(f"🚫 {words('check-stopped', pattern=pattern)}", Markup.BOLD)
        _entry(words, verdict.stopped_by, rich.gap())
        first = Button(words("button-lift"), data(Action.LIFT, verdict.stopped_by.id))
    else:
        rich.add(f"✓ {words('check-let-in', pattern=pattern)}", Markup.BOLD)
        first = Button(words("button-exclude-checked"), data(Action.EXCLUDE_CHECKED))
    _covered(words, verdict.people, verdict.covered, rich)
    second = Button(words("button-exclusions"), data(Action.EXCLUSIONS))
    return rich.screen((first, second), *_rows(lead_buttons(words, verdict.people)))


def sought_screen(words: Words, sought: Sought, query: str) -> Screen:
    """Who may have been meant, when the very pattern is not on the list: nothing is lifted without a tap."""
    rich = Rich()
    written = line_of(query, 100)
    if sought.pattern is not None:
        written = written_pattern(words, sought.pattern.kind, sought.pattern.value)
    entries = sought.similar.entries
    if sought.stopped_by is not None:
        other = pattern_of(words, sought.stopped_by)
        rich.add(words("include-other", pattern=written, other=other), Markup.BOLD)
        entries = (sought.stopped_by,)
    elif len(entries) == 1:
        rich.add(words("include-similar", pattern=pattern_of(words, entries[0])), Markup.BOLD)
    elif entries:
        rich.add(words("include-which"), Markup.BOLD)
    else:
        rich.add(words("include-none", pattern=written))
    for entry in entries:
        _entry(words, entry, rich.gap())
    buttons = [
        (Button(words("button-lift-one", pattern=_label(words, entry)), data(Action.LIFT, entry.id)),)
        for entry in entries
    ]
    turns: tuple[Button, ...] = ()
    if sought.similar.next:
        turns = (Button(words("button-next"), data(Action.EXCLUSIONS, sought.similar.next, 1)),)
    last = (Button(words("button-exclusions"), data(Action.EXCLUSIONS)),)
    return rich.cut(LONGEST).screen(*buttons, turns, last)


def lifted_screen(words: Words, entry: Entry, still: Sequence[Entry]) -> Screen:
    """What has been taken off the list, with the way back; `still` are what else keeps the same person out."""
    rich = Rich().add(lifted_line(words, entry, still))
    if still:
        patterns = ", ".join(pattern_of(words, other) for other in still[:_BUTTONS])
        rich.line(words("exclude-still", patterns=patterns))
    others = [
        (Button(words("button-lift-one", pattern=_label(words, other)), data(Action.LIFT, other.id)),)
        for other in still[:_BUTTONS]
    ]
    back = Button(words("button-put-back"), data(Action.PUT_BACK, entry.id))
    return rich.screen(*others, (back, Button(words("button-exclusions"), data(Action.EXCLUSIONS))))


def lifted_line(words: Words, entry: Entry, still: Sequence[Entry]) -> str:
    """What has been taken off the list; that messages come in again is said only where they do."""
    key = "exclude-lifted-only" if still else "exclude-lifted"
    return words(key, pattern=pattern_of(words, entry))


def person_excluded(words: Words, done: PersonExcluded, name: str) -> str:
    """What excluding a person from a card has done, in one or two sentences."""
    text = words("person-excluded", name=name, count=len(done.patterns))
    if done.others:
        names = ", ".join(line_of(other.name, 40) or words("card-nameless") for other in done.others[:5])
        text = f"{text} {words('person-excluded-others', names=names)}"
    return text


def pattern_of(words: Words, entry: Entry) -> str:
    """An exclusion's pattern as people write it."""
    return written_pattern(words, entry.kind, entry.value)


def written_pattern(words: Words, kind: str, value: str) -> str:
    """A pattern as people write it: `@domain`, `@username`, a domain in its own letters."""
    shown = line_of(readable_email(f"@{value}" if kind in ("domain", "username") else value), 120)
    return words("pattern-telegram", id=shown) if kind == "telegram" else shown


def lead_buttons(words: Words, people: Sequence[Covered]) -> list[Button]:
    """A way to each of what these people have open."""
    leads = {lead.id: lead.number for person in people for lead in person.open_leads}
    return [
        Button(words("button-lead", number=number), data(Action.OPEN, lead_id))
        for lead_id, number in leads.items()
    ]


def _label(words: Words, entry: Entry) -> str:
    return line_of(pattern_of(words, entry), _LABEL)


def _rows(buttons: Sequence[Button]) -> list[tuple[Button, ...]]:
    shown = buttons[:_BUTTONS]
    return [tuple(shown[place : place + 2]) for place in range(0, len(shown), 2)]


def _term(words: Words, expires_at: datetime | None) -> str:
    """Until when, as people say it: a day counts to its end, so its midnight belongs to the day before."""
    if expires_at is None:
        return words("exclude-forever")
    if words.local(expires_at).time() == time():
        return words("exclude-through", day=words.day(expires_at - timedelta(hours=1)))
    return words("exclude-until", when=words.when(expires_at))


def _change(words: Words, result: Already) -> Button | None:
    """The button that gives an entry what the line said besides; None when it said nothing new."""
    entry, expires_at = result.entry, result.expires_at or result.entry.expires_at
    news = []
    if expires_at != entry.expires_at:
        news.append(_term(words, expires_at))
    if result.comment and result.comment != entry.comment:
        news.append(words("card-comment", text=line_of(result.comment, _LABEL)))
    if not news:
        return None
    end = int(expires_at.timestamp()) if expires_at else 0
    label = words("button-change-exclusion", pattern=_label(words, entry), what=", ".join(news))
    return Button(label, data(Action.CHANGE_EXCLUSION, entry.id, end))


def _entry(words: Words, entry: Entry, rich: Rich) -> None:
    rich.line(pattern_of(words, entry), Markup.BOLD)
    if entry.contact:
        rich.add(f" · {line_of(entry.contact, 60)}")
    rich.line(words("exclusion-made", name=line_of(entry.created_by, 60), when=words.when(entry.created_at)))
    _comment(words, entry.comment, rich)
    if entry.expires_at:
        rich.line(_term(words, entry.expires_at))
    if entry.hits and entry.last_hit_at:
        rich.line(words("exclusion-hits", count=entry.hits, when=words.when(entry.last_hit_at)))
    else:
        rich.line(words("exclusion-no-hits"))


def _comment(words: Words, comment: str | None, rich: Rich) -> None:
    if comment:
        rich.line(words("card-comment", text=line_of(comment, 200)), Markup.ITALIC)


def _covered(words: Words, people: Sequence[Covered], covered: int, rich: Rich) -> None:
    if not covered:
        return
    rich.line(words("exclude-covers", count=covered))
    for person in people:
        name = line_of(person.name, 60) or words("card-nameless")
        rich.line(f"• {name}")
        if person.open_leads:
            leads = ", ".join(words("button-number", number=lead.number) for lead in person.open_leads[:5])
            rich.add(f" ({words('exclude-open-leads', count=len(person.open_leads), leads=leads)})")
