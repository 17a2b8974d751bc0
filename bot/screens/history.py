"""What has happened to a lead, in order, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.callbacks import Action, data
from bot.rich import Rich, line_of, shortened
from bot.screens.automation import left_undone
from bot.screens.cards import channel_name, files_button
from bot.screens.conversation import author, file_line, label_of, shown_text
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.cards import Card
from core.desk.history import Automation, Deed, Entry, Message, Page
from core.staff.managers import Person

PAGE = 12  # entries of a page
_ENTRY = 300  # UTF-16 units of one: with its days a page always fits into one message
Facts = Mapping[str, str | int | None]


def history_screen(words: Words, card: Card, page: Page, reader: Person) -> Screen:
    """One page of a lead's history, oldest first; it must have at most `PAGE` entries."""
    rich = Rich().add(words("history-heading", number=card.number), Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("history-nothing"))
    day = ""
    customer = line_of(card.contact_name, 60)
    for entry in page.entries:
        if (here := words.day(entry.at)) != day:
            day = here
            rich.gap().line(here, Markup.BOLD)
        line = Rich().add(f"{words.time(entry.at)} ", Markup.CODE)
        _entry(words, entry, customer, reader, line)
        rich.line().extend(line if line.units <= _ENTRY else line.cut(_ENTRY))
    beside: list[Button] = []
    if page.earlier:
        beside.append(Button(words("button-earlier"), data(Action.HISTORY, card.id, page.earlier, 1)))
    if page.later:
        beside.append(Button(words("button-later"), data(Action.HISTORY, card.id, page.later)))
    back = [Button(words("button-back"), data(Action.CARD, card.id))]
    if card.files:
        back.append(files_button(words, card))
    return rich.screen(*_undoing(words, card, page), tuple(beside), tuple(back))


def _undoing(words: Words, card: Card, page: Page) -> list[tuple[Button, ...]]:
    """What on this page can be taken back only here: that two people are not one."""
    return [
        (
            Button(
                words("button-undo-tell-apart", name=_text(entry.facts, "name", 30) or "?"),
                data(Action.UNDO_TELL_APART, card.id, contact_id),
            ),
        )
        for entry in page.entries
        if isinstance(entry, Deed) and isinstance(contact_id := entry.facts.get("contact"), int)
    ]


def _entry(words: Words, entry: Entry, customer: str, reader: Person, rich: Rich) -> None:
    match entry:
        case Message(_, _, said):
            label = label_of(said)
            text = "" if label else shortened(" ".join(shown_text(words, said.text).split()), 160)
            files = [f"📎 {file_line(words, file, label)}" for file in said.files[:3]]
            mark = "→" if said.direction == "out" else "←"
            rich.add(f"{mark} {author(words, said, customer)}: ")
            rich.add(" ".join(filter(None, (text, *files))), Markup.ITALIC)
            if said.dispatch and said.dispatch.state in ("refused", "uncertain", "cancelled"):
                rich.add(f" {words(f'delivery-{said.dispatch.state}')}")
        case Automation(_, _, run):
            rich.add(left_undone(words, run, reader))
        case Deed():
            rich.add(deed(words, entry, customer))


def deed(words: Words, done: Deed, customer: str) -> str:
    """One line of the journal as a sentence. A verb without words of its own is shown as it is written."""
    who = _doer(words, done, customer)
    tell = _SENTENCES.get(done.verb)
    if tell is None:
        return f"{who}: {line_of(done.verb, 60)}"
    return tell(words, who, done.facts)


def _doer(words: Words, done: Deed, customer: str) -> str:
    if done.actor_name:
        return line_of(done.actor_name, 60)
    match done.actor.split(":")[0]:
        case "customer":
            return customer or words("author-customer")
        case "admin":
            return words("actor-console")
        case "robot":
            return words("author-robot")
        case "manager":
            return words("author-manager")
    return words("actor-system")


def _text(facts: Facts, name: str, limit: int = 120) -> str:
    value = facts.get(name)
    return line_of(str(value), limit) if value not in (None, "") else ""


