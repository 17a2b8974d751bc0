"""What a mail server reports about a letter of ours: not delivered, delayed, delivered, read, complained
about.

Half of the servers send the form of RFC 3464, which says everything; the others write prose. Of both is
taken: which addresses, the status of RFC 3463 (from the SMTP reply or the words where none is given), whether
the address is dead, and the Message-ID of the letter that came back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from channels.email import bounce_patterns as patterns
from channels.email.addresses import find_address, is_address, read_addresses
from channels.email.automatic import LetterKind
from channels.email.bounce_reasons import classify
from channels.email.charset import clean_text, decode
from channels.email.headers import Headers, read_headers, read_ids
from channels.email.mime import Part
from core.channel import Bounce

RECIPIENTS = 50  # of one report
STATUS = 1 << 17  # bytes of the machine-readable part that are read
PROSE = 1 << 16  # characters of the prose


@dataclass(frozen=True, slots=True)
class Report:
    """`kind` is BOUNCE with `bounce`, or REPORT for everything that is no failure."""

    kind: LetterKind
    bounce: Bounce | None


def read_report(root: Part, sender: str | None, text: str) -> Report | None:
    """What this letter reports, or None when it is no report.

    `sender` is the address in From, `text` the whole readable text. A delayed letter is a bounce whose status
    begins with 4 and which is not permanent; permanent is only what says that the address itself is dead, for
    that alone is a reason not to write to it again. Never raises.
    """
    parts = list(root.walk())
    types = {part.media_type for part in parts}
    report_type = root.parameters.get("report-type", "").lower()
    if types & _COMPLAINTS or report_type == "feedback-report" or _is_complaint(root, types):
        return Report(LetterKind.REPORT, None)
    text = text[:PROSE]
    groups = [
        group for part in parts if part.media_type in _STATUSES for group in _groups(part.beginning(STATUS))
    ]
    if not groups and (len(parts) > 1 or "ecipient:" in text):
        groups = _unlabelled_groups(parts)
    recipients = _from_groups([group for group in groups if _action(group) not in _HARMLESS], text)
    actions = {_action(group) for group in groups} - {""}
    if actions and actions <= _HARMLESS:
        return Report(LetterKind.REPORT, None)
    if not recipients:
        if types & _READ or report_type == "disposition-notification":
            return Report(LetterKind.REPORT, None)
        if (
            report_type != "delivery-status"
            and not (types & _STATUSES)
            and not _is_prose_bounce(root, sender, text)
        ):
            return None
        recipients = _from_prose(root, text)
    return Report(LetterKind.BOUNCE, Bounce(tuple(recipients[:RECIPIENTS]), _original_id(root, parts)))


_STATUSES = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/xdelivery-status"}
)
_READ = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_COMPLAINTS = frozenset({"message/feedback-report"})
_HARMLESS = frozenset({"delivered", "relayed", "expanded", "deliverable"})
_FIELDS = re.compile(
    rb"^(?:Reporting-MTA|Final-Recipient|Original-Recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE
)


def _is_complaint(root: Part, types: set[str]) -> bool:
    """Outlook.com's form of the feedback report (RFC 5965), which says so only in its subject."""
    subject = root.headers.text("subject")
    return (
        "message/rfc822" in types
        and re.match(r"complaint about message from [\d.:a-f]+$", subject) is not None
    )


def _unlabelled_groups(parts: list[Part]) -> list[Headers]:
    """The same fields in a part of another type, or in the text itself."""
    for part in parts:
        if (
            part.multipart
            or part.media_type == "text/html"
            or not part.media_type.startswith(("text/", "message/"))
        ):
            continue
        data = part.beginning(STATUS)
        if b"ecipient" in data and (fields := _FIELDS.search(data)):
            groups = list(_groups(data[fields.start() :]))
            if any(_recipient(group) and "action" in group for group in groups):
                return groups
    return []


def _groups(data: bytes) -> Iterator[Headers]:
    """The groups of fields of a delivery status (RFC 3464 section 2.1): one for the letter, one per
    recipient.
    """
    position = 0
    for _ in range(4 * RECIPIENTS):
        while position < len(data) and data[position : position + 1] in (b"\r", b"\n"):
            position += 1
        if position >= len(data):
            return
        headers, after = read_headers(data, position, len(data))
        if after <= position:
            skipped = data.find(b"\n", position)
            if skipped < 0:
                return
            after = skipped + 1
        position = after
        yield headers


def _from_groups(groups: list[Headers], text: str) -> list[tuple[str, str, bool]]:
    found: dict[str, tuple[str, str, bool]] = {}
    for group in groups:
        address = _recipient(group)
        if address is None:
            continue
        action = _action(group)
        diagnostic = " ".join([group.get("diagnostic-code"), group.get("x-display-reason")]).strip()
        status = group.get("status")
        status_text, permanent = classify(
            status, diagnostic or _around(text, address), delayed=action.startswith("delay"), prose=text
        )
        found.setdefault(address, (address, status_text, permanent))
    return list(found.values())


def _action(group: Headers) -> str:
    return re.split(r"[;\s(]", group.get("action").strip().lower(), maxsplit=1)[0]


