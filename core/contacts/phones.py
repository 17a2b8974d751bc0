"""Telephone numbers as keys: whatever way people write a number, one person keeps one key.

The numbering plans are Google's (the `phonenumbers` package). What is ours is what a plan cannot know: where
in a line a number begins and ends, how people in Russia write, and which digits are not a telephone at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any

MAX_TEXT = 65_536  # characters read of one text; what lies beyond is not searched
MAX_NUMBERS = 20  # numbers taken from one text
MAX_RUNS = 2_000  # runs of digits looked at in one text
MAX_STRETCHES = 10_000  # parts of runs weighed in one text
MAX_ATTEMPTS = 1_000  # parts of runs handed to the numbering plan


@dataclass(frozen=True, slots=True)
class Phone:
    """One valid number. `raw` is how it was written, in plain dashes and digits, without its extension."""

    e164: str
    extension: str | None
    raw: str


def phone_keys(text: str, region: str | None = "RU") -> tuple[Phone, ...]:
    """Every valid telephone number in a form field or a free text, in order, each once.

    `region` is the two-letter country in which numbers without a country code are read; None or "ZZ" reads
    only international ones. Digits that are no valid number anywhere give nothing: the caller keeps the text.
    Never raises; at most `MAX_NUMBERS` are returned and the time is bounded whatever the text.
    """
    plain = _plain(text[:MAX_TEXT])
    region = region.upper() if region else "ZZ"
    if region in _SEVEN and (phone := _whole(plain, region)):
        return (phone,)
    found: dict[str, Phone] = {}
    if "tel:" in plain:
        plain = _take_uris(plain, region, found)
    budget = _Budget(region)
    for run in islice(_RUN.finditer(plain), MAX_RUNS):
        trusted = _trust(plain, run)
        if trusted is None:
            continue
        for phone in _numbers(plain, run, budget, trusted):
            found.setdefault(phone.e164, phone)
        if len(found) >= MAX_NUMBERS or budget.spent:
            break
    if not found and len(plain) <= _SHORT and (phone_word := _spelled(plain, region)):
        return (phone_word,)
    return tuple(found.values())[:MAX_NUMBERS]


def parse_phone(text: str, region: str | None = "RU") -> Phone | None:
    """The number in a text that holds exactly one; None when it holds none or several."""
    phones = phone_keys(text, region)
    return phones[0] if len(phones) == 1 else None


@lru_cache(maxsize=1024)
def readable_phone(e164: str) -> str:
    """A key as people write it: "+7 916 123-45-67", by the plan of its country."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def inspect_phone(text: str, region: str | None = "RU") -> dict[str, object]:
    """What the system understands of a text, as `openlines inspect phone` prints it.

    `e164` and `extension` are those of the first number, `others` the further ones.
    """
    phones = phone_keys(text, region)
    return {
        "input": text,
        "e164": phones[0].e164 if phones else None,
        "extension": phones[0].extension if phones else None,
        "others": [phone.e164 for phone in phones[1:]],
    }


def _whole(text: str, region: str) -> Phone | None:
    """What most fields hold: one Russian number and nothing else."""
    found = _WHOLE.fullmatch(text)
    if not found or _DATE.match(found[2]):
        return None
    key = _e164(bool(found[1]), _NOT_DIGITS.sub("", found[2]), region, True)
    return Phone(key, None, text.strip()) if key else None


# --- plain text ----------------------------------------------------------------------------------

_PLAIN: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−⁃﹘﹣－"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u1680\u202f\u205f\u3000"), " "),
    **dict.fromkeys(range(0x2000, 0x200B), " "),
    # Zero-width marks, soft hyphens and directions come along when a number is copied from a page.
    **dict.fromkeys([0xAD, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)], None),
    **dict.fromkeys(range(0x2060, 0x2070), None),
    **dict(zip(map(ord, "＋（）．／～∼＃·•∙"), "+()./~~#...", strict=True)),
}
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")


def _plain(text: str) -> str:
    if text.isascii():
        return text
    text = text.translate(_PLAIN)
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


# --- where a number may stand --------------------------------------------------------------------

