"""What an exclusion looks like: one line of an admin's text becomes a pattern, and an address its candidates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.channel import Address
from core.contacts.emails import parse_email
from core.contacts.phones import parse_phone
from core.errors import Refusal

# Excluding one of these would shut out half of a company's customers.
EVERYBODYS = frozenset(
    "gmail.com googlemail.com mail.ru bk.ru list.ru inbox.ru internet.ru yandex.ru ya.ru yandex.com rambler.ru "
    "outlook.com hotmail.com live.com msn.com yahoo.com icloud.com me.com aol.com gmx.de gmx.net web.de "
    "proton.me protonmail.com vk.com ukr.net mail.com mail.ua i.ua meta.ua tut.by narod.ru lenta.ru ro.ru "
    "autorambler.ru myrambler.ru xmail.ru mac.com privaterelay.appleid.com duck.com fastmail.com zoho.com "
    "tuta.com tutanota.com t-online.de qq.com 163.com 126.com naver.com".split()
)
GOOGLE = ("gmail.com", "googlemail.com")
_EVERYWHERE = frozenset("gmx hotmail outlook yahoo yandex".split())  # have a domain in every country
_DOMAIN = re.compile(r"(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]{1,62}")
_USERNAME = re.compile(r"[A-Za-z]\w{3,31}", re.ASCII)
_TELEGRAM_ID = re.compile(r"[1-9]\d{4,15}", re.ASCII)
# As we write it ourselves, and as people do. "тг 8 916…" without a colon is a telephone on which somebody has Telegram.
_SAID_TO_BE_TELEGRAM = re.compile(
    r"(?:tg://(?:user\?id=|openmessage\?user_id=)"
    r"|(?:telegram|телеграмм?|tg|тг)\s*(?::\s*(?:(?:id|ид)\s*)?|\s(?:id|ид)\s*:?\s*)"
    r"|(?:id|ид)\s*:?\s*)([1-9][0-9]{0,15})",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:https?://)?(?:www\.)?([^\s/:?#@]{1,253})(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)
_MAILBOX = re.compile(r"\S*\s{0,3}@\s{0,3}\S*")
_TELEGRAM_LINK = re.compile(r"(?:https?://)?(?:www\.)?(?:t|telegram)\.me/(?=.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One thing to look for: `kind` is phone, email, domain, telegram or username."""

    kind: str
    value: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.value}"


def parse_pattern(written: str, region: str = "RU") -> Pattern:
    """What an admin means by one line: a phone in any spelling, an e-mail, `@domain`, a Telegram id, `@username`.

    Digits that are said to be a Telegram id (`telegram:777`, `id 777`, "Telegram id 777") are one, whatever
    telephone they would make. Raises Refusal with the reason when it is malformed, or so wide that it would shut
    out strangers by the thousand (a public mail provider, a whole top-level domain, an asterisk); a domain
    written bare or as a link is refused with the spelling that would mean it ("refused-pattern-bare-domain").
    """
    text = written.strip().strip(",;<>").removeprefix("mailto:").removeprefix("tel:").strip()
    if not text:
        raise Refusal("refused-pattern-empty")
    if "*" in text or "%" in text:
        raise Refusal("refused-pattern-wildcard", pattern=text[:100])
    if (at := text.rfind("@")) > 0:
        if (email := parse_email(text)) is None:
            raise Refusal("refused-pattern-email", pattern=text[:100])
        return Pattern("email", mailbox_of(email))
    if at == 0:
        return _domain_or_username(text[1:])
    if link := _TELEGRAM_LINK.match(text):
        return _username(text[link.end() :].strip("/"))
    if said := _SAID_TO_BE_TELEGRAM.fullmatch(text):
        return Pattern("telegram", said[1])
    # A bare number of ten digits and more is first of all a telephone; shorter or unfit, a Telegram id.
    if phone := parse_phone(text, region):
        return Pattern("phone", phone.e164)
    if _TELEGRAM_ID.fullmatch(text):
        return Pattern("telegram", text)
    if domain := _bare_domain(text):
        raise Refusal("refused-pattern-bare-domain", pattern=text[:100], domain=f"@{domain}")
    raise Refusal("refused-pattern-unclear", pattern=text[:100])


