"""Every method of the Bot API the sandbox has, by the name in the documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from sandbox import methods_bot, methods_chats, methods_editing, methods_sending, methods_updates
from sandbox.calls import ApiError, Call

if TYPE_CHECKING:
    from sandbox.world import World

Method: TypeAlias = Callable[["World", Call], Any]

METHODS: dict[str, Method] = {
    **methods_bot.METHODS,
    **methods_chats.METHODS,
    **methods_editing.METHODS,
    **methods_sending.METHODS,
    **methods_updates.METHODS,
}
# Names are not case-sensitive (https://core.telegram.org/bots/api#making-requests).
NAMES: dict[str, str] = {name.lower(): name for name in METHODS}


async def perform(world: World, call: Call) -> Any:
    """Do what the call asks. Returns its `result`: JSON values, or bytes that are JSON already (getUpdates).

    Raises ApiError when Telegram would refuse. Only getUpdates waits.
    """
    if call.bot.logged_out:
        raise ApiError(400, "Logged out")
    result = METHODS[call.method](world, call)
    return await result if inspect.iscoroutine(result) else result
