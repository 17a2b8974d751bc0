"""Whether a mailbox is well, when several parts look after it: letters may come in while none go out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Health:
    """Gathers what each part says into one: the account is well when all of them are."""

    def __init__(self, tell: Callable[[str | None], Awaitable[None]]) -> None:
        self._tell = tell
        self._ails: dict[str, str] = {}

    def of(self, part: str) -> Callable[..., Awaitable[None]]:
        """Where one part says what ails it; None as the last argument when it is well."""

        async def note(*said: object) -> None:
            why = said[-1]
            if isinstance(why, str):
                self._ails[part] = why
            else:
                self._ails.pop(part, None)
            await self._tell(next(iter(self._ails.values()), None))

        return note
