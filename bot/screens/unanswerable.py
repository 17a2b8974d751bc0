"""A customer who can no longer be written to where they wrote: what is left to do for them."""

from __future__ import annotations

from bot.callbacks import Action, data
from bot.rich import Rich
from bot.screens.cards import can_be_called, phone_of
from bot.texts import Words
from core.channel import Button, Screen
from core.contacts.phones import readable_phone
from core.desk.cards import Card


def unanswerable_screen(words: Words, card: Card, why: str) -> Screen:
    """Why an answer was not sent, the telephone if one is known, and the other ways to go on."""
    rich = Rich().add(why)
    if line := call_instead(words, card):
        rich.line(line)
    return rich.screen(*instead(words, card))


def call_instead(words: Words, card: Card) -> str:
    """The telephone to be called; empty where none is known, or the person is not to be bothered."""
    phone = phone_of(card)
    if phone is None or card.exclusion is not None:
        return ""
    return f"📞 {words('call-instead', phone=readable_phone(phone))}"


def instead(words: Words, card: Card) -> tuple[tuple[Button, ...], ...]:
    """Another way to the person, giving the lead up, and its card."""
    ways: list[Button] = []
    if card.letters_to and card.exclusion is None:
        ways.append(Button(words("button-letter"), data(Action.LETTER, card.id)))
    if can_be_called(card):
        ways.append(Button(words("button-called"), data(Action.CALLED, card.id)))
    rest = [Button(words("button-card"), data(Action.OPEN, card.id))]
    if card.outcome == "open":
        rest.insert(0, Button(words("button-junk"), data(Action.REASONS, card.id)))
    return tuple(ways), tuple(rest)