def _created(words: Words, _who: str, facts: Facts) -> str:
    text = words("history-lead-created" if not facts.get("repeat") else "history-lead-created-repeat")
    name = _text(facts, "responsible")
    return f"{text} {words('history-offered', name=name)}" if name else text


def _given(words: Words, _who: str, facts: Facts) -> str:
    return words("history-lead-given", name=_text(facts, "to") or "?")


def _handed_over(words: Words, who: str, facts: Facts) -> str:
    return words("history-lead-handed-over", who=who, name=_text(facts, "to") or "?")


def _stage(words: Words, who: str, facts: Facts) -> str:
    stage, reason, comment = _text(facts, "to"), _text(facts, "reason"), _text(facts, "comment", 200)
    if facts.get("reopened"):
        return words("history-reopened", who=who, stage=stage)
    if reason:
        text = words("history-junked", who=who, stage=stage, reason=reason)
        return f"{text} {words('card-comment', text=comment)}" if comment else text
    return words("history-stage-entered", who=who, stage=stage)


def _recognised(words: Words, _who: str, facts: Facts) -> str:
    kind, value = str(facts.get("kind")), _text(facts, "value")
    address = value if kind in ("phone", "email") else f"{channel_name(words, kind)} {value}"
    return words("history-contact-recognised", address=address)


def _separated(words: Words, who: str, facts: Facts) -> str:
    return words("history-contact-separated", who=who, name=_text(facts, "from") or "?")


def _undelivered(words: Words, _who: str, _facts: Facts) -> str:
    return words("history-delivery-failed")


def _uncertain(words: Words, _who: str, _facts: Facts) -> str:
    return words("history-delivery-uncertain")


def _again(words: Words, _who: str, _facts: Facts) -> str:
    return words("history-delivery-again")


def _letter(key: str) -> Callable[[Words, str, Facts], str]:
    """A sentence about a letter, with what the mail servers say."""
    return lambda words, _who, facts: words(key, why=_text(facts, "why", 200) or "?")


def _plainly(key: str, *names: str) -> Callable[[Words, str, Facts], str]:
    """A sentence of who did it and some of the facts as they are."""

    def tell(words: Words, who: str, facts: Facts) -> str:
        return words(key, who=who, **{name: _text(facts, name, 300) or "?" for name in names})

    return tell


_SENTENCES: Mapping[str, Callable[[Words, str, Facts], str]] = {
    "lead-created": _created,
    "lead-taken": _plainly("history-lead-taken"),
    "lead-given": _given,
    "lead-handed-over": _handed_over,
    "stage-entered": _stage,
    "called": _plainly("history-called"),
    "note": _plainly("history-note", "text"),
    "timer-cancelled": _plainly("history-timer-cancelled", "robot"),
    "automation-stopped": _plainly("history-automation-stopped", "stage"),
    "contact-recognised": _recognised,
    "merge-suggested": _plainly("history-merge-suggested", "names"),
    "contact-merged": _plainly("history-contact-merged", "into"),
    "contacts-merged": _plainly("history-contacts-merged", "name"),
    "contact-unmerged": _plainly("history-contact-unmerged", "name"),
    "contact-separated": _separated,
    "contact-rejoined": _plainly("history-contact-rejoined", "name"),
    "told-apart": _plainly("history-told-apart", "name"),
    "told-apart-undone": _plainly("history-told-apart-undone", "name"),
    "contact-excluded": _plainly("history-contact-excluded", "patterns"),
    "contact-let-in": _plainly("history-contact-let-in", "patterns"),
    "exclusion-lifted": _plainly("history-exclusion-lifted", "pattern"),
    "blocked": _plainly("history-blocked"),
    "unblocked": _plainly("history-unblocked"),
    "bounced": _letter("history-bounced"),
    "delayed": _letter("history-delayed"),
    "unsubscribed": _plainly("history-unsubscribed"),
    "delivery-failed": _undelivered,
    "delivery-uncertain": _uncertain,
    "delivery-again": _again,
}
