"""Strangers who write for the first time, as the networks bring them; and the keys they come with.

Nothing of the program is imported here: the process that plays the clients must be ready at once and stay small.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

BOT = "1000001"
TOKEN = f"{BOT}:SANDBOX"
FORM_KEY, SECRET = "benchmark", "benchmark-secret"
WORDS = (
    "Здравствуйте! Подскажите, пожалуйста, сколько стоит доставка и монтаж под ключ",
    "Good afternoon, I would like to order two of these, when can you deliver them",
    "Добрый день. Увидели вашу рекламу, нужен расчёт для офиса на сорок человек",
)
_people = itertools.count(time.time_ns() // 1_000 % 10**12 * 1_000)  # no two processes know the same people


def telegram_update() -> dict[str, Any]:
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
            "date": int(time.time()),
            "text": f"{WORDS[person % len(WORDS)]} ({person})?",
        },
    }


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
