"""The ledger while a batch is filed: what is new and what has come before, what became of each, its raw form."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from core.channel import CLICK, Connected, InboundMessage, Received
from core.database import Transaction, among
from core.intake.balance import Tally
from core.intake.model import Ledger, LedgerRaw, LedgerState
from core.lines.accounts import AccountRef

CLICK_WINDOW = timedelta(seconds=60)
INLINE_RAW = 64 * 1024  # bytes; larger raw input lies in the store as a file
_ENTRY = select(
    Ledger.external_id, Ledger.id, Ledger.state, Ledger.message_id, Ledger.lead_id, Ledger.received_at
)
_KNOWN = _ENTRY.where(Ledger.account_id == bindparam("account"), among(Ledger.external_id, "ids"))
_TAKEN = _ENTRY.where(among(Ledger.id, "ids")).order_by(Ledger.id).with_for_update()


class Parcel(NamedTuple):
    """One received thing, ready to be filed: its raw form is compressed, or stored as a file, beforehand."""

    received: Received
    body: bytes | None  # zlib
    sha256: str | None = None
    context: str | None = None

    @classmethod
    def of(cls, received: Received, context: str | None = None) -> Parcel:
        """Compress what is small enough for the ledger; larger input is stored by the intake first."""
        return cls(received, zlib.compress(received.raw, 1), None, context)


class Filed(NamedTuple):
    """What became of one received thing."""

    ledger_id: int
    state: str  # a LedgerState, or "duplicate"
    message_id: int | None = None
    lead_id: int | None = None
    reason: str | None = None


@dataclass(slots=True)
class Entry:
    """One line of the ledger while its batch is filed."""

    parcel: Parcel
    ledger_id: int
    external_id: str
    seen: int = 1
    state: str = LedgerState.IGNORED
    reason: str | None = None
    message_id: int | None = None
    lead_id: int | None = None
    exclusion_id: int | None = None


def lock(tx: Transaction, parcels: Sequence[Parcel]) -> None:
    """First of all, the keys: two processes with messages of one person take turns from here on."""
    keys: set[str] = set()
    for parcel in parcels:
        understood = parcel.received.understood
        if isinstance(understood, InboundMessage):
            keys.update(address.key for address in understood.sender.addresses)
        if isinstance(understood, Connected):
            keys.add(f"connected:{understood.person}")
        if parcel.received.external_id.startswith(CLICK):
            keys.add(parcel.received.external_id)
    tx.lock_keys(keys)


def book_in(
    tx: Transaction, account: AccountRef, parcels: Sequence[Parcel], again: Mapping[str, int], tally: Tally
) -> tuple[list[Entry], dict[int, Filed]]:
    """Tell what is new from what has come before; doubles are counted and go no further."""
    ids = {p.received.external_id for p in parcels if p.received.external_id not in again}
    known = {row.external_id: row for row in tx.ask(_KNOWN, account=account.id, ids=ids)}
    _make_way(tx, known)
    # Two who take the same entry again at once take turns.
    taken = {row.id: row for row in tx.ask(_TAKEN, ids=again.values())} if again else {}
    entries: list[Entry] = []
    results: dict[int, Filed] = {}
    seen: dict[str, Entry] = {}  # those of this batch
    doubles: list[int] = []
    for parcel in parcels:
        external_id = parcel.received.external_id
        if external_id in again:
            entry = taken[again[external_id]]
            if entry.state in (LedgerState.PARKED, LedgerState.EXCLUDED):
                tally.add(entry.state, -1)
                entries.append(Entry(parcel, entry.id, external_id))
            else:  # somebody else has taken it meanwhile
                results[id(parcel)] = Filed(entry.id, entry.state, entry.message_id, entry.lead_id)
            continue
        double = known.get(external_id)
        if double is not None or external_id in seen:
            if double is not None:
                ledger_id = double.id
                doubles.append(ledger_id)
            else:
                ledger_id = seen[external_id].ledger_id
                seen[external_id].seen += 1
            tally.add("duplicate")
            results[id(parcel)] = Filed(
                ledger_id,
                "duplicate",
                double.message_id if double is not None else None,
                double.lead_id if double is not None else None,
            )
            continue
        seen[external_id] = Entry(parcel, tx.new_id(), external_id)
        entries.append(seen[external_id])
    again_seen = Counter(doubles)
    for times in sorted(set(again_seen.values())):
        these = [ledger_id for ledger_id, seen_now in again_seen.items() if seen_now == times]
        tx.connection.execute(update(Ledger).where(among(Ledger.id, these)).values(seen=Ledger.seen + times))
    return entries, results


def book_out(
    tx: Transaction, account: AccountRef, entries: Sequence[Entry], again: Mapping[str, int], tally: Tally
) -> None:
    """Write what became of each into the ledger, with its raw form beside it."""
    for entry in entries:
        tally.add(entry.state)
    fresh = [entry for entry in entries if entry.external_id not in again]
    taken_again = [entry for entry in entries if entry.external_id in again]
    tx.insert(
        Ledger,
        [
            {
                "id": entry.ledger_id,
                "account_id": account.id,
                "external_id": entry.external_id,
                "state": entry.state,
                "reason": entry.reason,
                "seen": entry.seen,
                "received_at": tx.now,
                "message_id": entry.message_id,
                "lead_id": entry.lead_id,
                "exclusion_id": entry.exclusion_id,
            }
            for entry in fresh
        ],
    )
    tx.insert(
        LedgerRaw,
        [
            {
                "ledger_id": entry.ledger_id,
                "body": entry.parcel.body,
                "sha256": entry.parcel.sha256,
                "context": entry.parcel.context,
            }
            for entry in fresh
            if entry.reason != "staff"
        ],
    )
    tx.update(
        Ledger,
        [
            {
                "id": entry.ledger_id,
                "state": entry.state,
                "reason": entry.reason,
                "message_id": entry.message_id,
                "lead_id": entry.lead_id,
                "exclusion_id": entry.exclusion_id,
            }
            for entry in taken_again
        ],
    )


def _make_way(tx: Transaction, known: dict[str, Any]) -> None:
    """The same form sent a moment ago is a second click on the button; sent again later, it is a new enquiry.

    An entry whose window has passed gives the key up and keeps it with its own id behind.
    """
    over = [
        row
        for external_id, row in known.items()
        if external_id.startswith(CLICK) and row.received_at <= tx.now - CLICK_WINDOW
    ]
    tx.update(Ledger, [{"id": row.id, "external_id": f"{row.external_id}:{row.id}"} for row in over])
    for row in over:
        del known[row.external_id]
