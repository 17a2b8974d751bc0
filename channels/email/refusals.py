"""What a mail server's "no" means for a letter: not now, never, not to this address, not from us. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum

from channels.email.bounce_reasons import classify
from core.channel import Cause, Outcome, Postponed, Refused


class Stage(StrEnum):
    """At what point of the conversation it was said."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    COPY = "copy"  # somebody in Cc
    CONTENT = "content"


def outcome_of(stage: Stage, code: int, said: str) -> Outcome:
    """What a reply that is no "250" makes of the letter.

    4xx is "not yet" (RFC 5321, section 4.2.1), 5xx is final. An address that is dead closes its
    conversation, so only what names the person's own mailbox counts as that: a dead address in Cc, a letter
    that looks like spam or a full mailbox does not. A sender that is refused is a fault of our settings,
    and nothing of this account goes out.
    """
    reason = f"{code} {said}"[:400]
    if code < 500:
        busy = code == 421 or _SLOW_DOWN.search(said) is not None
        return Postponed(reason, timedelta(minutes=1) if busy else None, whole_account=busy)
    status, is_dead = classify("", reason, delayed=False)
    if status in ("5.3.4", "5.2.3") or (code == 552 and not _FULL.search(said)):
        return Refused(Cause.TOO_LARGE, reason)
    if stage is Stage.SENDER or code in (530, 535, 538):
        return Refused(Cause.ACCOUNT, reason)
    if is_dead and stage is not Stage.COPY:
        return Refused(Cause.DEACTIVATED if status == "5.2.1" else Cause.NOT_FOUND, reason)
    return Refused(Cause.MALFORMED, reason)


# RFC 5321 has one code for a letter that is too large and for a mailbox that is full.
_FULL = re.compile(r"\b5\.2\.2\b|mailbox|quota|storage", re.IGNORECASE)
# "Too much from you", as against "try this one again": Gmail's 4.7.0 and 4.7.28, Yandex, Exchange and others.
_SLOW_DOWN = re.compile(r"\b4\.7\.(?:0|28)\b|rate|too many|limit exceeded|quota", re.IGNORECASE)
