"""The updates that wait for a bot, and long polling: what getUpdates does."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.calls import ApiError, Json

# Left out unless the bot asks for them by name (https://core.telegram.org/bots/api#getupdates).
_UNLESS_ASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
MAX_POLL_SECONDS = 50
MAX_POLL_UPDATES = 100


@dataclass(frozen=True, slots=True)
class Update:
    """One update as it will be delivered: already text, so later edits do not change it.

    Updates of one `lane` reach a webhook one after another; those of different lanes are not ordered.
    """

    id: int
    kind: str
    encoded: bytes
    lane: int


class UpdateQueue:
    """What a bot has not acknowledged yet, oldest first."""

    def __init__(self, first_id: int) -> None:
        self.pending: OrderedDict[int, Update] = OrderedDict()
        self.next_id = first_id
        self.allowed: frozenset[str] | None = None  # None: the default set
        self.on_push: Callable[[Update], None] | None = None  # the webhook, when there is one
        self.on_poll: Callable[[], None] | None = None  # somebody begins to wait
        self._poll: asyncio.Future[None] | None = None

    def wants(self, kind: str) -> bool:
        """Whether the bot has asked for this kind of updates."""
        return kind not in _UNLESS_ASKED if self.allowed is None else kind in self.allowed

    def allow(self, kinds: Iterable[str]) -> None:
        """Remember `allowed_updates`; an empty list means the default set."""
        self.allowed = frozenset(kinds) or None

    def push(self, kind: str, payload: Json, lane: int = 0) -> int:
        """Add one update and wake whoever waits for it. Returns its update_id."""
        return self.push_raw({"update_id": self.next_id, kind: payload}, lane)

    def push_raw(self, update: Json, lane: int = 0) -> int:
        """Add an update as it is, and give it the next update_id when it has none."""
        number = int(update.get("update_id", self.next_id))
        self.next_id = max(self.next_id, number) + 1
        kind = next((key for key in update if key != "update_id"), "unknown")
        entry = Update(
            number, kind, json.dumps({**update, "update_id": number}, separators=(",", ":")).encode(), lane
        )
        self.pending[number] = entry
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        if self.on_push is not None:
            self.on_push(entry)
        return number

    def acknowledge(self, offset: int) -> None:
        """Forget what lies before `offset`; a negative one keeps only so many of the newest."""
        pending = self.pending
        if offset < 0:
            while len(pending) > -offset:
                pending.popitem(last=False)
            return
        while pending and next(iter(pending)) < offset:
            pending.popitem(last=False)

    async def poll(self, offset: int, limit: int, timeout: float) -> bytes:  # noqa: ASYNC109 a test says how long
        """The answer of getUpdates as a JSON array, waiting up to `timeout` seconds when there is nothing.

        A poll that already waits is ended with 409, as Telegram does: the newer one takes over.
        """
        self.end_poll(
            ApiError(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )
        )
        self.acknowledge(offset)
        if not self.pending and timeout > 0:
            self._poll = waiting = asyncio.get_running_loop().create_future()
            if self.on_poll is not None:
                self.on_poll()
            try:
                async with asyncio.timeout(min(timeout, MAX_POLL_SECONDS)):
                    await waiting
            except TimeoutError:
                pass
            finally:
                if self._poll is waiting:
                    self._poll = None
        batch = itertools.islice(self.pending.values(), max(1, min(limit, MAX_POLL_UPDATES)))
        return b"[" + b",".join(update.encoded for update in batch) + b"]"

    def end_poll(self, error: ApiError | None = None) -> None:
        """End a poll that waits: with an error, or with what there is."""
        waiting, self._poll = self._poll, None
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)

    @property
    def is_polled(self) -> bool:
        """Whether somebody waits in getUpdates right now."""
        return self._poll is not None and not self._poll.done()
