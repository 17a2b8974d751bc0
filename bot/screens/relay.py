"""The buttons under a customer's words that were passed on. The words stay as they were; the buttons go out of date."""

from __future__ import annotations

from collections.abc import Sequence

from bot.callbacks import Action, data
from bot.rich import LONGEST, line_of
from bot.screens.cards import can_be_called, whole_buttons
from bot.texts import Words
from core.channel import Button
from core.desk.cards import Card
from core.desk.messages import Said
from core.desk.persons import Recognition
from core.staff.managers import Person

RELAYED = 4 * LONGEST  # UTF-16 units of words that are passed on, in so many messages if need be


def relay_buttons(
    words: Words,
    card: Card,
    reader: Person,
    said: Sequence[Said],
    conversation_id: int | None,
    message_id: int | None,
) -> tuple[tuple[Button, ...], ...]:
    """What this reader may do about the words `said`, as the lead is now.

    `message_id` is the message that an answer by button quotes, if one. Somebody else's lead, or one that is
    closed, says so on the way to its card: the words above cannot.
    """
    first = []
    if card.awaits_taking:
        first.append(Button(words("button-take"), data(Action.TAKE, card.id, 1)))
    if card.way.why_not is None:
        first.append(Button(words("button-reply"), data(Action.REPLY, card.id, conversation_id, message_id)))
    elif can_be_called(card):
        first.append(Button(words("button-called"), data(Action.CALLED, card.id, 1)))
    opens = Button(_standing(words, card, reader), data(Action.OPEN, card.id))
    letters = whole_buttons(words, said, LONGEST)
    apart: tuple[Button, ...] = ()
    if recognition_in(card, conversation_id, said) is not None:
        apart = (Button(words("button-separate"), data(Action.SEPARATE, card.id, conversation_id)),)
    if opens.text == words("button-card"):
        return ((*first, opens), apart, letters)
    return (tuple(first), (opens,), apart, letters)


def recognition_in(card: Card, conversation_id: int | None, said: Sequence[Said]) -> Recognition | None:
    """Why these words were taken for the lead's person, when a conversation of its own begins with them."""
    known = card.recognition
    if known is None or known.is_separated or known.conversation_id != conversation_id or not said:
        return None
    begun = any(one.conversation_id == conversation_id and one.id < said[0].id for one in card.messages)
    return None if begun else known


def relayed(card: Card, conversation_id: int | None, message_id: int | None) -> tuple[Said, ...]:
    """The words that a message passed on long ago shows, as far as the card still has them."""
    return tuple(
        said
        for said in card.messages
        if said.direction == "in"
        and said.conversation_id == conversation_id
        and (message_id is None or said.id == message_id)
    )


def _standing(words: Words, card: Card, reader: Person) -> str:
    if card.outcome != "open":
        return words("button-card-closed")
    if card.is_taken and card.responsible is not None and card.responsible.id != reader.id:
        return words("button-card-of", name=line_of(card.responsible.name, 30))
    return words("button-card")