def _recipient(group: Headers) -> str | None:
    """The address we wrote to: the original one where a forwarding server names both."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = clean_text(group.get(name)).rpartition(";")[2].strip(" \t<>\"'").lower()
        if value and "@" in value:
            return value if is_address(value) else find_address(value)
    return None


# --- prose ---------------------------------------------------------------------------------------


def _is_prose_bounce(root: Part, sender: str | None, text: str) -> bool:
    """Two signs of three decide: who sends it, what its subject says, what its first lines say."""
    headers = root.headers
    if "x-failed-recipients" in headers:
        return True
    local = (sender or "").partition("@")[0]
    if not local and headers.raw("from") is not None:
        local = headers.text("from").lower()
    empty = headers.get("return-path").replace(" ", "") == "<>"
    daemon = (
        bool(patterns.DAEMON.search(local) or patterns.DAEMON.search(headers.text("from")))
        or "arrival-date" in headers
    )
    written = headers.text("subject")
    if patterns.SURE_SUBJECT.match(written):
        return True
    machine = daemon or empty or root.media_type == "multipart/report"
    subject = patterns.SUBJECT.search(written) is not None
    if not machine and not subject:
        return False
    words = patterns.PROSE.search(text[:4000]) is not None
    return (machine and (subject or words)) or (words and patterns.REPLY.search(text) is not None)


def _from_prose(root: Part, text: str) -> list[tuple[str, str, bool]]:
    headers = root.headers
    copy = patterns.COPY.search(text)
    told = text[: copy.start()] if copy and copy.start() > 0 else text
    subject = headers.text("subject")
    ours = {
        mailbox.address
        for name in ("to", "from", "delivered-to")
        for mailbox in read_addresses(headers.get(name))
    }
    failed = [box.address for value in headers.all("x-failed-recipients") for box in read_addresses(value)]
    places: dict[str, int] = {}
    for found in patterns.NAMED.finditer(told):
        address = found[1].strip(".").lower()
        if (address not in ours or found[0].rstrip().endswith(">:")) and len(places) < RECIPIENTS:
            places.setdefault(address, found.start())
    if failed:
        places = {address: max(0, told.lower().find(address)) for address in failed[:RECIPIENTS]}
    if not places:
        named = [
            (match[0].strip(".").lower(), match.start())
            for match in islice(patterns.WITHIN.finditer(told), 50)
        ]
        # We may have written to ourselves; a mail server rarely names its own address in its text.
        for address, start in [entry for entry in named if entry[0] not in ours] or named:
            places[address] = start
            break
    delayed = bool(
        patterns.DELAYED.search(subject) or patterns.DELAYED.search(told[:3000])
    ) and not patterns.FINAL.search(told)
    ordered = sorted(places.items(), key=lambda entry: entry[1])
    result = []
    for number, (address, start) in enumerate(ordered):
        end = ordered[number + 1][1] if number + 1 < len(ordered) else len(told)
        status, permanent = classify("", told[start:end], delayed=delayed, prose=subject + "\n" + told)
        result.append((address, status, permanent))
    if not result:
        status, permanent = classify("", told, delayed=delayed, prose=subject)
        mailbox = next(iter(_returned_to(root, text)), None)
        result.append((mailbox or "", status, permanent if mailbox else False))
    return result


def _around(text: str, address: str) -> str:
    place = text.lower().find(address)
    return text[max(0, place - 100) : place + 600] if place >= 0 else ""


# --- the letter that came back -------------------------------------------------------------------


def _returned(root: Part, parts: list[Part]) -> Headers | None:
    for part in parts:
        if part.message is not None:
            return part.message.headers
        if part.media_type in (
            "text/rfc822-headers",
            "message/global-headers",
            "message/rfc822",
            "text/rfc822",
        ):
            data = part.beginning(STATUS)
            return read_headers(data, 0, len(data))[0]
    for part in parts[1:]:
        if (
            part.media_type == "text/plain"
            and part is not root.parts[0]
            and not part.headers.raw("content-type")
        ):
            return part.headers if "message-id" in part.headers else None
    return None


def _original_id(root: Part, parts: list[Part]) -> str | None:
    returned = _returned(root, parts)
    if returned is not None and (ids := read_ids(returned.get("message-id"))):
        return ids[0]
    for part in parts:
        if part.media_type in _STATUSES or (part.media_type.startswith("text/") and not part.multipart):
            prose = decode(part.beginning(STATUS), part.parameters.get("charset"))
            copy = patterns.COPY.search(prose)
            named = patterns.MESSAGE_ID.search(
                prose, copy.start() if copy else 0
            ) or patterns.MESSAGE_ID.search(prose)
            if named:
                return next(iter(read_ids(named[1])), None)
    for name in ("x-original-message-id", "in-reply-to", "references"):
        if ids := read_ids(root.headers.get(name)):
            return ids[-1]
    return None


def _returned_to(root: Part, text: str) -> list[str]:
    """Whom the returned letter was for, when the report itself names nobody."""
    returned = _returned(root, list(root.walk()))
    if returned is not None:
        return [mailbox.address for mailbox in read_addresses(returned.get("to"))]
    copy = patterns.COPY.search(text)
    line = re.search(
        r"^To: ([^\n]{3,300})", text[copy.start() :] if copy else "", re.IGNORECASE | re.MULTILINE
    )
    return [mailbox.address for mailbox in read_addresses(line[1])] if line else []
