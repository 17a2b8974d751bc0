"""What an update asks for, done once: the deed and the end of the update are one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from core.database import Database, Transaction
from core.staff.updates import done

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deed:
    """The deed of one update of the managers' bot; every handler gets its own.

    An update whose answer Telegram did not take is given again. Were it still in the queue after the deed, the
    deed would be done again too, or be called refused because it has been done. So what fails after a deed
    is logged, and the deed stands. One update, one deed: what belongs together is one `work`.
    """

    db: Database
    update_id: int

    async def __call__(self, work: Callable[[Transaction], T]) -> T:
        """Do it. Raises Overtaken, with nothing done, when another process has handled this update meanwhile."""

        def once(tx: Transaction) -> T:
            result = work(tx)
            done(tx, self.update_id)
            return result

        return await self.db.transact(once)
