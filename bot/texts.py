"""What the bot says: Fluent messages in each language, with numbers and times as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta
from fluent.runtime import FluentBundle, FluentResource

LANGUAGES = ("ru", "en")
Argument = str | int | float


class MissingText(LookupError):
    """A message, or an argument that it needs, does not exist: a bug of ours, never a text for people."""


class Texts:
    """Every message of every language: `bot/locales/<language>/*.ftl`, read once in the life of a process."""

    def __init__(self, default: str = "ru") -> None:
        self.default = default if default in LANGUAGES else "en"

    def read(self) -> None:
        """Read all languages now, which takes a quarter of a second: else the first who is spoken to waits for it."""
        for language in LANGUAGES:
            _bundle(language)

    def words(self, language: str | None, timezone: str, now: datetime) -> Words:
        """The voice for one reader at one moment. An unknown language gets the default one."""
        spoken = language if language in LANGUAGES else self.default
        return Words(_bundle(spoken), spoken, ZoneInfo(timezone), now)


@dataclass(frozen=True)
class Words:
    """One reader's language, time zone (the line's) and present moment. Call it with a message's name."""

    bundle: FluentBundle
    language: str
    zone: ZoneInfo
    now: datetime

    def __call__(self, key: str, **arguments: Argument) -> str:
        """The message `key` with its arguments; `key.attribute` names an attribute of a message.

        An argument called `number` is the number of a lead, a name and not a quantity, so it is never grouped
        ("№ 12345"). Raises MissingText when the message or one of its arguments does not exist.
        """
        name, _, attribute = key.partition(".")
        if not self.bundle.has_message(name):
            raise MissingText(f"{key} ({self.language})")
        message = self.bundle.get_message(name)
        pattern = message.attributes.get(attribute) if attribute else message.value
        if pattern is None:
            raise MissingText(f"{key} ({self.language})")
        if "number" in arguments:
            arguments["number"] = str(arguments["number"])
        text, errors = self.bundle.format_pattern(pattern, arguments)
        if errors:
            raise MissingText(f"{key} ({self.language}): {errors[0]}")
        return str(text)

    def title(self, words: Mapping[str, str]) -> str:
        """A title that people have configured per language: ours, else any there is."""
        return words.get(self.language) or next((title for title in words.values() if title), "")

    def local(self, moment: datetime) -> datetime:
        """The moment on the line's own clock."""
        return moment.astimezone(self.zone)

    def time(self, moment: datetime) -> str:
        """Hours and minutes: "14:05"."""
        return format_time(self.local(moment), "HH:mm", locale=self._locale)

    def day(self, moment: datetime) -> str:
        """A day: "12 марта", with the year when it is another one."""
        local = self.local(moment)
        same_year = local.year == self.local(self.now).year
        return format_date(local, "d MMMM" if same_year else "d MMMM y", locale=self._locale)

    def when(self, moment: datetime) -> str:
        """A moment as one says it: "только что", "5 мин назад", "14:05", "вчера в 14:05", "12 марта, 14:05".

        Also for what is to come: "14:05", "завтра в 14:05".
        """
        passed = self.now - moment
        if timedelta() <= passed < timedelta(minutes=1):
            return self("when-now")
        if timedelta() < passed < timedelta(hours=1):
            return self("when-ago", time=self.lasting(passed))
        days = (self.local(moment).date() - self.local(self.now).date()).days
        match days:
            case 0:
                return self.time(moment)
            case -1:
                return self("when-yesterday", time=self.time(moment))
            case 1:
                return self("when-tomorrow", time=self.time(moment))
        return self("when-day", day=self.day(moment), time=self.time(moment))

    def lasting(self, span: timedelta) -> str:
        """How long something took or takes: "5 мин", "3 ч", "2 дн"."""
        return str(format_timedelta(span, format="short", threshold=1, locale=self._locale)).rstrip(".")

    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)


@cache
def _bundle(language: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False)  # Telegram shows the isolating marks as boxes
    for file in sorted((files("bot") / "locales" / language).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".ftl"):
            bundle.add_resource(FluentResource(file.read_text(encoding="utf-8")))
    return bundle
