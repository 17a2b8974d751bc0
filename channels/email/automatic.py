"""Whether a machine wrote a letter: then it is kept and never answered, and opens no lead.

The rules come from RFC 3834 (automatic responses), RFC 2919 and 2369 (lists), Microsoft's MS-OXCMAIL
(X-Auto-Response-Suppress) and from what helpdesks have met in practice. A person must not be taken for a
machine: `Auto-Submitted: no` is a person, so is a letter a person had forwarded automatically, and subjects
are believed only where they are the very words that programs write.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from channels.email.addresses import find_address
from channels.email.headers import Headers


class LetterKind(StrEnum):
    """What a letter is."""

    MESSAGE = "message"
    BOUNCE = "bounce"
    AUTO_REPLY = "auto_reply"
    LIST = "list"
    REPORT = "report"  # delivered, read, complained about: nothing that failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a letter is and why. `automatic` means: never answer."""

    kind: LetterKind
    automatic: bool
    why: str


PERSON = Verdict(LetterKind.MESSAGE, False, "")


def judge(
    headers: Headers, sender: str | None, subject: str, our_addresses: AbstractSet[str], *, answerable: bool
) -> Verdict:
    """Whether this letter, which is no report, comes from a person.

    `sender` is the address in From; `answerable` says that another address, a person's, is given in Reply-To,
    as site forms do that send from a no-reply address. Headers count before addresses, addresses before
    subjects.
    """
    if sender is not None and sender in our_addresses and not answerable:
        return _machine(LetterKind.MESSAGE, "we wrote it ourselves")
    for check in (_by_auto_submitted, _by_responder_headers):
        if verdict := check(headers):
            return verdict
    if not _is_our_list(headers, our_addresses) and (verdict := _by_list_headers(headers)):
        return verdict
    if headers.get("return-path").replace(" ", "") == "<>":
        return _machine(LetterKind.AUTO_REPLY, "its envelope sender is empty")
    if sender is not None and not answerable and is_no_reply(sender):
        return _machine(LetterKind.MESSAGE, "its sender takes no answers")
    if is_automatic_subject(subject):
        return _machine(LetterKind.AUTO_REPLY, "its subject is that of an automatic reply")
    if _CALENDAR_ANSWER.search(headers.get("content-type")):
        return _machine(LetterKind.AUTO_REPLY, "it answers an invitation")
    return PERSON


def is_no_reply(address: str) -> bool:
    """Whether an address says that nobody reads what is sent to it."""
    return _NO_REPLY.fullmatch(address.partition("@")[0]) is not None


def is_automatic_subject(subject: str) -> bool:
    """Whether a subject begins as those of automatic replies do; an answer to one ("Re: …") is a person's."""
    return _SUBJECT.match(subject) is not None


def _by_auto_submitted(headers: Headers) -> Verdict | None:
    for value in headers.all("auto-submitted"):
        word = re.split(r"[\s;(]", value.strip().lower(), maxsplit=1)[0]
        if word in ("", "no", "auto-forwarded"):
            continue
        return _machine(LetterKind.AUTO_REPLY, f"Auto-Submitted: {word[:40]}")
    return None


def _by_responder_headers(headers: Headers) -> Verdict | None:
    for name in _RESPONDER_HEADERS:
        value = headers.get(name).strip().lower()
        if value and value not in ("no", "false", "0", "none"):
            return _machine(LetterKind.AUTO_REPLY, f"it has {name}")
    suppress = {word.strip() for word in headers.get("x-auto-response-suppress").lower().split(",")}
    if suppress & {"all", "autoreply", "oof", "dr"}:
        return _machine(LetterKind.AUTO_REPLY, "it has x-auto-response-suppress")
    precedence = headers.get("precedence").strip().lower()
    if precedence in ("auto_reply", "auto-reply", "autoreply"):
        return _machine(LetterKind.AUTO_REPLY, "Precedence: auto_reply")
    if find_address(headers.get("delivered-to")) == "autoresponder":
        return _machine(LetterKind.AUTO_REPLY, "it was delivered by an autoresponder")
    return None


def _by_list_headers(headers: Headers) -> Verdict | None:
    for name in _LIST_HEADERS:
        if name in headers:
            return _machine(LetterKind.LIST, f"it has {name}")
    precedence = headers.get("precedence").strip().lower()
    if precedence in ("bulk", "list", "junk"):
        return _machine(LetterKind.LIST, f"Precedence: {precedence}")
    return None