_SHORT = 60  # characters up to which a text is a field somebody filled in and not prose
_BETWEEN = r"[ ()\[\].~/-]{0,5}"
_RUN = re.compile(rf"\+{{0,2}}[ (\[]{{0,2}}[0-9](?:{_BETWEEN}[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_DATE = re.compile(
    r"(?:[0-3]?[0-9]([./-])[01]?[0-9]\1(?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9])(?![0-9./-])"
)
_IP = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_EXTENSION = re.compile(
    r"[ \t]?(?:"
    r"[ ,;(]{0,3}(?:доб(?:авочн\w{1,4})?|доп|внутр(?:енн\w{1,4})?|вн|тоновый|e?xt(?:e?n(?:sion)?)?|xtn|int"
    r"|x|х)[ .:№#(=]{0,4}"
    r"|[ ,(]{0,2}[#*][ ]?|,,[ ]?|;(?:ext=)?(?=[0-9]{1,20}\b)"
    r")([0-9]{1,20})(?![0-9])#?",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[ -]([0-9]{1,6})$")  # "+1 212 345 6789-6#"
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z]{1,4}[0-9]")  # "600A5": the run is a piece of some code
_LABEL = (
    r"(?:тел(?:ефон\w{0,3})?|моб(?:ильн\w{0,3})?|сот(?:ов\w{0,3})?|раб|дом|факс|конт(?:акт\w{0,3})?"
    r"|номер\w{0,2}|ном|(?:по|пере)?звон\w{0,5}|связ\w{0,3}|в[ао]тс\w{0,4}|вайбер|viber"
    r"|whats ?app|wa|telegram|тг|т"
    r"|phones?|tel|telephone|mob|mobile|cell|call|fax|ph|contact|number|t|m)"
)
_PHONE_BEFORE = re.compile(rf"(?<![^\W\d_]){_LABEL}[ .:;№#()=/+1-3-]{{0,5}}$", re.IGNORECASE)
_OTHER_BEFORE = re.compile(
    r"(?<![^\W\d_])(?:инн|кпп|огрн(?:ип)?|окпо|октмо|бик|снилс|р/?с|к/?с|сч[её]т\w{0,2}|паспорт\w{0,3}|карт[аыеу]"
    r"|заказ\w{0,2}|договор\w{0,2}|накладн\w{0,3}|артикул\w{0,2}|арт|трек\w{0,2}|штрихкод|id|order|invoice|account"
    r"|card|track(?:ing)?|sku|isbn|imei|vin|tax)(?: ?(?:номер|number|no))?[ .:;№#()=-]{0,5}$|№ ?$",
    re.IGNORECASE,
)
_MONEY_AFTER = re.compile(r" ?(?:руб|₽|€|\$|%|р\.)", re.IGNORECASE)
_PHONE_LINK = re.compile(r"(?:wa\.me/|t\.me/|(?:phone|tel|number)=)(?:%2b|\+)?$", re.IGNORECASE)
_LINK = re.compile(r"://|www\.|\.[a-z]{2,10}/|[?&]\w{1,30}=", re.IGNORECASE)


def _trust(text: str, run: re.Match[str]) -> bool | None:
    """How much the surroundings say that these digits are a telephone.

    True: a label says so, or they stand in a short field. False: digits in prose, which must show themselves
    by their form. None: certainly something else: part of a word, a link, an e-mail, a sum, an INN.
    """
    start, end = run.span()
    if end - start < 6:
        return None
    if start == 0 and end == len(text):
        return True
    before, first = text[max(0, start - 40) : start], text[start]
    last = before[-1:]
    if text[end : end + 1] == "@" or (_MONEY_AFTER.match(text, end) and first != "+"):
        return None
    if last and last not in " \n\t" and first != " " and not (first == "+" and last.isdigit()):
        word = before.split()[-1]
        if _PHONE_LINK.search(before):
            return True
        if _LINK.search(word):
            return None
        if (last.isascii() and last.isalnum()) or last == "_" or (last == "-" and before[-2:-1].isalnum()):
            return True if _PHONE_BEFORE.search(before) and first != "-" else None
    if _PHONE_BEFORE.search(before):
        return True
    if _OTHER_BEFORE.search(before):
        return None
    return len(text) <= _SHORT


# --- which stretch of a run is a number ----------------------------------------------------------


