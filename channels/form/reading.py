"""What a filled-in form says, once its names and values are known: who, how to reach them, what they want."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from channels.form.names import PART, Role, label_of, role_of, utm_name
from core.contacts.emails import emails_in, parse_email
from core.contacts.phones import phone_keys

MAX_NAME = 200  # characters of a person's name
MAX_LABEL = 100  # characters of a field's name as it is kept
MAX_KEPT = 4_000  # characters of a value as it is kept beside the message; the raw form has the whole
MAX_TEXT = 64 * 1024  # characters of the message
MAX_ADDRESSES = 10  # of one kind
MAX_SEARCHES = 20  # fields in which telephones and e-mails are looked for
MAX_SEARCHED = 1_000  # characters of a field in which telephones and e-mails are looked for


@dataclass(slots=True)
class Filled:
    """A form as it was understood. `kept` holds, in order, what has no place of its own."""

    names: dict[Role, str] = field(default_factory=dict)
    phones: dict[str, None] = field(default_factory=dict)
    emails: dict[str, None] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    subject: str | None = None
    submission: str | None = None
    kept: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)  # all that the person filled in
    is_reachable: bool = False
    searches: int = 0  # fields in which telephones or e-mails were looked for

    @property
    def name(self) -> str:
        """The person's name: first, middle, last, where the form asks for them apart."""
        name, last = self.names.get(Role.NAME, ""), self.names.get(Role.LAST, "")
        first, middle = self.names.get(Role.FIRST, name), self.names.get(Role.MIDDLE, "")
        if name and (not last or last.casefold() in name.casefold()):
            return name
        return " ".join(filter(None, (first, middle, last)))[:MAX_NAME]

    @property
    def source(self) -> str | None:
        """Where the person came from: the campaign marks, else the site that sent them."""
        marks = [self.kept.get(f"utm_{mark}") for mark in ("source", "medium", "campaign")]
        if any(marks):
            return " / ".join(mark for mark in marks if mark)[:MAX_NAME]
        return _host(self.kept.get("referer", "")) or None

    @property
    def text(self) -> str:
        """The message; for want of one the form line by line; never empty for a form that can be filed."""
        if self.messages:
            return "\n\n".join(self.messages)[:MAX_TEXT]
        return "\n".join(f"{label}: {_shortened(value)}" for label, value in self.answers)[:MAX_TEXT]


def read_form(fields: Iterable[tuple[str, str]], region: str, page: str | None = None) -> Filled:
    """Find the place of every field; `region` is where telephones without a country code are.

    `page` is where the browser says the form stands; what the form itself says goes before it.
    """
    form = Filled()
    unknown: list[str] = []
    for name, written in fields:
        value = clean(written)
        if not value:
            continue
        role, label, reader, is_silent = _place(name)
        reader(form, _Entry(name, role, label, value, region))
        if role is Role.OTHER:
            unknown.append(value)
        if not is_silent:
            form.answers.append((label, value))
    # Builders that call their fields input_1 and input_2: the form of the value tells.
    for value in unknown:
        if form.phones or form.emails:
            break
        if len(value) <= 60 and _TELLING.match(value):
            _reach(form, value, region)
    if not (form.phones or form.emails or form.is_reachable):
        _reach_in_message(form, region)
    if page and "page" not in form.kept:
        form.kept["page"] = one_line(page, MAX_KEPT)
    if not any(name.startswith("utm_") for name in form.kept):
        _marks_of_page(form)
    form.is_reachable = form.is_reachable or bool(form.phones or form.emails)
    return form


def clean(text: str) -> str:
    """A stranger's text without what no person types: control characters, lone surrogates, directions."""
    if text.isascii() and text.isprintable():
        return text.strip()
    if _SUSPECT.search(text):
        text = _NOISE.sub("", text.replace("\r\n", "\n").translate(_BREAKS))
    return text.strip()


def one_line(text: str, limit: int) -> str:
    """A stranger's text for a place where a line break would be one too many."""
    return _squeezed(clean(text[: 4 * limit].replace(PART, " ")), limit)


