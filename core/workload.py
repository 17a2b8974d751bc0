"""How the work stands: what waits, since when, what is parked. For health, metrics and the admins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, TextClause, false, func, select, text, update

from core.automation import timers
from core.automation.model import Timer
from core.conversations import deliveries
from core.conversations.model import Delivery
from core.database import Model, Transaction
from core.intake.model import Ledger
from core.leads.model import Lead
from core.staff.model import StaffUpdate

_WRITE = (
    update(Lead).where(false()).values(number=Lead.number)
)  # of no row: it costs nothing and must be allowed
MEANINGS = {
    "deliveries_waiting": "Messages to be sent",
    "deliveries_oldest_seconds": "Age of the oldest message that is due",
    "timers_waiting": "Robots' runs to come",
    "timers_oldest_seconds": "Age of the oldest run that is due",
    "staff_updates_waiting": "Managers' taps and texts not yet answered",
    "parked": "Received and not understood",
    "leads_open": "Open leads",
    "leads_waiting": "Open leads whose customer waits for an answer",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """The figures of one moment. Ages are seconds, zero when nothing is due."""

    deliveries_waiting: int
    deliveries_oldest_seconds: float
    timers_waiting: int
    timers_oldest_seconds: float
    staff_updates_waiting: int
    parked: int
    leads_open: int
    leads_waiting: int

    def figures(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def read(connection: Connection, now: datetime) -> Workload:
    """Count; every figure is served by a small index."""
    delivery, timer = text("delivery.state = 'waiting'"), text("timer.state = 'waiting'")
    open_lead = text("lead.outcome = 'open'")

    def count(model: type[Model], *where: TextClause | ColumnElement[bool]) -> int:
        return connection.execute(select(func.count()).select_from(model).where(*where)).scalar_one()

    return Workload(
        deliveries_waiting=count(Delivery, delivery),
        deliveries_oldest_seconds=_age(deliveries.next_due(connection), now),
        timers_waiting=count(Timer, timer),
        timers_oldest_seconds=_age(timers.next_due(connection, now), now),
        staff_updates_waiting=count(StaffUpdate),
        parked=count(Ledger, text("ledger.state = 'parked'")),
        leads_open=count(Lead, open_lead),
        leads_waiting=count(Lead, open_lead, Lead.waiting_since.is_not(None)),
    )


def oldest_due(tx: Transaction) -> float:
    """The age in seconds of whatever is due longest: the one figure to be woken by.

    Raises DatabaseError where nothing can be written, though everything could be read: that serves nobody.
    """
    tx.connection.execute(_WRITE)
    return max(
        _age(deliveries.next_due(tx.connection), tx.now), _age(timers.next_due(tx.connection, tx.now), tx.now)
    )


def _age(due: datetime | None, now: datetime) -> float:
    return max((now - due).total_seconds(), 0.0) if due else 0.0
