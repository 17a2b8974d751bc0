"""From the words of a mail server to a status of RFC 3463, and whether the address is dead.

Servers give a status, an SMTP code, or prose, and often a general status beside telling words ("5.0.0 … no
such user"). The most particular of them counts.
"""

from __future__ import annotations

import re

SAMPLE = 4000  # characters of prose in which a reason is sought


def classify(status: str, diagnostic: str, *, delayed: bool, prose: str = "") -> tuple[str, bool]:
    """The status as `5.1.1`, and whether the address is dead and must not be tried again.

    `status` is the Status field, perhaps empty or malformed; `diagnostic` is what the receiving server said;
    `prose` is the report around it, used only when the diagnostic says nothing; `delayed` makes the status
    temporary. A full mailbox, a refusal for the look of a letter, a silent server: none of these is the end
    of an address.
    """
    diagnostic, prose = " ".join(diagnostic[:SAMPLE].split()), " ".join(prose[:SAMPLE].split())
    said = _STATUS.search(status)
    in_diagnostic = _particular(diagnostic)
    code = _CODE.search(diagnostic) or _CODE.search(prose)
    reason = _reason(diagnostic) or _reason(prose)
    group = "4" if delayed else said[1] if said else in_diagnostic[0] if in_diagnostic else ""
    if not group:
        general = _STATUS.search(diagnostic)
        group = general[1] if general else code[1] if code else _group_of(reason)
    general = _STATUS.search(diagnostic)
    if in_diagnostic:  # what their server said is nearer than what ours made of it
        result = in_diagnostic
    elif said and not _is_general(said[0]):
        result = said[0]
    elif stated := said or general:
        result = stated[0]
    elif reason:
        result = f"{group}.{reason.detail}"
    elif code:
        result = _BY_CODE.get(code[0][:3], f"{code[1]}.0.0")
    else:
        result = f"{group}.0.0"
    if delayed and result.startswith("5"):
        result = "4" + result[1:]
    return result, _is_dead(result, reason)


def _is_dead(status: str, reason: Reason | None) -> bool:
    if not status.startswith("5"):
        return False
    if reason is not None:
        return reason.dead
    return status in _DEAD


# 5.1.1 no such mailbox, 5.1.2 no such domain, 5.1.3 bad syntax, 5.1.6 moved, 5.1.10 no MX.
_DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d|\d)")
_CODE = re.compile(
    r"(?<![\d.#:/-])([45])\d\d(?=[ \t-]|$)(?![ \t]?(?:bytes|kb|mb|sec|min|hours|times))", re.IGNORECASE
)


class Reason:
    """One kind of refusal: the detail of its status, whether the address is dead, the words that tell it."""

    __slots__ = ("dead", "detail", "group", "words")

    def __init__(self, detail: str, words: str, dead: bool = False, group: str = "5") -> None:
        self.detail = detail
        self.dead = dead
        self.group = group
        self.words = re.compile(words, re.IGNORECASE)


