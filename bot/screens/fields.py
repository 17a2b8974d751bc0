"""What a form told besides its words, as managers read it: nothing that stands on the card already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.rich import line_of
from bot.texts import Words
from core.contacts.phones import phone_keys
from core.desk.cards import Card
from core.desk.messages import Said

# What a letter tells besides its text stands beside the text.
_TOLD: Mapping[str, tuple[str, ...]] = {"email": ("cc", "omitted", "automatic", "delivery")}
_MARKS = ("utm_source", "utm_medium", "utm_campaign")  # of which a lead's source is made
_NAMED = ("company", "page", "referer", "form")  # by us, whatever the site calls them
_LONGEST = 60  # characters of what may be a telephone and nothing else
_PHONE = re.compile(
    r"[\d\s()+.,;:/\-–—]*(?:(?:доб(?:авочный)?|вн(?:утр)?|ext(?:ension)?|x|#)[\s.:№#]*\d{1,6}\s*)?",
    re.IGNORECASE,
)


def lead_fields(card: Card) -> tuple[tuple[str, str], ...]:
    """The lead's fields, without the marks that are its source and the telephone that is an address."""
    told, source = _TOLD.get(card.channel, ()), (card.source or "").split(" / ")
    return tuple(
        (name, value)
        for name, value in card.fields.items()
        if name not in told and not (name in _MARKS and value in source) and not _is_phone(card, value)
    )


def own_fields(card: Card, said: Said) -> tuple[tuple[str, str], ...]:
    """What a further form told that the lead does not have, or has otherwise, and that is not in its text."""
    if said.channel != "form":
        return ()
    return tuple(
        (name, value)
        for name, value in said.fields.items()
        if card.fields.get(name) != value
        and f"{name}: {value}" not in said.text
        and not _is_phone(card, value)
    )


def field_name(words: Words, name: str) -> str:
    """What a field is called on a card: as the site calls it, or in the reader's words."""
    return words(f"field-{name}") if name in _NAMED else line_of(name, 40)


def extensions(card: Card) -> Mapping[str, str]:
    """The extensions that forms gave with the person's telephones, by telephone."""
    return {
        phone.e164: phone.extension
        for value in _short(card)
        for phone in phone_keys(value)
        if phone.extension is not None
    }


def _is_phone(card: Card, value: str) -> bool:
    """Whether a field says nothing but a telephone that we have as an address."""
    if len(value) > _LONGEST or not _PHONE.fullmatch(value):
        return False
    known = {address.value for address in card.addresses if address.kind == "phone"}
    found = phone_keys(value)
    return bool(found) and all(phone.e164 in known for phone in found)


def _short(card: Card) -> Iterator[str]:
    for told in (card.fields, *(said.fields for said in card.messages)):
        yield from (value for value in told.values() if len(value) <= _LONGEST and _PHONE.fullmatch(value))
