"""How a bot gets its updates: getUpdates, or a webhook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.calls import ApiError, Call, Json, bad_request
from sandbox.webhooks import Webhook

if TYPE_CHECKING:
    from sandbox.world import World

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
DEFAULT_CONNECTIONS = 40
MAX_CONNECTIONS = 100


async def _get_updates(world: World, call: Call) -> bytes:
    """The waiting updates as encoded JSON, after forgetting those before `offset`."""
    bot = call.bot
    if bot.webhook is not None:
        raise ApiError(
            409,
            "Conflict: can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first",
        )
    _remember_allowed(call)
    waiting_before = bot.pending
    found = await bot.updates.poll(
        call.integer("offset"), call.integer("limit", 100), float(call.integer("timeout"))
    )
    if bot.pending != waiting_before:
        world.changed("updates", bot=bot)
    return found


def _set_webhook(world: World, call: Call) -> bool:
    bot = call.bot
    url = call.string("url")
    if not url:
        return _delete_webhook(world, call)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    secret = call.string("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if secret and not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    _remember_allowed(call)
    connections = max(1, min(call.integer("max_connections", DEFAULT_CONNECTIONS), MAX_CONNECTIONS))
    if call.flag("drop_pending_updates"):
        bot.updates.pending.clear()
    elif bot.webhook is not None and bot.webhook.is_set_to(url, secret, connections):
        return True  # "Webhook is already set": it goes on, and its last error stays known
    if bot.webhook is not None:
        bot.webhook.stop()
    bot.updates.end_poll(ApiError(409, "Conflict: terminated by setWebhook request"))
    bot.webhook = Webhook(world, bot, url, secret, connections)
    bot.webhook.start()
    world.changed("webhook", bot=bot)
    return True


def _delete_webhook(world: World, call: Call) -> bool:
    bot = call.bot
    if bot.webhook is not None:
        bot.webhook.stop()
        bot.webhook = None
    if call.flag("drop_pending_updates"):
        bot.updates.pending.clear()
    world.changed("webhook", bot=bot)
    return True


def _get_webhook_info(_world: World, call: Call) -> Json:
    bot = call.bot
    info: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": bot.pending}
    webhook = bot.webhook
    if webhook is not None:
        info["url"] = webhook.url
        info["max_connections"] = webhook.max_connections
        info["ip_address"] = "127.0.0.1"
        if webhook.last_error is not None:
            info["last_error_date"], info["last_error_message"] = webhook.last_error
    if bot.updates.allowed is not None:
        info["allowed_updates"] = sorted(bot.updates.allowed)
    return info


def _remember_allowed(call: Call) -> None:
    allowed = call.object("allowed_updates", "can't parse allowed updates JSON object")
    if isinstance(allowed, list):
        call.bot.updates.allow(str(kind) for kind in allowed)


METHODS: dict[str, Any] = {
    "getUpdates": _get_updates,
    "setWebhook": _set_webhook,
    "deleteWebhook": _delete_webhook,
    "getWebhookInfo": _get_webhook_info,
}