# The first that matches counts: the particular before the general.
_REASONS = (
    # "Access denied" would be policy; said of the recipient it is how Microsoft refuses unknown ones.
    Reason(
        "1.1",
        r"recipient address rejected(?:\W{1,3}access denied|\W{0,3}$|\.\s)|invalid final delivery userid|"
        r"(?:unknown user|user unknown|no such user)\b",
        dead=True,
    ),
    Reason(
        "2.2",
        r"(?:mail)?box (?:is |has )?(?:been )?(?:full|exceed)|mailbox (?:size|quota)|over.?quota|"
        r"quota (?:exceeded|violation|has been)|exceeds? (?:.{0,30})quota|"
        r"not enough (?:storage|disk) space|insufficient (?:system )?storage|disk quota|storage limit|"
        r"out of storage|mailfolder is full|inbox is full|"
        r"ящик (?:пользователя )?(?:переполнен|заполнен)|превышен[аы]? квот|нет места",
    ),
    Reason(
        "3.4",
        r"message (?:size|is too large|too (?:big|large)|exceeds)|size limit|too large|too big|"
        r"exceeds? (?:the )?(?:max|fixed|size)|larger than|"
        r"слишком больш|превышает (?:максимальный|допустимый) размер",
    ),
    Reason(
        "1.6",
        r"(?:has|have) moved|no longer (?:at this|on this|works)|mailbox (?:has )?moved|"
        r"address has changed|has been replaced",
        dead=True,
    ),
    Reason(
        "2.1",
        r"(?:mailbox|account|user|recipient|address)\b.{0,40}\b(?:disabled|suspended|deactivated|inactive|"
        r"locked|blocked|frozen|discontinued)|"
        r"(?:disabled|suspended|inactive) (?:mailbox|account|user|recipient)|not accepting (?:mail|"
        r"messages)|mailbox currently|"
        r"(?:ящик|учётная запись|аккаунт)\b.{0,30}(?:заблокирован|отключ|приостановлен)|"
        r"account.{0,30}not (?:been )?activ",
    ),
    Reason(
        "7.25",
        r"\bPTR\b|reverse dns|rdns|reverse lookup|no matches to nameserver query|"
        r"cannot find your (?:reverse )?hostname",
    ),
    Reason(
        "7.1",
        r"spam(?!\w*@)|\bdnsbl\b|\brbl\b|spamhaus|black.?list|block.?list|blocklisted|blocked (?:using|by|"
        r"for|because)|has been blocked|is blocked|your (?:ip|host|message|email|e-mail) (?:has been |was |"
        r"is )?"
        r"(?:blocked|rejected|redundant)|reputation|\bdmarc\b|\bspf\b|\bdkim\b|virus|malware|policy|"
        r"not (?:allowed|authori[sz]ed|permitted)|unsolicited|access denied|permission denied|"
        r"relay(?:ing)? (?:access )?(?:denied|not)|unable to relay|cannot relay|do not relay|"
        r"content (?:rejected|filter)|client host|спам|заблокирован|отклонено политикой",
    ),
    Reason(
        "1.2",
        r"host (?:or domain name )?(?:is )?(?:unknown|not found)|unknown (?:host|domain)|"
        r"domain (?:name )?(?:not found|does not exist|.{0,60}not found)|name service error|"
        r"no such (?:host|domain)|"
        r"nxdomain|couldn't find any host|cannot find (?:a )?(?:host|mail)|unrouteable mail domain|"
        r"unrouteable|all relevant mx|no mx|not a valid domain|domain .{0,60}(?:does ?n.t exist|"
        r"couldn.t be found)|"
        r"домен(?: получателя)? не (?:существует|найден)",
        dead=True,
    ),
    Reason(
        "1.1",
        r"user (?:is )?(?:unknown|not (?:found|known|exist)|does ?n.t exist|doesn't)|unknown (?:user|local|"
        r"recipient|address|mailbox|account)|no (?:such )?(?:user|mailbox|recipient|account|address)\b|"
        r"(?:recipient|address|mailbox|account|user|alias)(?:\W{1,3}\S{1,100})?\W{1,3}(?:address )?(?:is |"
        r"was |does |has |do |could )?(?:not|n't) ?(?:been )?(?:be )?(?:found|exist|known|valid|listed|"
        r"registered|in domino|unavailable)|"
        r"(?:does|did) ?n[o']?t (?:have (?:an?|this) .{0,40}(?:account|mailbox)|exist|match)|doesn't exist|"
        r"invalid (?:recipient|mailbox|address|user)|bad (?:destination )?(?:mailbox|address)|"
        r"not a (?:valid|known) (?:user|mailbox|recipient|address)|"
        r"recipient (?:address )?(?:rejected: (?:user|undeliverable|unknown)|unknown|not found)|"
        r"address (?:error|not found|rejected: user)|undeliverable address|not listed in|"
        r"mailbox (?:not found|unavailable|unknown|does)|no mailbox here|isn't (?:a )?(?:local|known)|"
        r"no account by that name|this user doesn.t have|"
        r"account (?:that you tried to reach )?does not exist|"
        r"e-?mail address (?:you entered )?(?:could ?n.t|could not|was not) be found|wasn't found at|"
        r"destination user not known|person at this address|"
        r"не существует|нет такого|не найден|пользовател[ья] .{0,40}не (?:существует|найден|"
        r"зарегистрирован)|неверный адрес|несуществующ|"
        r"recipient.{0,40}unknown|unbekannt|n'existe pas|no existe|non esiste|nie istnieje|"
        r"宛先不明|存在しません",
        dead=True,
    ),
    Reason(
        "1.3",
        r"syntax (?:error|of).{0,40}address|address syntax|malformed address|invalid address format",
        dead=True,
    ),
    Reason(
        "4.7",
        r"(?:delivery|message|retry) (?:time|timeout).{0,20}(?:exceeded|expired|too long)|(?:timed|"
        r"time) out|retry time|expired|too long|in queue|undelivered for|gave up|giving up|given up|"
        r"has not been (?:delivered|collected)|"
        r"still (?:being|in the queue)|will (?:be retried|keep trying|continue)|delayed|истекло|истёк|задерж",
        group="4",
    ),
    Reason("4.6", r"loop(?:s|ing| detected| counter)?\b|too many hops|hop count|routing loop"),
    Reason(
        "4.1",
        r"connection (?:refused|timed|reset|was|died|dropped|lost)|connect(?:ed)? to .{0,60}(?:failed|"
        r"refused|timed)|could(?:n't| not) connect|no route|unreachable|network (?:error|is)|"
        r"host .{0,40}(?:down|not respond)|"
        r"no (?:answer|response) from|unable to (?:connect|contact)|lost connection|deferred",
        group="4",
    ),
    Reason(
        "6.0",
        r"(?:invalid|bad|illegal|malformed) (?:header|message|content|mime)|bare (?:lf|cr)|content error|"
        r"conversion",
    ),
)
# What a bare SMTP code says, when neither a status nor words help (RFC 5321 section 4.2.3).
_BY_CODE = {
    "421": "4.3.2",
    "450": "4.2.0",
    "451": "4.3.0",
    "452": "4.3.1",
    "550": "5.1.0",
    "551": "5.1.6",
    "552": "5.2.2",
    "553": "5.1.3",
    "554": "5.0.0",
    "556": "5.1.10",
}


def _reason(text: str) -> Reason | None:
    return next((reason for reason in _REASONS if text and reason.words.search(text)), None)


def _group_of(reason: Reason | None) -> str:
    return reason.group if reason else "5"


def _is_general(status: str) -> bool:
    _, subject, detail = status.split(".")
    return subject == "0" or (detail == "0" and subject in ("0", "1", "3", "4", "5"))


def _particular(text: str) -> str | None:
    """The first status in a text that says more than "it failed"."""
    for found in _STATUS.finditer(text):
        if not _is_general(found[0]):
            return found[0]
    return None
