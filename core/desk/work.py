"""What a manager does with a lead besides taking and answering it. Any manager may work any lead; history says who.

`seen` is the fence of the card under whose button the manager tapped: when somebody has moved the lead since,
the deed is refused instead of done on top of theirs.
"""

from __future__ import annotations

from core.database import Transaction
from core.staff.managers import Person

FENCE = 1_679_609  # the greatest prime below 36**4: four characters of a button


def fence(visit_id: int) -> int:
    """A few digits that tell one stay in a stage from another."""
    return visit_id % FENCE


def note(tx: Transaction, lead_id: int, person: Person, text: str) -> None:
    """Write something down for colleagues. Raises Refusal when there is nothing in it or it is too long."""
    raise NotImplementedError


def move(tx: Transaction, lead_id: int, person: Person, stage_id: int, seen: int | None = None) -> None:
    """Move a lead to another open or the success stage. A lead that nobody had taken becomes the mover's.

    Raises Refusal for a closed lead, a stage of another pipeline, a failure stage (see `junk`), or when
    somebody has moved the lead since.
    """
    raise NotImplementedError


def junk(
    tx: Transaction,
    lead_id: int,
    person: Person,
    reason_id: int,
    comment: str | None = None,
    seen: int | None = None,
) -> None:
    """Give a lead up, with a reason. Raises Refusal as `move`."""
    raise NotImplementedError


def reopen(tx: Transaction, lead_id: int, person: Person, seen: int | None = None) -> None:
    """Undo `junk` or a success: the lead is open again at the beginning of its pipeline, and the reopener's.

    Raises Refusal when it is open, or somebody has moved it since.
    """
    raise NotImplementedError


def cancel_timer(tx: Transaction, timer_id: int, person: Person) -> None:
    """Call off what automation has scheduled. Raises Refusal when it has happened or been called off already."""
    raise NotImplementedError
