"""What admins see of the installation: the people, the book of what came in, and what was not understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of
from bot.screens.cards import capitalised, channel_name
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.accounts import AccountState
from core.intake.balance import Balance
from core.intake.parked import Page, Parked
from core.staff.managers import Person


def managers_screen(words: Words, people: Sequence[Person]) -> Screen:
    """Who works here, whether they are here now, and the invitation of others."""
    rich = Rich().add(words("managers-heading", count=len(people)), Markup.BOLD)
    for person in people[:60]:
        rich.line(f"{'🟢' if person.is_available and person.is_reachable else '⚪'} {_state(words, person)}")
    buttons = [
        (Button(line_of(person.name, 40) or str(person.telegram_id), data(Action.MANAGER, person.id)),)
        for person in people[:40]
    ]
    invite = (
        Button(words("button-invite-manager"), data(Action.INVITE, 0)),
        Button(words("button-invite-admin"), data(Action.INVITE, 1)),
    )
    return rich.screen(*buttons, *((button,) for button in invite))


def manager_screen(words: Words, person: Person, reader: Person, *, asks: bool = False) -> Screen:
    """One colleague; with `asks` the question whether to remove them."""
    rich = Rich().add(line_of(person.name, 80), Markup.BOLD)
    facts = _facts(words, person) or [words("manager-here")]
    rich.line(" · ".join([words("role-admin" if person.is_admin else "role-manager"), *facts]))
    back = Button(words("button-back"), data(Action.MANAGERS))
    if person.id == reader.id:
        return rich.screen((back,))
    if asks:
        rich.gap().line(words("ask-remove", name=line_of(person.name, 60)))
        surely = Button(words("button-yes-remove"), data(Action.REMOVE_SURELY, person.id))
        return rich.screen((surely, back))
    return rich.screen((Button(words("button-remove"), data(Action.REMOVE, person.id)), back))


def invitation_screen(words: Words, link: str, days: int, *, is_admin: bool) -> Screen:
    """A link that lets one person in, once."""
    rich = Rich().add(words("invitation-admin" if is_admin else "invitation-manager"), Markup.BOLD)
    rich.gap().line(link)
    rich.gap().line(words("invitation-once", count=days))
    return rich.screen()


def ledger_screen(
    words: Words, accounts: Sequence[AccountState], balances: Mapping[int, Balance], parked: Mapping[int, int]
) -> Screen:
    """Today's book: what each account received, what became of it, and whether it adds up."""
    rich = Rich().add(words("ledger-heading"), Markup.BOLD)
    for account in accounts:
        name = capitalised(account_name(words, account.channel, account.title))
        rich.gap().line(name, Markup.BOLD)
        if (balance := balances.get(account.id)) is not None:
            rich.line(
                words(
                    "ledger-line",
                    received=balance.received,
                    filed=balance.filed,
                    excluded=balance.excluded,
                    ignored=balance.ignored,
                    duplicate=balance.duplicate,
                    parked=balance.parked,
                )
            )
            rich.line(words("ledger-even") if balance.is_even else f"⚠️ {words('ledger-uneven')}")
        else:
            rich.line(words("ledger-nothing"))
        if account.trouble:
            rich.line(f"⚠️ {words('ledger-trouble', what=line_of(account.trouble, 200))}")
        elif account.last_seen_at:
            rich.line(words("ledger-seen", when=words.when(account.last_seen_at)))
    waiting = sum(parked.values())
    row: tuple[Button, ...] = (Button(words("button-refresh"), data(Action.LEDGER)),)
    if waiting:
        rich.gap().line(words("ledger-parked", count=waiting), Markup.BOLD)
        row = (Button(words("button-parked"), data(Action.PARKED, 0)), *row)
    return rich.cut(LONGEST).screen(row)


def parked_screen(words: Words, page: Page) -> Screen:
    """What was not understood, oldest first; each can be taken again when its cause is mended."""
    rich = Rich().add(words("parked-heading"), Markup.BOLD)
    if not page.entries:
        rich.gap().line(words("parked-none"))
    buttons = []
    for place, entry in enumerate(page.entries, start=1):
        _parked(words, place, entry, rich)
        buttons.append(Button(words("button-replay", place=place), data(Action.REPLAY, entry.ledger_id)))
    rows = [tuple(buttons[i : i + 2]) for i in range(0, len(buttons), 2)]
    following = (Button(words("button-next"), data(Action.PARKED, page.next)),) if page.next else ()
    return rich.cut(LONGEST).screen(*rows, following, (Button(words("button-ledger"), data(Action.LEDGER)),))


def account_name(words: Words, channel: str, title: str) -> str:
    """A connection as admins know it: its channel, and its title where that says more."""
    name, shown = channel_name(words, channel), line_of(title, 60)
    return f"{name} · {shown}" if shown and shown.casefold() != name.casefold() else name


def _parked(words: Words, place: int, entry: Parked, rich: Rich) -> None:
    name = account_name(words, entry.channel, entry.account_title)
    rich.gap().line(f"{place}. {name}, {words.when(entry.received_at)}", Markup.BOLD)
    if entry.reason:
        rich.line(line_of(entry.reason, 200), Markup.CODE)


def _state(words: Words, person: Person) -> str:
    name = line_of(person.name, 60)
    facts = [words("role-admin")] if person.is_admin else []
    facts += _facts(words, person)
    return f"{name} · {', '.join(facts)}" if facts else name


def _facts(words: Words, person: Person) -> list[str]:
    """Why somebody gets no leads now; nothing when they do."""
    if not person.is_reachable:
        return [words("manager-not-started")]
    return [] if person.is_available else [words("manager-away")]


def filed_state(words: Words, state: str) -> str:
    """What became of an entry that was taken again, in words."""
    return words(f"state-{state}" if state in _STATES else "state-ignored")


_STATES = ("filed", "parked", "excluded", "ignored", "duplicate")
