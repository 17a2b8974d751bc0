"""What a bot says of itself: its commands, its name and descriptions, its menu button."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.calls import ApiError, Call, Json, bad_request

if TYPE_CHECKING:
    from sandbox.world import World

_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)
_LONGEST = {"name": 64, "description": 512, "short_description": 120}
_RIGHTS = (
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
)


def _get_me(_world: World, call: Call) -> Json:
    bot = call.bot
    return {
        **bot.describe(),
        "can_join_groups": True,
        "can_read_all_group_messages": bot.reads_all_groups,
        "supports_inline_queries": False,
        "can_connect_to_business": True,
        "has_main_web_app": False,
    }


def _log_out(_world: World, call: Call) -> bool:
    """After this the bot's token answers 400 "Logged out"."""
    call.bot.logged_out = True
    call.bot.updates.end_poll(ApiError(400, "Logged out"))
    return True


def _close(_world: World, call: Call) -> bool:
    """The bot's instance is closed; the next call opens it again, as on Telegram after ten minutes."""
    call.bot.updates.end_poll(ApiError(400, "Bad Request: bot instance was closed"))
    return True


def _set_my_commands(world: World, call: Call) -> bool:
    given = call.object("commands", "can't parse commands JSON object")
    if not isinstance(given, list):
        raise bad_request("expected an Array of BotCommand")
    if len(given) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands: list[Json] = []
    for one in given:
        name = str(one.get("command", "")).removeprefix("/").lower() if isinstance(one, dict) else ""
        description = str(one.get("description", "")).strip() if isinstance(one, dict) else ""
        if not _COMMAND.fullmatch(name):
            raise bad_request("BOT_COMMAND_INVALID")
        if not description:
            raise bad_request("command description must be non-empty")
        if len(description) > 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": name, "description": description})
    call.bot.commands[_scope(call)] = commands
    world.changed("commands", bot=call.bot)
    return True


def _get_my_commands(_world: World, call: Call) -> list[Json]:
    return call.bot.commands.get(_scope(call), [])


def _delete_my_commands(world: World, call: Call) -> bool:
    call.bot.commands.pop(_scope(call), None)
    world.changed("commands", bot=call.bot)
    return True


def _set_my_name(world: World, call: Call) -> bool:
    return _set_profile(world, call, "name")


def _set_my_description(world: World, call: Call) -> bool:
    return _set_profile(world, call, "description")


def _set_my_short_description(world: World, call: Call) -> bool:
    return _set_profile(world, call, "short_description")


def _get_my_name(_world: World, call: Call) -> Json:
    return {"name": _profile(call, "name") or call.bot.first_name}


def _get_my_description(_world: World, call: Call) -> Json:
    return {"description": _profile(call, "description")}


def _get_my_short_description(_world: World, call: Call) -> Json:
    return {"short_description": _profile(call, "short_description")}


def _set_chat_menu_button(world: World, call: Call) -> bool:
    button = call.object("menu_button", "can't parse menu button JSON object") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in ("default", "commands", "web_app"):
        raise bad_request("MenuButton has unsupported type")
    if button["type"] == "web_app":
        url = str((button.get("web_app") or {}).get("url", ""))
        if not url.startswith("https://"):
            raise bad_request(f"menu button web app URL '{url}' is invalid: Only HTTPS links are allowed")
    call.bot.menu_buttons[call.chat_id or 0] = button
    world.changed("commands", bot=call.bot)
    return True


def _get_chat_menu_button(_world: World, call: Call) -> Json:
    buttons = call.bot.menu_buttons
    return buttons.get(call.chat_id or 0) or buttons.get(0) or {"type": "default"}


def _set_my_default_administrator_rights(_world: World, call: Call) -> bool:
    rights = call.object("rights", "can't parse rights JSON object") or {}
    call.bot.default_rights[call.flag("for_channels")] = rights
    return True


def _get_my_default_administrator_rights(_world: World, call: Call) -> Json:
    rights = call.bot.default_rights.get(call.flag("for_channels"), {})
    return {**dict.fromkeys(_RIGHTS, False), **rights}


def _scope(call: Call) -> tuple[str, str]:
    scope = call.object("scope", "can't parse scope JSON object") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in _SCOPES:
        raise bad_request("unsupported BotCommandScope type specified")
    return json.dumps(scope, sort_keys=True), _language(call)


def _language(call: Call) -> str:
    language = call.string("language_code")
    if language and not _LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    return language


def _set_profile(world: World, call: Call, field: str) -> bool:
    text = call.string(field)
    if len(text) > _LONGEST[field]:
        raise bad_request(f"BOT_{'TITLE' if field == 'name' else 'DESCRIPTION'}_INVALID")
    call.bot.profile[field, _language(call)] = text
    world.changed("commands", bot=call.bot)
    return True


def _profile(call: Call, field: str) -> str:
    profile = call.bot.profile
    return profile.get((field, _language(call))) or profile.get((field, "")) or ""


METHODS: dict[str, Any] = {
    "getMe": _get_me,
    "logOut": _log_out,
    "close": _close,
    "setMyCommands": _set_my_commands,
    "getMyCommands": _get_my_commands,
    "deleteMyCommands": _delete_my_commands,
    "setMyName": _set_my_name,
    "getMyName": _get_my_name,
    "setMyDescription": _set_my_description,
    "getMyDescription": _get_my_description,
    "setMyShortDescription": _set_my_short_description,
    "getMyShortDescription": _get_my_short_description,
    "setChatMenuButton": _set_chat_menu_button,
    "getChatMenuButton": _get_chat_menu_button,
    "setMyDefaultAdministratorRights": _set_my_default_administrator_rights,
    "getMyDefaultAdministratorRights": _get_my_default_administrator_rights,
}
