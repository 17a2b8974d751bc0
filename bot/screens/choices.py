"""What a card's button asks back: where to, whom to, why, and whether really."""

from __future__ import annotations

from bot.callbacks import Action, data
from bot.rich import Rich, line_of, plain, units
from bot.screens.cards import address_of, contact_name
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.cards import Card
from core.leads.pipelines import Reason, StageRef
from core.staff.managers import Person


def stage_choice(words: Words, card: Card, stages: tuple[StageRef, ...]) -> Screen:
    """Where a lead may go: the open and the successful stages. A failure has a button and reasons of its own."""
    rich = Rich().add(words("ask-stage", number=card.number), Markup.BOLD).line()
    rich.add(words("now-in-stage", stage=plain(card.stage_title)))
    buttons = [
        Button(words.title(stage.title), data(Action.MOVE, card.id, stage.id, card.fence))
        for stage in stages
        if stage.id != card.stage.id and stage.kind != "failure"
    ]
    return rich.screen(*_two_by_two(buttons), (_back(words, card.id),))


def reason_choice(
    words: Words, card: Card, reasons: tuple[Reason, ...], *, commented: bool = False
) -> Screen:
    """Why a lead is given up; with `commented` the tap then asks for words of one's own."""
    key = "ask-reason-commented" if commented else "ask-reason"
    rich = Rich().add(words(key, number=card.number), Markup.BOLD)
    action = Action.JUNK_COMMENT if commented else Action.JUNK
    buttons = [Button(words.title(r.title), data(action, card.id, r.id, card.fence)) for r in reasons]
    other = Button(words("button-add-comment"), data(Action.REASONS_COMMENTED, card.id))
    return rich.screen(*_two_by_two(buttons), () if commented else (other,), (_back(words, card.id),))


def colleague_choice(words: Words, card: Card, people: tuple[Person, ...], reader: Person) -> Screen:
    """Whom a lead may be handed to, the available first. With nobody there, an admin may invite somebody."""
    rich = Rich().add(words("ask-colleague", number=card.number), Markup.BOLD)
    present = card.responsible.id if card.responsible else None
    others = [
        person for person in people if person.is_reachable and (person.id != present or not card.is_taken)
    ]
    invite: tuple[Button, ...] = ()
    if not others:
        rich.line(words("no-colleagues"))
        if reader.is_admin:
            invite = (Button(words("button-invite-manager"), data(Action.INVITE, 0)),)
    buttons = [
        Button(
            words(
                "colleague-here" if person.is_available else "colleague-away", name=line_of(person.name, 40)
            ),
            data(Action.HAND_OVER, card.id, person.id),
        )
        for person in sorted(others, key=lambda person: not person.is_available)[:40]
    ]
    return rich.screen(*_two_by_two(buttons), invite, (_back(words, card.id),))


def exclusion_question(words: Words, card: Card) -> Screen:
    """What excluding this person would do, before it is done."""
    rich = Rich().add(words("ask-exclude", name=contact_name(words, card)), Markup.BOLD)
    for address in card.addresses[:15]:
        rich.line(f"• {address_of(words, address)}")
    rich.gap().line(words("exclude-means"))
    return rich.screen(
        (Button(words("button-yes-exclude"), data(Action.EXCLUDE_SURELY, card.id)), _back(words, card.id))
    )


def _two_by_two(buttons: list[Button]) -> list[tuple[Button, ...]]:
    """Short labels side by side, long ones in rows of their own."""
    rows: list[tuple[Button, ...]] = []
    for button in buttons:
        if rows and len(rows[-1]) == 1 and units(rows[-1][0].text) <= 18 and units(button.text) <= 18:
            rows[-1] = (*rows[-1], button)
        else:
            rows.append((button,))
    return rows


def _back(words: Words, lead_id: int) -> Button:
    return Button(words("button-back"), data(Action.CARD, lead_id))