def _is_our_list(headers: Headers, our_addresses: AbstractSet[str]) -> bool:
    """Whether the list is ours: a company's info@ is often a group that hands every customer's letter on."""
    if not our_addresses:
        return False
    named = [find_address(headers.get(name)) for name in ("list-post", "mailing-list", "x-google-group-id")]
    if any(address in our_addresses for address in named if address):
        return True
    identity = re.search(r"<([^<>\s]+)>", headers.get("list-id"))
    return identity is not None and any(
        address.replace("@", ".") == identity[1].lower() for address in our_addresses
    )


def _machine(kind: LetterKind, why: str) -> Verdict:
    return Verdict(kind, True, why)


_RESPONDER_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-auto-reply-from",
    "x-autogenerated",
    "x-mail-autoreply",
    "x-autoreply-from",
    "x-vacation",
    "x-facebook-notify",
    "x-loop",
    "x-cron-env",
    "x-ebay-mailtracker",
)
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "mailing-list",
    "x-mailing-list",
    "list-unsubscribe-post",
    "x-mailman-version",
    "x-csa-complaints",
)
_CALENDAR_ANSWER = re.compile(
    r"text/calendar\b.{0,200}\bmethod\s*=\s*\"?(?:reply|counter|declinecounter)", re.I | re.S
)
_NO_REPLY = re.compile(
    r"(?:[^@]{1,40}[-_.+])?(?:no|not|do-?_?\.?not|dont|never)[-_.]?(?:reply|respond|answer|"
    r"response)(?:[-_.+\d][^@]{0,60})?"
    r"|(?:mailer[-_.]?daemon|postmaster|daemon|bounces?|autoreply|auto-reply|autoresponder|auto-responder|"
    r"listserv|"
    r"majordomo|mailman|nobody|nao-?responda|ne-?otvechat|neotvechay|notifications?|"
    r"mail-noreply)(?:[-_.+=\d][^@]{0,80})?",
    re.IGNORECASE,
)
# The words with which programs begin the subject of an automatic reply. A person who answers keeps them
# behind
# "Re:", and a person who tells of a holiday in their own words does not use these.
_SUBJECT = re.compile(
    r"\s*(?:\[(?:auto|автоответ)[^\]]{0,40}\]|auto(?:matic)?[\s-]?(?:reply|response|answer)\b|"
    r"auto(?:mated)?[\s-](?:reply|response)\b|"
    r"auto:\s|autoreply\b|out[\s-]of[\s-](?:the[\s-])?office(?:\s(?:auto)?reply)?\s*(?:[:\-–—]|$|auto)|"
    r"ooo\s?:|vacation (?:reply|response|notice)\b|"
    r"away from (?:my )?(?:mail|office)\s*(?:[:\-–—]|$)|"
    r"автоответ(?:чик)?\s*(?:[:\-–—(]|$)|авто-?ответ\b|автоматический ответ\b|"
    r"автоматическое (?:уведомление|сообщение) об отсутствии|"
    r"(?:нет|отсутствие|отсутствую) на (?:работе|рабочем месте|месте)\s*(?::|$)|вне офиса\s*(?::|$)|"
    r"автовідповідь\b|автоматична відповідь\b|"
    r"automatische (?:antwort|antw|abwesenheit)|abwesenheitsnotiz\b|abwesenheits(?:meldung|nachricht|"
    r"assistent)|abwesend\s*:|autom\. antwort|"
    r"réponse automatique\b|reponse automatique\b|absence du bureau\b|message d'absence|"
    r"respuesta automática\b|respuesta automatica\b|fuera de (?:la )?oficina\b|"
    r"resposta automática\b|resposta automatica\b|ausência (?:temporária|do escritório)|"
    r"risposta automatica\b|fuori (?:sede|ufficio)\s*(?::|$)|"
    r"automatisch antwoord\b|automatische reactie\b|afwezigheidsbericht|afwezig\s*:|"
    r"autosvar\b|automatiskt svar\b|automatisk svar\b|automatisk besvarelse|frånvarande\s*:|fraværende\s*:|"
    r"automaattinen vastaus\b|poissaoloviesti|odpowiedź automatyczna\b|autoodpowiedź\b|nieobecność\s*:|"
    r"automatická odpověď\b|automatická odpoveď\b|automatikus válasz\b|răspuns automat\b|otomatik yanıt\b|"
    r"自动回复|自動回覆|自動返信|自動応答|자동 회신)",
    re.IGNORECASE,
)