_NOISE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe"
    r"\uffff\ud800-\udfff]"
)
_SUSPECT = re.compile(_NOISE.pattern[:-1] + r"\r\x85\u2028\u2029]")
_BREAKS = {0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
# What is no answer of the person's: not part of the text that stands for a missing message.
_SILENT = frozenset(
    {
        Role.UTM,
        Role.PAGE,
        Role.REFERER,
        Role.FORM,
        Role.SUBMISSION,
        Role.TECHNICAL,
        Role.RECORD,
        Role.CONSENT,
        Role.COOKIES,
        Role.TECHNICAL,
    }
)
_TELLING = re.compile(r"\+?[78(]|\+|\S{1,64}@\S")


# --- one reader for each role --------------------------------------------------------------------


class _Entry(NamedTuple):
    """One filled-in field."""

    name: str
    role: Role
    label: str
    value: str
    region: str


_Reader: TypeAlias = Callable[[Filled, _Entry], None]


def _keep(form: Filled, entry: _Entry) -> None:
    _keep_as(form, entry.label, _shortened(entry.value))


def _name(form: Filled, entry: _Entry) -> None:
    if entry.role in form.names:
        _keep(form, entry)
    else:
        form.names[entry.role] = _squeezed(entry.value, MAX_NAME)


def _phone(form: Filled, entry: _Entry) -> None:
    form.searches += 1
    phones = phone_keys(entry.value[:MAX_SEARCHED], entry.region) if form.searches <= MAX_SEARCHES else ()
    for phone in phones:
        _remember(form.phones, phone.e164)
    if not phones or any(phone.extension for phone in phones):
        _keep(form, entry)  # as it was typed: a person may still read it
    form.is_reachable = True


def _email(form: Filled, entry: _Entry) -> None:
    form.searches += 1
    if form.searches > MAX_SEARCHES:
        _keep(form, entry)
        return
    emails = (email,) if (email := parse_email(entry.value)) else emails_in(entry.value[:MAX_SEARCHED])
    for key in emails:
        _remember(form.emails, key)
    if not emails:
        _keep(form, entry)
    form.is_reachable = True


def _contact(form: Filled, entry: _Entry) -> None:
    if not _reach(form, entry.value, entry.region):
        (_telegram if _TELEGRAM.fullmatch(entry.value) else _keep)(form, entry)
    form.is_reachable = True


def _telegram(form: Filled, entry: _Entry) -> None:
    known = _TELEGRAM.fullmatch(entry.value)
    if not known and _reach(form, entry.value, entry.region):
        return  # the telephone under which Telegram knows the person
    _keep_as(form, "telegram", f"@{known[1]}" if known else _squeezed(entry.value, MAX_KEPT))
    form.is_reachable = True


def _message(form: Filled, entry: _Entry) -> None:
    form.messages.append(entry.value)


def _subject(form: Filled, entry: _Entry) -> None:
    if form.subject is None:
        form.subject = _squeezed(entry.value, MAX_NAME)
    else:
        _keep(form, entry)


def _submission(form: Filled, entry: _Entry) -> None:
    form.submission = form.submission or entry.value


def _utm(form: Filled, entry: _Entry) -> None:
    _keep_as(form, _label(utm_name(entry.name)), _squeezed(entry.value, MAX_KEPT))


def _circumstance(form: Filled, entry: _Entry) -> None:
    """The company, the page, the form: under one name whatever the site calls them."""
    _keep_as(form, entry.role.value, _squeezed(entry.value, MAX_KEPT))


def _cookies(form: Filled, entry: _Entry) -> None:
    """Tilda's own cookie with the marks: `TILDAUTM=utm_source%3Dyandex%7C%7C%7Cutm_medium%3Dcpc`."""
    marks = _TILDA_MARKS.search(entry.value)
    for mark in unquote(unquote(marks[1])).split("|||")[:20] if marks else ():
        key, _, content = mark.partition("=")
        if role_of(key) is Role.UTM and (content := one_line(content, MAX_KEPT)):
            form.kept.setdefault(one_line(utm_name(key), MAX_LABEL), content)


def _leave(_form: Filled, _entry: _Entry) -> None:
    """Tokens and secrets of the machinery: they are not the line's to keep."""


_READERS: dict[Role, _Reader] = {
    Role.NAME: _name,
    Role.FIRST: _name,
    Role.MIDDLE: _name,
    Role.LAST: _name,
    Role.PHONE: _phone,
    Role.EMAIL: _email,
    Role.CONTACT: _contact,
    Role.TELEGRAM: _telegram,
    Role.MESSAGE: _message,
    Role.SUBJECT: _subject,
    Role.COMPANY: _circumstance,
    Role.UTM: _utm,
    Role.PAGE: _circumstance,
    Role.REFERER: _circumstance,
    Role.FORM: _circumstance,
    Role.SUBMISSION: _submission,
    Role.RECORD: _keep,
    Role.CONSENT: _keep,
    Role.COOKIES: _cookies,
    Role.TECHNICAL: _leave,
    Role.OTHER: _keep,
}


@lru_cache(maxsize=4096)
def _place(name: str) -> tuple[Role, str, _Reader, bool]:
    """The role of a field, its label, who reads it, and whether it is silent: the same post after post."""
    role = role_of(name)
    return role, _label(name), _READERS[role], role in _SILENT


_TELEGRAM = re.compile(r"(?:(?:https?://)?t(?:elegram)?\.me/|tg:|@)?@?([A-Za-z]\w{4,31})/?", re.ASCII)
_TILDA_MARKS = re.compile(r"TILDAUTM=([^;]{1,4000})")


# --- where the fields do not say it outright -----------------------------------------------------


def _reach(form: Filled, value: str, region: str) -> bool:
    """Take every e-mail and telephone of a value; false when it holds none."""
    form.searches += 1
    if form.searches > MAX_SEARCHES:
        return False
    value = value[:MAX_SEARCHED]
    emails = emails_in(value) if "@" in value else ()
    phones = phone_keys(value, region) if not emails or len(value) > 20 else ()
    for email in emails:
        _remember(form.emails, email)
    for phone in phones:
        _remember(form.phones, phone.e164)
    return bool(emails or phones)


def _reach_in_message(form: Filled, region: str) -> None:
    """The one telephone or e-mail in the message; of several, some belong to somebody else."""
    text = "\n".join(form.messages)[: 10 * MAX_SEARCHED]
    emails = emails_in(text) if "@" in text else ()
    phones = phone_keys(text, region)
    if len(phones) == 1:
        _remember(form.phones, phones[0].e164)
    if len(emails) == 1:
        _remember(form.emails, emails[0])


def _marks_of_page(form: Filled) -> None:
    for place in ("page", "referer"):
        address = form.kept.get(place, "")
        if "utm_" not in address:
            continue
        try:
            query = parse_qsl(urlsplit(address).query, max_num_fields=100)
        except ValueError:
            continue
        for key, value in query:
            if role_of(key) is Role.UTM and (value := one_line(value, MAX_KEPT)):
                form.kept.setdefault(one_line(utm_name(key), MAX_LABEL), value)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")[:MAX_NAME]
    except ValueError:
        return ""


def _remember(keys: dict[str, None], key: str) -> None:
    if len(keys) < MAX_ADDRESSES:
        keys.setdefault(key)


def _keep_as(form: Filled, label: str, value: str) -> None:
    before = form.kept.get(label)
    if before is None:
        form.kept[label] = value
    elif value not in before.split(", "):  # the ticked boxes of one question
        form.kept[label] = f"{before}, {value}"[:MAX_KEPT]


@lru_cache(maxsize=4096)
def _label(name: str) -> str:
    return one_line(label_of(name), MAX_LABEL) or "field"


def _squeezed(value: str, limit: int) -> str:
    return " ".join(value.split())[:limit]


def _shortened(value: str) -> str:
    return value if len(value) <= MAX_KEPT else value[: MAX_KEPT - 1] + "…"
