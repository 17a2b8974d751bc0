"""One person or two: merging contacts, taking a conversation apart again, and undoing either."""

from __future__ import annotations

from dataclasses import dataclass

from core.database import Transaction
from core.staff.managers import Person


@dataclass(frozen=True, slots=True)
class Separated:
    """The person a conversation now belongs to, and the lead it now has, if any (new when `is_new_lead`)."""

    contact_id: int
    lead_id: int | None
    is_new_lead: bool


def separate(tx: Transaction, conversation_id: int, person: Person) -> Separated:
    """ "This is somebody else": the conversation goes to a new contact, with the address it is held through.

    Its lead goes with it, unless other conversations of the old contact share the lead: then a new lead is opened
    for it. Raises Refusal when the conversation is gone or is all we have of this person.
    """
    raise NotImplementedError


def rejoin(tx: Transaction, conversation_id: int, person: Person) -> None:
    """Undo `separate`. What the new contact has learned since goes along. Refusal when nothing is to be undone."""
    raise NotImplementedError


def merge(tx: Transaction, contact_a: int, contact_b: int, person: Person) -> int:
    """Two contacts are one person: `contact_a` stays and gets every address, conversation and lead of the other.

    Returns the surviving contact. Raises Refusal when one of them is gone or they are one already.
    """
    raise NotImplementedError


def unmerge(tx: Transaction, contact_b: int, person: Person) -> None:
    """Undo `merge`: the merged contact gets back what it brought. Raises Refusal when it is not merged."""
    raise NotImplementedError
