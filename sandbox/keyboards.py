"""What Telegram takes as reply_markup."""

from __future__ import annotations

from typing import Any

from sandbox.calls import Call, Json, bad_request
from sandbox.links import NoLink, checked_link

MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
_FLAGS = (
    "force_reply",
    "remove_keyboard",
    "selective",
    "resize_keyboard",
    "one_time_keyboard",
    "is_persistent",
)
_OTHER_ACTIONS = (
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "callback_game",
    "copy_text",
    "login_url",
)


def reply_markup(call: Call) -> Json | None:
    """The markup of a call, checked; None when there is none or it is empty.

    Raises ApiError 400 in Telegram's words.
    """
    markup = call.object("reply_markup", "can't parse reply keyboard markup JSON object")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    for flag in _FLAGS:
        if flag in markup and not isinstance(markup[flag], bool):
            raise bad_request(f'field "{flag}" must be of type Boolean')
    if keyboard := markup.get("keyboard"):
        return {**markup, "keyboard": _rows(keyboard, "keyboard", _key)}
    if inline := markup.get("inline_keyboard"):
        rows = [row for row in _rows(inline, "inline_keyboard", _inline_button) if row]
        if sum(map(len, rows)) > MAX_BUTTONS:
            raise bad_request("REPLY_MARKUP_TOO_LONG")
        return {"inline_keyboard": rows} if rows else None
    return markup if markup.get("remove_keyboard") or markup.get("force_reply") else None


def _rows(keyboard: Any, field: str, check: Any) -> list[list[Json]]:
    if not isinstance(keyboard, list):
        raise bad_request(f'field "{field}" must be of type Array')
    of_what = " of the InlineKeyboardMarkup" if field == "inline_keyboard" else ""
    rows: list[list[Json]] = []
    for row in keyboard:
        if not isinstance(row, list):
            raise bad_request(f'field "{field}"{of_what} must be an Array of Arrays')
        rows.append([check(button) for button in row])
    return rows


def _key(button: Any) -> Json:
    if isinstance(button, str):
        return {"text": button}
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request("can't parse keyboard button: Can't find field \"text\"")
    if not button["text"]:
        raise bad_request("text buttons must be non-empty")
    return button


def _inline_button(button: Any) -> Json:
    complaint = "can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad_request(complaint + "InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise bad_request(complaint + 'Can\'t find field "text"')
    if not text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    data, url, web_app = button.get("callback_data"), button.get("url"), button.get("web_app")
    if data:
        if not isinstance(data, str) or len(data.encode("utf-8", "surrogatepass")) > MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    elif url:
        link = checked_link(str(url))
        if isinstance(link, NoLink):
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: {link.reason}")
        return {**button, "url": link}
    elif isinstance(web_app, dict):
        address = str(web_app.get("url", ""))
        if not address.startswith("https://"):
            raise bad_request(
                f"inline keyboard button Web App URL '{address}' is invalid: Only HTTPS links are allowed"
            )
    elif button.get("pay"):
        raise bad_request("BUTTON_TYPE_INVALID")
    elif not any(action in button for action in _OTHER_ACTIONS):
        raise bad_request(complaint + "Text buttons are unallowed in the inline keyboard")
    return button