class _Budget:
    """Asks the numbering plans, and stops asking when one text has cost enough."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.attempts = MAX_ATTEMPTS
        self.stretches = MAX_STRETCHES

    @property
    def spent(self) -> bool:
        return self.attempts <= 0 or self.stretches <= 0

    def key(self, plus: bool, digits: str, trusted: bool) -> str | None:
        if self.attempts <= 0 or not 6 <= len(digits) <= 20:
            return None
        self.attempts -= 1
        return _e164(plus, digits, self.region, trusted)


def _numbers(text: str, run: re.Match[str], budget: _Budget, trusted: bool) -> Iterator[Phone]:
    """The numbers in one run of digits and separators: one as a rule, several if only spaces divide them."""
    end = run.end()
    whole = run[0].lstrip(" ([")
    plus = whole.startswith("+")
    while not plus and (date := _DATE.match(whole)):
        whole = whole[date.end() :].lstrip(" ([")
    if not plus and _IP.fullmatch(whole) and max(map(int, whole.split("."))) < 256:
        return
    extension = _extension(text, end)
    if text[end : end + 1] == "#" and not extension and (tail := _TAIL.search(whole)):
        whole, extension = whole[: tail.start()], tail[1]
    if not extension and _LETTERS_AND_DIGITS.match(text, end):
        return
    loose = not extension and text[end : end + 1].isascii() and text[end : end + 1].isalpha()
    digits = "".join(_GROUP.findall(whole))
    if len(digits) <= 20:
        # "+8 (495)": here 8 is the trunk prefix of Russia and no beginning of +84.
        trunk = plus and budget.region in _SEVEN and len(digits) == 11 and _TRUNK_WITH_PLUS.match(whole)
        key = budget.key(plus and not trunk, digits, trusted)
        if key and (plus or trusted or (_shows_itself(whole, digits, budget.region) and not loose)):
            yield Phone(key, extension, whole)
            return
    yield from _divided(whole, plus, budget, trusted, extension)


def _extension(text: str, at: int) -> str | None:
    found = _EXTENSION.match(text, at)
    return found[1] if found else None


def _divided(
    whole: str, plus: bool, budget: _Budget, trusted: bool, extension: str | None
) -> Iterator[Phone]:
    """The numbers of a run that is no number as a whole, each beginning where a group of digits begins."""
    starts, sizes = [], []
    for group in islice(_GROUP.finditer(whole), 16 * MAX_NUMBERS):
        starts.append(group.start())
        sizes.append(len(group[0]))
    taken: list[tuple[Phone, bool]] = []
    left_over = False
    at = 0
    while at < len(starts) and not budget.spent and len(taken) < MAX_NUMBERS:
        for until, size in _ends(sizes, at):
            budget.stretches -= 1
            international = plus and at == 0
            first = whole[starts[at]]
            announced = international or _announces(first, sizes[at], size, budget.region)
            if not announced and (left_over or (budget.region in _SEVEN and size != 10)):
                continue
            written = whole[starts[at] : starts[until] + sizes[until]]
            if key := budget.key(international, "".join(_GROUP.findall(written)), trusted):
                last = until == len(starts) - 1
                taken.append((Phone(key, extension if last else None, written), announced))
                at = until + 1
                break
        else:
            left_over = True
            at += 1
    # A bare number counts only where nothing is left over: "4276 1234 5678 9010" is a bank card.
    yield from (phone for phone, announced in taken if announced or not left_over)


def _ends(sizes: list[int], at: int) -> list[tuple[int, int]]:
    """The groups with which a number that begins at group `at` may end, and its digits; the longest first."""
    ends, size = [], 0
    for until in range(at, min(len(sizes), at + 15)):
        size += sizes[until]
        if size > 15:
            break
        if size >= 7:
            ends.append((until, size))
    return ends[::-1]


_SEVEN = frozenset({"RU", "KZ"})  # the countries behind +7, where 8 is dialled before a number
_WHOLE = re.compile(r"\s*(?:(\+)(?=7))?([0-9(](?:[ ()-]{0,3}[0-9]){9,11})\s*")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_PLUS_SEVEN = re.compile(r"(?:\+7|[78])?([34789][0-9]{9})")
_TRUNK_WITH_PLUS = re.compile(r"\+ ?8(?:9|[ (\[-])")


def _announces(first: str, first_size: int, size: int, region: str) -> bool:
    """Whether digits begin as only a whole number begins: with a trunk prefix or a country code."""
    if region in _SEVEN:
        return first in "78" and size == 11 and first_size != 2
    return first == "0" or first_size >= 8


def _shows_itself(whole: str, digits: str, region: str) -> bool:
    """Whether digits without a plus in the midst of prose have the form of a telephone."""
    if digits.startswith("00"):
        return True
    if region not in _SEVEN:
        return len(digits) >= 9 or len(digits) < len(whole.strip())
    if len(digits) == 11:
        return digits[0] in "78"
    if digits.startswith("810"):
        return True
    first = _GROUP.search(whole)
    code = len(first[0]) if first else 0
    # Ten digits: a mobile number, or an area code set apart; an INN has neither form.
    return len(digits) == 10 and digits[0] != "7" and (digits[0] == "9" or 3 <= code <= 5)


@lru_cache(maxsize=8192)
def _e164(plus: bool, digits: str, region: str, trusted: bool) -> str | None:
    """The key of the digits under the numbering plans, None when they are no valid number."""
    if plus:
        digits = digits.removeprefix("00")  # "+0064…": both ways of saying "abroad" at once
        return _valid("+" + digits, "ZZ")
    if region != "ZZ" and (key := _valid(digits, region)):
        return key
    if digits.startswith("00"):  # so dialled in most of the world; the plan of Russia knows only 8~10
        return _valid("+" + digits[2:], "ZZ")
    if region in _SEVEN and len(digits) == 11 and digits[0] in "78":
        return None  # a mistyped number of our own is not one of Vietnam
    if trusted and 11 <= len(digits) <= 15 and digits[0] != "0" and region != "ZZ":
        # 375 29 123-45-67 from a visitor of a Russian site: the country code without its plus.
        return _valid("+" + digits, "ZZ")
    return None


def _valid(number: str, region: str) -> str | None:
    # Loading the plans takes a tenth of a second: only those who meet a number pay for it.
    import phonenumbers

    if national := _PLUS_SEVEN.fullmatch(number) if number[0] == "+" or region in _SEVEN else None:
        # By far the most frequent numbers here. Behind +7 every number has ten digits and none begins with 0,
        # so there is nothing to parse; the plan still decides. Several times as fast as the general way below.
        if _russian_mobile().fullmatch(national[1]):
            return f"+7{national[1]}"
        parsed = phonenumbers.PhoneNumber(country_code=7, national_number=int(national[1]))
        valid_for = phonenumbers.is_valid_number_for_region
        if valid_for(parsed, "RU") or valid_for(parsed, "KZ"):
            return f"+7{national[1]}"
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@cache
def _russian_mobile() -> re.Pattern[str]:
    """What the plan says of mobile numbers in Russia."""
    from phonenumbers import PhoneMetadata

    plan: Any = PhoneMetadata.metadata_for_region("RU")
    return re.compile(plan.mobile.national_number_pattern)


# --- numbers that are not only digits ------------------------------------------------------------

_URI = re.compile(r"\btel:(?=[^;\s]*;)[+0-9(][^\s,<>\"']{3,120}")
_KEYPAD = re.compile(r"\+?[0-9][0-9 ().-]*(?:[A-Za-z][ 0-9().-]*){3,12}")


def _take_uris(text: str, region: str, found: dict[str, Phone]) -> str:
    """Read `tel:` links with parameters (RFC 3966) and return the text without them."""
    import phonenumbers

    for uri in list(_URI.finditer(text))[:MAX_NUMBERS]:
        try:
            parsed = phonenumbers.parse(uri[0], region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            key = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
            found.setdefault(key, Phone(key, parsed.extension or None, uri[0]))
    return _URI.sub(lambda uri: " " * len(uri[0]), text)


def _spelled(text: str, region: str) -> Phone | None:
    """A number with letters of the keypad in it, as 1-800-FLOWERS.

    Only services have such numbers; without that rule "12 Main Street" is a telephone somewhere.
    """
    written = text.strip()
    if not _KEYPAD.fullmatch(written):
        return None
    import phonenumbers

    try:
        parsed = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    services = (
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    )
    if not phonenumbers.is_valid_number(parsed) or phonenumbers.number_type(parsed) not in services:
        return None
    key = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(key, parsed.extension, written)
