"""Strangers who write for the first time: Telegram updates and form posts, as the networks bring them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

from benchmarks.ground import BOT
from channels.telegram.inbound import normalise
from core.channel import Received

WORDS = (
    "Здравствуйте! Подскажите, пожалуйста, сколько стоит доставка и монтаж под ключ",
    "Good afternoon, I would like to order two of these, when can you deliver them",
    "Добрый день. Увидели вашу рекламу, нужен расчёт для офиса на сорок человек",
)
_people = itertools.count(2_000_000_000)


def telegram_update(*, now: datetime | None = None) -> dict[str, Any]:
    """An update with the first message of somebody new."""
    person = next(_people)
    user = {
        "id": person,
        "is_bot": False,
        "first_name": "Анна",
        "last_name": f"Иванова {person % 10_000}",
        "username": f"anna_{person}",
        "language_code": "ru",
    }
    return {
        "update_id": person,
        "message": {
            "message_id": 1,
            "from": user,
            "chat": {**user, "type": "private"},
            "date": int((now or datetime.now(UTC)).timestamp()),
            "text": f"{WORDS[person % len(WORDS)]} ({person})?",
        },
    }


def telegram_message() -> Received:
    """The same, understood."""
    now = datetime.now(UTC)
    update = telegram_update(now=now)
    raw = json.dumps(update, ensure_ascii=False, separators=(",", ":")).encode()
    return normalise(update, raw, now, BOT)


def form_post() -> bytes:
    """A form of the company's site, filled in by somebody new, as JSON."""
    person = next(_people)
    fields = {
        "name": f"Анна Иванова {person % 10_000}",
        "phone": f"+7 9{person % 10**9:09d}",
        "email": f"anna.{person}@example.org",
        "message": f"{WORDS[person % len(WORDS)]} ({person})?",
        "utm_source": "yandex",
    }
    return json.dumps(fields, ensure_ascii=False).encode()
