"""Readers of what has no file: places, people, polls, lists, presents and payments."""

from __future__ import annotations

from collections.abc import Iterable

from channels.telegram.cleaning import as_integer, as_list, as_object, clean_line, clean_text, name_of
from channels.telegram.labels import Found, Reader, Say, after
from channels.telegram.media import photo_file


def _point(value: object) -> tuple[str, str] | None:
    """Coordinates as people write them, and a link that shows them on a map."""
    place = as_object(value)
    axes: list[str] = []
    for axis, limit in (("latitude", 90), ("longitude", 180)):
        degrees = place.get(axis)
        if isinstance(degrees, bool) or not isinstance(degrees, int | float) or not abs(degrees) <= limit:
            return None
        axes.append(f"{degrees:.6f}".rstrip("0").rstrip("."))
    return ", ".join(axes), f"https://maps.google.com/?q={','.join(axes)}"


def _location(value: object, say: Say) -> Found | None:
    label = "live_location" if as_integer(as_object(value).get("live_period")) else "location"
    return (say(label, *point), ()) if (point := _point(value)) else None


def _venue(value: object, say: Say) -> Found | None:
    venue = as_object(value)
    line = say("venue", after(clean_line(venue.get("title")), clean_line(venue.get("address"))))
    point = _point(venue.get("location"))
    return ("\n".join((line, *point)) if point else line, ())


def _contact(value: object, say: Say) -> Found | None:
    contact = as_object(value)
    names = filter(None, (clean_line(contact.get("first_name")), clean_line(contact.get("last_name"))))
    phone = clean_line(contact.get("phone_number"), 32)
    if phone.isdecimal() and len(phone) > 10 and not phone.startswith("8"):
        phone = f"+{phone}"  # Telegram leaves the plus away as often as not
    return (say("contact", after(" ".join(names), phone)), ()) if contact else None


def _poll(value: object, say: Say) -> Found | None:
    poll = as_object(value)
    options = [clean_line(as_object(option).get("text")) for option in as_list(poll.get("options"))[:32]]
    return "\n".join((say("poll", after(clean_line(poll.get("question"), 512))), *_points(options))), ()


def _points(lines: Iterable[str], mark: str = "• ") -> list[str]:
    return [mark + line for line in lines if line]


def _dice(value: object, say: Say) -> Found | None:
    dice = as_object(value)
    return say("dice", clean_line(dice.get("emoji"), 16) or "🎲", as_integer(dice.get("value")) or "?"), ()


def _game(value: object, say: Say) -> Found | None:
    game = as_object(value)
    return say("game", after(clean_line(game.get("title")))), photo_file(game.get("photo"))


def _story(value: object, say: Say) -> Found | None:
    return say("story", after(name_of(as_object(value).get("chat")))), ()


def _checklist(value: object, say: Say) -> Found | None:
    checklist = as_object(value)
    lines = [say("checklist", after(clean_line(checklist.get("title"))))]
    for task in map(as_object, as_list(checklist.get("tasks"))[:64]):
        lines += _points([clean_line(task.get("text"))], mark="☑ " if task.get("completion_date") else "☐ ")
    return "\n".join(lines), ()


def _tasks_done(value: object, say: Say) -> Found | None:
    done = as_object(value)
    checklist = as_object(as_object(done.get("checklist_message")).get("checklist"))
    tasks = [as_object(task) for task in as_list(checklist.get("tasks"))[:64]]
    names = {as_integer(task.get("id")): clean_line(task.get("text")) for task in tasks}
    lines = [say("tasks_done", after(clean_line(checklist.get("title"))))]
    for key, mark in (("marked_as_done_task_ids", "☑ "), ("marked_as_not_done_task_ids", "☐ ")):
        lines += _points((names.get(as_integer(task), "") for task in as_list(done.get(key))[:64]), mark)
    return "\n".join(lines), ()


