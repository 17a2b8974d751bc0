"""What stands in a conversation for what has no words, in Russian and in English."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from core.channel import InboundFile

Say: TypeAlias = Callable[..., str]  # the name of a label and what stands in it
Found: TypeAlias = tuple[str, tuple[InboundFile, ...]]  # the line for one kind of content, and its files
Reader: TypeAlias = Callable[[object, Say], Found | None]  # None: not what the Bot API describes


def labels_in(russian: bool) -> Say:
    """The labels in one of the two languages: `say("document", ": price.pdf")` is "[File: price.pdf]"."""
    return _say_russian if russian else _say_english


def after(*parts: str, mark: str = ": ") -> str:
    """The filled parts of a label after its name: ": a, b", or nothing."""
    filled = [part for part in parts if part]
    return mark + ", ".join(filled) if filled else ""


def _say_russian(label: str, *values: object) -> str:
    return LABELS[label][0].format(*values)


def _say_english(label: str, *values: object) -> str:
    return LABELS[label][1].format(*values)


# Strangers' words are only ever arguments of these, never the template.
LABELS: dict[str, tuple[str, str]] = {
    "photo": ("[Фото]", "[Photo]"),
    "live_photo": ("[Живое фото]", "[Live photo]"),
    "voice": ("[Голосовое сообщение{}]", "[Voice message{}]"),
    "video_note": ("[Видеосообщение{}]", "[Video message{}]"),
    "video": ("[Видео{}]", "[Video{}]"),
    "audio": ("[Аудио{}]", "[Audio{}]"),
    "animation": ("[Анимация]", "[Animation]"),
    "document": ("[Файл{}]", "[File{}]"),
    "sticker": ("[Стикер{}]", "[Sticker{}]"),
    "location": ("[Геопозиция: {}]\n{}", "[Location: {}]\n{}"),
    "live_location": ("[Трансляция геопозиции: {}]\n{}", "[Live location: {}]\n{}"),
    "venue": ("[Место{}]", "[Place{}]"),
    "contact": ("[Контакт{}]", "[Contact{}]"),
    "poll": ("[Опрос{}]", "[Poll{}]"),
    "dice": ("[{} {}]", "[{} {}]"),
    "game": ("[Игра{}]", "[Game{}]"),
    "story": ("[Сторис{}]", "[Story{}]"),
    "checklist": ("[Список дел{}]", "[Checklist{}]"),
    "tasks_done": ("[Отмечено в списке дел{}]", "[Checklist updated{}]"),
    "giveaway": ("[Розыгрыш{}]", "[Giveaway{}]"),
    "giveaway_winners": ("[Итоги розыгрыша{}]", "[Giveaway results{}]"),
    "paid_media": ("[Платные медиа, звёзд: {}]", "[Paid media, stars: {}]"),
    "gift": ("[Подарок{}]", "[Gift{}]"),
    "invoice": ("[Счёт{}]", "[Invoice{}]"),
    "payment": ("[Оплачено: {}]", "[Paid: {}]"),
    "refund": ("[Возврат оплаты: {}]", "[Payment refunded: {}]"),
    "web_app_data": ("[Данные из приложения{}]", "[Data from the app{}]"),
    "users_shared": ("[Выбраны люди{}]", "[People shared{}]"),
    "chat_shared": ("[Выбран чат{}]", "[Chat shared{}]"),
    "passport": ("[Документы Telegram Passport]", "[Telegram Passport documents]"),
    "rich": ("[Сообщение с оформлением]", "[Formatted message]"),
    "unsupported": ("[Неподдерживаемое сообщение: {}]", "[unsupported message: {}]"),
    "empty": ("[Неподдерживаемое сообщение]", "[unsupported message]"),
    "service": ("[Служебное сообщение: {}]", "[service message: {}]"),
    "forwarded": ("[Переслано{}]", "[Forwarded{}]"),
    "forwarded_from": (" от: {}", " from: {}"),
    "story_reply": ("[Ответ на сторис]", "[Reply to a story]"),
    "external_reply": ("[Ответ на сообщение из другого чата{}]", "[Reply to a message elsewhere{}]"),
    "blocked": ("[Бот заблокирован]", "[The bot was blocked]"),
    "unblocked": ("[Бот разблокирован]", "[The bot was unblocked]"),
}
