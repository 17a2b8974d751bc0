"""The polling edge: take a page of updates, file it, then ask for the next, which acknowledges this one.

Plain JSON throughout: a library's own polling confirms before it handles, and its strict models refuse one real
update in six.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from channels.telegram.api import Answered, ApiError, BotApi, Reply
from channels.telegram.inbound import normalise
from core.channel import Received
from core.clock import Clock
from core.database import DatabaseError
from core.intake.edge import Intake
from core.lines.accounts import AccountRef

log = structlog.get_logger("telegram")

# Reactions, polls and members come only when asked for; business and membership are asked for here.
KINDS = (
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
)
# Telegram counts updates in 32 bits; an offset beyond what its JSON can hold exactly would never be reached.
MOST_UPDATE_ID = 2**53
PAGE = 100  # updates, the most that Telegram gives at once: behind a full page there may be another
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=60)
PASSES = timedelta(minutes=1)  # Telegram hiccups every day: what is over so soon is told to nobody
_NO_HICCUP = ("token-refused", "webhook-set")  # somebody has done this

Trouble = Callable[[AccountRef, str | None], Awaitable[None]]


class Polling:
    """Polls one bot. Exactly one process does so at a time: the caller holds the lease."""

    def __init__(
        self,
        api: BotApi,
        account: AccountRef,
        intake: Intake,
        clock: Clock,
        *,
        trouble: Trouble,
        wait_seconds: int = 25,
        alive_every: timedelta = timedelta(minutes=1),
    ) -> None:
        self._api = api
        self._account = account
        self._intake = intake
        self._clock = clock
        self._trouble = trouble
        self._wait_seconds = wait_seconds
        self._alive_every = alive_every

    async def run(self, offset: int | None) -> None:
        """Poll until cancelled. `offset` is where the account was left; None takes what Telegram holds.

        A webhook is taken away first, and again when somebody sets one. Cancelling is safe at any moment: what
        was not filed is not acknowledged, what was filed is known.
        """
        pause = SHORTEST_PAUSE
        told_alive = failing_since = None
        is_ours = False  # as long as a webhook may be set: the other mode or another installation leaves one
        if offset is not None and not 0 <= offset <= MOST_UPDATE_ID:
            offset = None
        while True:
            # What waits at Telegram is kept: it is neither the webhook's nor lost with it.
            reply: Reply = Answered(True) if is_ours else await self._api.call("deleteWebhook")
            if is_ours := isinstance(reply, Answered):
                reply = await self._api.get_updates(
                    offset, seconds=self._wait_seconds, limit=PAGE, kinds=KINDS
                )
                is_ours = not _is_of_webhook(reply)
            try:
                if isinstance(reply, Answered) and isinstance(reply.result, list):
                    asked, offset = offset, await self._file(reply.result, offset)
                    now, failing_since = self._clock.now(), None
                    is_due = told_alive is None or not reply.result or now - told_alive >= self._alive_every
                    if is_due and len(reply.result) < PAGE:
                        await self._trouble(self._account, None)
                        told_alive = now
                    if offset != asked or not reply.result:
                        pause = SHORTEST_PAUSE
                        continue
                    # Filed or parked it is, but the same page comes again, at once and for ever.
                    log.warning("a page has no number to go on from", account_id=self._account.id)
                    wait = None
                else:
                    why, wait = self._complaint(reply)
                    log.warning("no updates", account_id=self._account.id, why=why)
                    told_alive = None  # once it is well again the admins hear of it at once
                    failing_since = failing_since or self._clock.now()
                    if why in _NO_HICCUP or self._clock.now() - failing_since >= PASSES:
                        await self._trouble(self._account, why)
            except (OSError, DatabaseError) as error:
                # The database is away: nothing is acknowledged, the same page comes again.
                log.error("a page cannot be filed", account_id=self._account.id, why=type(error).__name__)
                wait = None
            except Exception:
                log.exception("a page cannot be filed", account_id=self._account.id)
                wait = None
            await self._clock.sleep_until(self._clock.now() + (wait or pause))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _file(self, updates: list[object], offset: int | None) -> int | None:
        if not updates:
            return offset
        page: list[Received] = []
        numbers: list[int] = []
        for update in updates:
            raw = json.dumps(update, ensure_ascii=True, separators=(",", ":")).encode()
            page.append(normalise(update, raw, self._clock.now(), self._account.scope))
            number = update.get("update_id") if isinstance(update, dict) else None
            if type(number) is int and 0 <= number < MOST_UPDATE_ID:
                numbers.append(number)
        # Not the greatest we have ever seen: after a week of silence, or on another server, they begin anew, lower.
        offset = max(numbers) + 1 if numbers else offset
        await self._intake.take(self._account, page, cursor={"offset": offset})
        return offset

    @staticmethod
    def _complaint(reply: object) -> tuple[str, timedelta | None]:
        if isinstance(reply, ApiError):
            if reply.code == 401:
                return "token-refused", timedelta(seconds=60)
            if _is_of_webhook(reply):
                return "webhook-set", None
            if reply.code == 409:
                return "conflict", timedelta(seconds=5)
            return f"{reply.code} {reply.description}"[:200], reply.retry_after
        return "unreachable", None


def _is_of_webhook(reply: Reply) -> bool:
    """Whether updates are refused because somebody has set a webhook, not because another program polls."""
    return isinstance(reply, ApiError) and reply.code == 409 and "webhook" in reply.description.lower()