def words_beside(pattern: Pattern, written: str, region: str = "RU") -> str:
    """What stands beside the telephone or the e-mail of a line, such as a name; empty where there are no words."""
    rest = ""
    if pattern.kind == "email":
        rest = _MAILBOX.sub(" ", written)
    elif pattern.kind == "phone" and (phone := parse_phone(written, region)) and phone.raw in written:
        rest = written.removeprefix("tel:").replace(phone.raw, " ", 1)
    rest = " ".join(rest.split()).strip(" ,;:.<>()#–—-")
    return rest if any(letter.isalpha() for letter in rest) else ""


def patterns_of(address: Address) -> tuple[str, ...]:
    """The keys under which an address would be excluded."""
    return pattern_keys(address.kind, address.value, address.username)


def pattern_keys(kind: str, value: str, username: str | None) -> tuple[str, ...]:
    """The keys under which an address of this kind and value would be excluded, the narrowest first.

    An e-mail as the mailbox it is delivered to, with its domain and the domains above; one with a tag
    (`anna+shop@…`) also without it (RFC 5233): whoever is kept out of `anna@…` must not come back by adding one.
    """
    keys = [f"{kind}:{value}"]
    if kind == "email" and "@" in value:
        mailbox = mailbox_of(value)
        local, domain = mailbox.rsplit("@", 1)
        name, tag, _ = local.partition("+")
        if mailbox != value:
            keys.append(f"email:{mailbox}")
        if name and tag:
            keys.append(f"email:{name}@{domain}")
        labels = value.rsplit("@", 1)[1].split(".")
        keys += [f"domain:{'.'.join(labels[i:])}" for i in range(len(labels) - 1)][:8]
    if username:
        keys.append(f"username:{username.lower()}")
    return tuple(keys)


def mailbox_of(email: str) -> str:
    """The one spelling of those that are delivered to the same mailbox: Google takes no account of dots.

    https://support.google.com/mail/answer/7436150
    """
    local, domain = email.rsplit("@", 1)
    if domain not in GOOGLE:
        return email
    name, plus, tag = local.partition("+")
    return f"{name.replace('.', '')}{plus}{tag}@{GOOGLE[0]}"


def _domain_or_username(text: str) -> Pattern:
    if "." not in text:
        return _username(text)
    domain = _ascii(text.lower().rstrip("."))
    if not _DOMAIN.fullmatch(domain):
        raise Refusal("refused-pattern-domain", pattern=text[:100])
    name, _, above = domain.partition(".")
    is_top = "." not in above
    is_of_a_country = is_top or above.split(".")[0] in _SECOND_LEVEL
    if (
        domain in EVERYBODYS
        or (name in _SECOND_LEVEL and is_top)
        or (name in _EVERYWHERE and is_of_a_country)
    ):
        raise Refusal("refused-pattern-wide", pattern=domain)
    return Pattern("domain", domain)


_SECOND_LEVEL = frozenset(("co", "com", "org", "net", "gov", "ac", "edu", "msk", "spb"))


def _bare_domain(text: str) -> str | None:
    """The domain in `example.net` or a link to one of its pages, if it may be excluded."""
    link = _LINK.fullmatch(text)
    if link is None or "." not in link[1]:
        return None
    try:
        return _domain_or_username(link[1]).value
    except Refusal:
        return None


def _ascii(domain: str) -> str:
    """The form in which addresses are kept: `почта.рф` is `xn--80a1acny.xn--p1ai` in every key."""
    if domain.isascii():
        return domain
    import idna  # its tables take a moment to load, and hardly anybody needs them

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def _username(text: str) -> Pattern:
    if not _USERNAME.fullmatch(text):
        raise Refusal("refused-pattern-username", pattern=text[:100])
    return Pattern("username", text.lower())
