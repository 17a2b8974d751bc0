"""The book balances: received = filed + parked + excluded + duplicate + ignored, per account, per day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from core.database import Transaction
from core.intake.model import Ledger, LedgerDay

COUNTED = ("received", "filed", "parked", "excluded", "ignored", "duplicate")
_ADD = (
    "INSERT INTO ledger_day (account_id, day, {columns}) VALUES ({marks}) "  # noqa: S608 - our own columns' names
    "ON CONFLICT (account_id, day) DO UPDATE SET "
    + ", ".join(f"{name} = ledger_day.{name} + excluded.{name}" for name in COUNTED)
)


@dataclass(frozen=True, slots=True)
class Balance:
    """One account on one day."""

    account_id: int
    day: date
    received: int
    filed: int
    parked: int
    excluded: int
    ignored: int
    duplicate: int

    @property
    def is_even(self) -> bool:
        return self.received == self.filed + self.parked + self.excluded + self.ignored + self.duplicate


class Tally:
    """Counts one batch of one account. What was received is said by the edge, the rest as it is decided."""

    def __init__(self, account_id: int, received: int) -> None:
        self._account_id = account_id
        self._counts: Counter[str] = Counter(received=received)

    def add(self, what: str, count: int = 1) -> None:
        """One more of `what`: an entry's state, or "duplicate". Negative when a replay takes it back."""
        self._counts[what] += count

    def write(self, tx: Transaction) -> None:
        """Add to the day's balance. The last statement of a batch: two batches of one account meet in this row."""
        marks = "?" if tx.is_sqlite else "$"
        names = ", ".join(marks if tx.is_sqlite else f"${i}" for i in range(1, len(COUNTED) + 3))
        day = tx.now.date()
        tx.run(
            _ADD.format(columns=", ".join(COUNTED), marks=names),
            (
                self._account_id,
                day.isoformat() if tx.is_sqlite else day,
                *(self._counts[name] for name in COUNTED),
            ),
        )


def balances(connection: Connection, since: date) -> Sequence[Balance]:
    """Each account's days since then, newest first."""
    rows = connection.execute(
        select(LedgerDay.account_id, LedgerDay.day, *(getattr(LedgerDay, name) for name in COUNTED))
        .where(LedgerDay.day >= since)
        .order_by(LedgerDay.day.desc(), LedgerDay.account_id)
    )
    return [Balance(*row) for row in rows]


def entries_by_state(connection: Connection) -> dict[str, int]:
    """How many entries the ledger itself holds in each state: what the balance is checked against."""
    rows = connection.execute(select(Ledger.state, func.count()).group_by(Ledger.state))
    return {row[0]: row[1] for row in rows}
