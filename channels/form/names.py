"""What the fields of a form mean: the names that people, site builders and plugins give them.

A table, not a guess: a name is brought to its bare letters (`your-phone`, `Телефон *`, `q5_phoneNumber`,
`fields[PHONE][0][VALUE]`) and looked up. What is not in the table is a field like any other and is kept.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

PART = "\x1f"  # between the parts of a nested name: what people may type into a name is no divider


class Role(StrEnum):
    """What a field is to the line."""

    NAME = "name"
    FIRST = "first name"
    MIDDLE = "middle name"
    LAST = "last name"
    PHONE = "phone"
    EMAIL = "email"
    CONTACT = "contact"  # "phone or e-mail": whatever the person prefers
    TELEGRAM = "telegram"
    MESSAGE = "message"
    SUBJECT = "subject"
    COMPANY = "company"
    UTM = "utm"
    PAGE = "page"  # where the form stood
    REFERER = "referer"  # from where the person came to that page
    FORM = "form"  # what the form is called
    SUBMISSION = "submission"  # the builder's own id of this very submission
    RECORD = "record"  # a number the builder or network goes by: kept, no part of what the person wrote
    CONSENT = "consent"  # kept as evidence, no part of what the person wrote
    COOKIES = "cookies"  # Tilda hands over the visitor's cookies; its UTM marks are among them
    TECHNICAL = "technical"  # of the machinery, or a secret of it: not kept
    OTHER = "other"


@lru_cache(maxsize=4096)
def role_of(name: str) -> Role:
    """What a field called `name` is. The parts of a nested name are divided by `PART`."""
    parts = _parts(name)
    if not parts:
        return Role.OTHER
    if parts[-1].lower().startswith(_MACHINERY):
        return Role.TECHNICAL
    # The longest known ending decides: `form[name]` is the name of a form and no person's.
    bare = [_bare(part) for part in parts]
    for start in range(max(0, len(bare) - 3), len(bare)):
        role = _known("".join(bare[start:]))
        if role and (start == 0 or start < len(bare) - 1 or all(part in _WRAPPERS for part in bare[:-1])):
            return role
    if len(bare) > 1 and all(part in _WRAPPERS or _known(part) is Role.NAME for part in bare[:-1]):
        return _known(bare[-1]) or Role.OTHER
    return Role.OTHER


@lru_cache(maxsize=4096)
def label_of(name: str) -> str:
    """What people read before the value: the last part of a nested name that says something."""
    parts = _parts(name)
    telling = [part for part in parts if _bare(part) not in _WRAPPERS]
    return (telling or parts or [name])[-1]


@lru_cache(maxsize=1024)
def utm_name(name: str) -> str:
    """The usual spelling of a campaign mark: `utm_source` for `extra[utm][source]` and `UTM_SOURCE`."""
    return "utm_" + _bare(name).rpartition("utm")[2]


@lru_cache(maxsize=4096)
def is_honeypot(name: str, honeypots: frozenset[str]) -> bool:
    """Whether the field is one that people do not see and only machines fill in."""
    return name.lower() in honeypots or label_of(name).lower() in honeypots


# Formspree, Basin and Getform; FormSubmit; Netlify; Web3Forms; and what hand-made forms call it.
HONEYPOTS = frozenset({"hp", "_hp", "_gotcha", "_honey", "honeypot", "_honeypot", "bot-field", "botcheck"})

_NUMBERED = re.compile(r"^q\d{1,4}_")
_NOT_LETTERS = re.compile(r"[\W_]+")
_TAIL_DIGITS = re.compile(r"(?<=\D)\d+$")
_OWNER = re.compile(
    r"^(?:your|user|client|customer|contact|contacts|lead|billing|person|personal|visitor|form|field|input|buyer"
    r"|ваш[аеи]?|мо[йяеи]|контактн(?:ый|ая|ое|ые)|клиента?)(?=.)"
)


def _parts(name: str) -> list[str]:
    return [part for part in name.split(PART) if part and not part.isdigit()]


@lru_cache(maxsize=4096)
def _bare(part: str) -> str:
    letters = _NOT_LETTERS.sub("", _NUMBERED.sub("", part.casefold()).replace("ё", "е"))
    return _TAIL_DIGITS.sub("", letters)


def _known(bare: str) -> Role | None:
    if role := _ROLES.get(bare):
        return role
    without_owner = _OWNER.sub("", bare)
    if role := _ROLES.get(without_owner):
        return role
    for beginning, role in _BEGINNINGS:
        if bare.startswith(beginning) or without_owner.startswith(beginning):
            return role
    return None


def _table(**names: str) -> dict[str, Role]:
    return {name: Role[role.upper()] for role, listed in names.items() for name in listed.split()}


_ROLES = _table(
    name="name fullname fio nickname contactperson имя фио имяфамилия фамилияимя фамилияимяотчество"
    " имяифамилия фамилияиимя каквасзовут каквамзвать каквамобращаться"
    " какквамобращаться контактноелицо клиент imya",
    first="first firstname fname givenname",
    middle="middle middlename patronymic secondname отчество otchestvo",
    last="last lastname lname surname familyname фамилия familiya",
    phone="phone phones tel telephone telephonenumber phonenumber mobile mobilephone cell cellphone workphone"
    " homephone workphonenumber whatsapp whatsappnumber viber телефон тел номер номертелефона мобильный"
    " мобильныйтелефон номердлясвязи nomer nomertelefona сотовый ватсап вотсап вацап вайбер",
    email="email emailaddress mail emails workemail replyto почта элпочта электроннаяпочта"
    " емейл имейл емайл мейл адресэлектроннойпочты pochta",
    contact="contact contacts phoneoremail emailorphone контакт контакты контактныеданные телефонилиemail"
    " телефонилипочта emailилителефон каксвамисвязаться",
    telegram="telegram tg telegramusername tgusername telegramnick телеграм телеграмм тг никтелеграм",
    message="message msg messagetext comment comments text textarea body question questions inquiry"
    " enquiry note notes details description review feedback content"
    " сообщение сообщения комментарий"
    " комментарии коммент вопрос вопросы текст текстсообщения пожелания примечание описание отзыв"
    " обращение текстобращения запрос текстзапроса commentormessage"
    " vopros tekst soobshenie soobschenie soobshchenie obrashenie obraschenie obrashchenie",
    subject="subject topic тема темасообщения",
    company="company companyname companytitle organization organisation org firm businessname компания"
    " организация названиекомпании фирма",
    page="page pageurl pagelink pageuri pagetitle url href sourceurl formurl landing landingpage location"
    " страница адресстраницы",
    referer="referer referrer ref httpreferer wphttpreferer реферер источникперехода",
    form="formname formtitle formid form quizname quizid форма названиеформы",
    submission="tranid submissionid",
    record="leadid groupid userid eventid campaignid adgroupid creativeid istest slug valuetype v",
    consent="consent agree agreement agreed accept accepted acceptance privacy privacypolicy policy terms"
    " gdpr personaldata согласие соглашение политика",
    cookies="cookies cookie",
    technical="googlekey secret token csrf csrftoken csrfmiddlewaretoken authenticitytoken"
    " nonce wpnonce captcha captchacode recaptcha recaptcharesponse smarttoken yasmartcaptcha submit"
    " button action ajax apikey accesskey sessid phpsessid apiversion pretty",
)
_BEGINNINGS: tuple[tuple[str, Role], ...] = (
    ("телефон", Role.PHONE),
    ("номертелефон", Role.PHONE),
    ("phone", Role.PHONE),
    ("telefon", Role.PHONE),
    ("email", Role.EMAIL),
    ("почта", Role.EMAIL),
    ("адресэлектронной", Role.EMAIL),
    ("электроннаяпочта", Role.EMAIL),
    ("каквасзовут", Role.NAME),
    ("комментари", Role.MESSAGE),
    ("kommentari", Role.MESSAGE),
    ("сообщение", Role.MESSAGE),
    ("задайте", Role.MESSAGE),
    ("опишите", Role.MESSAGE),
    ("согласие", Role.CONSENT),
    ("согласен", Role.CONSENT),
    ("ясоглас", Role.CONSENT),
    ("iagree", Role.CONSENT),
    ("agreeto", Role.CONSENT),
    ("utm", Role.UTM),
)
# Names of which only the beginning is fixed: WordPress, Tilda, Django, Rails and their like.
_MACHINERY = (
    "_wpcf7",
    "_wpnonce",
    "tildaspec-",
    "form-spec",
    "g-recaptcha",
    "h-captcha",
    "cf-turnstile",
    "__",
    "_token",
)
# Parts of a nested name that wrap a person's data and mean nothing themselves.
_WRAPPERS = frozenset(
    re.findall(
        r"\w+",
        "fields field formfields data form formdata lead leads contact contacts client customer user person"
        " object payload submission answers answer value values rawvalue usercolumndata request params body"
        " items item extra add result results formresponse attributes properties post entry",
    )
)
