"""What a new installation begins with: the line `main`, its pipeline, its reasons, its two robots.

Rows like any others: whoever edits them is not overruled by the next start, but for the line's language and
timezone, which the settings say.
"""

from __future__ import annotations

from sqlalchemy import select

from core.automation.model import Robot, Start
from core.database import Transaction
from core.leads.model import JunkReason, Pipeline, Stage, StageKind
from core.lines.model import Distribution, KnownPerson, Line

STAGES = (
    ("new", StageKind.INITIAL, "Новая", "New"),
    ("in_work", StageKind.PROCESS, "В работе", "In work"),
    ("qualified", StageKind.PROCESS, "Квалифицирована", "Qualified"),
    ("success", StageKind.SUCCESS, "Успех", "Success"),
    ("failure", StageKind.FAILURE, "Отказ", "Junk"),
)
REASONS = (
    ("spam", "Спам или реклама", "Spam or advertising"),
    ("wrong_address", "Ошиблись адресом", "Not meant for us"),
    ("not_our_service", "Такого не делаем", "We do not offer this"),
    ("too_expensive", "Не подошла цена", "The price did not suit"),
    ("no_answer", "Не отвечает", "Stopped answering"),
    ("duplicate", "Повтор", "Duplicate"),
    ("other", "Другое", "Other"),
)
CONFIRMATION = {
    "ru": (
        'Здравствуйте{{ name|after(", ") }}! Мы получили ваше сообщение и скоро ответим. '
        "Номер обращения: {{ number }}."
    ),
    "en": (
        'Hello{{ name|after(", ") }}! We have your message and will answer soon. '
        "Your reference is {{ number }}."
    ),
}
CLOSED = {  # outside the company's hours, if the settings name them
    "ru": (
        'Здравствуйте{{ name|after(", ") }}! Мы получили ваше сообщение. Сейчас у нас нерабочее время, '
        "ответим, как только откроемся. Номер обращения: {{ number }}."
    ),
    "en": (
        'Hello{{ name|after(", ") }}! We have your message. We are closed now and will answer as soon as we open. '
        "Your reference is {{ number }}."
    ),
}
GREETING = {  # for who has merely opened the chat; what they then write is confirmed
    "ru": 'Здравствуйте{{ name|after(", ") }}! Напишите, что вас интересует, и мы ответим здесь.',
    "en": 'Hello{{ name|after(", ") }}! Tell us what you need, and we will answer here.',
}
FOLLOW_UP = {
    "ru": (
        'Здравствуйте{{ name|after(", ") }}! Остались ли у вас вопросы? '
        "Если всё ещё актуально, просто ответьте сюда."
    ),
    "en": ('Hello{{ name|after(", ") }}! Is there anything else we can help with? If so, just answer here.'),
}


def ensure_line(tx: Transaction, *, language: str, timezone: str) -> int:
    """Make the line `main` with everything it needs, once; returns its id.

    `language` is what customers are answered in when they do not tell theirs; `timezone` an IANA name. Both are as
    they are said last.
    """
    tx.lock_keys(["preset"])
    known = tx.connection.execute(
        select(Line.id, Line.language, Line.timezone).where(Line.name == "main")
    ).one_or_none()
    if known is not None:
        if (known.language, known.timezone) != (language, timezone):
            tx.update(Line, [{"id": known.id, "language": language, "timezone": timezone}])
        return int(known.id)
    pipeline_id, line_id = tx.new_id(), tx.new_id()
    tx.insert(Pipeline, [{"id": pipeline_id, "name": "leads", "title": {"ru": "Лиды", "en": "Leads"}}])
    stages = {name: tx.new_id() for name, *_ in STAGES}
    tx.insert(
        Stage,
        [
            {
                "id": stages[name],
                "pipeline_id": pipeline_id,
                "name": name,
                "title": {"ru": ru, "en": en},
                "kind": kind,
                "position": position,
            }
            for position, (name, kind, ru, en) in enumerate(STAGES)
        ],
    )
    tx.insert(
        JunkReason,
        [
            {
                "id": tx.new_id(),
                "pipeline_id": pipeline_id,
                "name": name,
                "title": {"ru": ru, "en": en},
                "position": position,
                "is_active": True,
            }
            for position, (name, ru, en) in enumerate(REASONS)
        ],
    )
    tx.insert(
        Line,
        [
            {
                "id": line_id,
                "name": "main",
                "title": "main",
                "language": language,
                "timezone": timezone,
                "pipeline_id": pipeline_id,
                "known_person": KnownPerson.REPEAT,
                "reopen_days": 30,
                "distribution": Distribution.EVEN,
            }
        ],
    )
    tx.insert(
        Robot,
        [
            {
                "id": tx.new_id(),
                "name": "confirmation",
                "title": {"ru": "Подтверждение", "en": "Confirmation"},
                "stage_id": stages["new"],
                "start": Start.ENTERED,
                "delay_seconds": 0,
                "action": "message",
                "parameters": {"text": CONFIRMATION, "closed": CLOSED, "greeting": GREETING},
                "condition": None,
                "stops_on_answer": False,
                "once_per_lead": True,
                "late_seconds": None,
                "position": 0,
                "is_active": True,
            },
            {
                "id": tx.new_id(),
                "name": "follow_up",
                "title": {"ru": "Напоминание после молчания", "en": "Follow-up after silence"},
                "stage_id": stages["in_work"],
                "start": Start.ANSWERED,
                "delay_seconds": 24 * 3600,
                "action": "message",
                "parameters": {"text": FOLLOW_UP},
                "condition": None,
                "stops_on_answer": True,
                "once_per_lead": True,
                "late_seconds": 3 * 24 * 3600,
                "position": 1,
                "is_active": True,
            },
        ],
    )
    return line_id
