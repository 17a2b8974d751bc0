"""How far a mailbox has been read, as the account's cursor keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to `uid` is filed, as long as the folder is the same one and keeps its UIDVALIDITY."""

    mailbox: str  # host and folder
    uidvalidity: int
    uid: int
    begun: datetime  # since when this mailbox is the line's: what is older was there before us
    old_below: int = 0  # below this UID letters may be older than `begun`, and are then passed over
    filed: tuple[int, ...] = ()  # the last lot: filed for certain, perhaps not marked as seen yet

    @classmethod
    def read(cls, cursor: dict[str, Any] | None) -> Place | None:
        """The place a cursor names; None when the mailbox has never been read."""
        if not cursor or "uid" not in cursor:
            return None
        begun = cursor.get("begun")
        return cls(
            str(cursor.get("mailbox", "")),
            int(cursor["uidvalidity"]),
            int(cursor["uid"]),
            datetime.fromisoformat(begun) if begun else datetime.fromtimestamp(0, UTC),
            int(cursor.get("old_below", 0)),
            tuple(int(uid) for uid in cursor.get("filed", ())),
        )

    def cursor(self) -> dict[str, Any]:
        """The same as the account keeps it."""
        return {
            "mailbox": self.mailbox,
            "uidvalidity": self.uidvalidity,
            "uid": self.uid,
            "begun": self.begun.astimezone(UTC).isoformat(),
            "old_below": self.old_below,
            "filed": list(self.filed),
        }