def _tasks_added(value: object, say: Say) -> Found | None:
    tasks = [clean_line(as_object(task).get("text")) for task in as_list(as_object(value).get("tasks"))[:64]]
    return "\n".join((say("tasks_done", ""), *_points(tasks, "☐ "))), ()


def _giveaway(value: object, say: Say) -> Found | None:
    return say("giveaway", after(clean_line(as_object(value).get("prize_description")))), ()


def _giveaway_winners(value: object, say: Say) -> Found | None:
    winners = [name_of(winner) for winner in as_list(as_object(value).get("winners"))[:100]]
    return say("giveaway_winners", after(*winners)), ()


def _gift(value: object, say: Say) -> Found | None:
    given = as_object(value)
    gift = as_object(given.get("gift"))
    name = clean_line(gift.get("base_name")) or clean_line(as_object(gift.get("sticker")).get("emoji"), 32)
    number = as_integer(gift.get("number"))
    name = f"{name} #{number}" if name and number else name
    return "\n".join(filter(None, (say("gift", after(name)), clean_line(given.get("text"), 1024)))), ()


def _invoice(value: object, say: Say) -> Found | None:
    bill = as_object(value)
    amount = _amount(bill.get("total_amount"), bill.get("currency"))
    line = say("invoice", after(clean_line(bill.get("title")), amount))
    return "\n".join(filter(None, (line, clean_line(bill.get("description"), 1024)))), ()


def _payment(value: object, say: Say) -> Found:
    return _paid("payment", value, say)


def _refund(value: object, say: Say) -> Found:
    return _paid("refund", value, say)


def _paid(label: str, value: object, say: Say) -> Found:
    paid = as_object(value)
    order = as_object(paid.get("order_info"))
    lines = [say(label, _amount(paid.get("total_amount"), paid.get("currency")))]
    lines += [clean_line(order.get(key)) for key in ("name", "phone_number", "email")]
    return "\n".join(filter(None, lines)), ()


def _web_app_data(value: object, say: Say) -> Found | None:
    given = as_object(value)
    words = given.get("data")
    line = say("web_app_data", after(clean_line(given.get("button_text"))))
    return "\n".join(filter(None, (line, clean_text(words) if isinstance(words, str) else ""))), ()


def _users_shared(value: object, say: Say) -> Found | None:
    people = as_list(as_object(value).get("users"))[:10]
    return say("users_shared", after(*(name_of(person) for person in people))), ()


def _chat_shared(value: object, say: Say) -> Found | None:
    return say("chat_shared", after(name_of(value))), ()


def _passport(_documents: object, say: Say) -> Found:
    return say("passport"), ()  # encrypted; what is in them is not for a conversation


def _amount(value: object, currency: object) -> str:
    """An amount in the smallest units of its currency, as people write it."""
    amount, code = as_integer(value), clean_line(currency, 8)
    if amount is None:
        return code or "?"
    if code == "XTR":
        return f"{amount} ⭐"
    if code in _WHOLE:
        return f"{amount} {code}"
    return f"{amount / 100:.2f} {code}".rstrip()


# Currencies without a smaller unit: https://core.telegram.org/bots/payments/currencies.json, "exp": 0
_WHOLE = frozenset(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND"))

# In order of precedence: a venue also comes as a location.
CARDS: dict[str, Reader] = {
    "contact": _contact,
    "venue": _venue,
    "location": _location,
    "poll": _poll,
    "dice": _dice,
    "game": _game,
    "story": _story,
    "checklist": _checklist,
    "checklist_tasks_done": _tasks_done,
    "checklist_tasks_added": _tasks_added,
    "giveaway": _giveaway,
    "giveaway_winners": _giveaway_winners,
    "gift": _gift,
    "unique_gift": _gift,
    "invoice": _invoice,
    "successful_payment": _payment,
    "refunded_payment": _refund,
    "web_app_data": _web_app_data,
    "users_shared": _users_shared,
    "user_shared": _users_shared,
    "chat_shared": _chat_shared,
    "passport_data": _passport,
}
