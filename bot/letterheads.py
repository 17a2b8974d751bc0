"""The first lines of a manager's letter that are meant for its head: `Тема: …`, `Копия: …`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from core.channel import Span
from core.contacts.emails import emails_in
from core.errors import Refusal
from core.leads.answering import Draft

LONGEST_SUBJECT = 250  # characters; beyond it mail programs show nothing
COPIES = 10  # people in Cc of one letter

_LINE = re.compile(r"[ \t]{0,20}(тема|subject|копия|copy|cc)[ \t]{0,5}:([^\n]*)(?:\n|\Z)", re.IGNORECASE)
_BLANK = re.compile(r"[ \t]*(?:\n|\Z)")
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What a manager wants above a letter: None and () leave it as it is."""

    subject: str | None = None
    copies: tuple[str, ...] = ()


def with_letterhead(draft: Draft, chosen: Letterhead) -> Draft:
    """The draft as a letter: head lines at the beginning of its text become subject and Cc, and leave the text.

    A line counts before what was `chosen` by button; copies add up. Raises Refusal as `read_subject` and
    `read_copies` do.
    """
    subject, copies, start = chosen.subject, chosen.copies, 0
    while found := _LINE.match(draft.text, start):
        if found[1].lower() in ("тема", "subject"):
            subject = read_subject(found[2])
        else:
            copies = joined(copies, read_copies(found[2]))
        start = found.end()
    while start and start < len(draft.text) and (blank := _BLANK.match(draft.text, start)):
        start = blank.end()
    return replace(
        draft, text=draft.text[start:], spans=_moved(draft.spans, start), subject=subject, cc=copies
    )


def read_subject(written: str) -> str:
    """A subject as a manager has written it, on one line and without what nobody can see.

    Raises Refusal ("refused-subject") when nothing is left, or too much.
    """
    subject = " ".join(_UNWANTED.sub(" ", written).split())
    if not subject or len(subject) > LONGEST_SUBJECT:
        raise Refusal("refused-subject", limit=LONGEST_SUBJECT)
    return subject


def read_copies(written: str) -> tuple[str, ...]:
    """The addresses of a Cc line, divided by commas, semicolons or lines, with or without names.

    Raises Refusal naming what is no address ("refused-copy"), or when there are none or too many.
    """
    copies: tuple[str, ...] = ()
    pieces = [piece.strip() for piece in re.split(r"[,;\n]", written)]
    if not any(pieces):
        raise Refusal("refused-copy", written="…")
    for piece in pieces:
        emails = emails_in(piece)
        if piece and (not emails or len(emails) != piece.count("@")):
            raise Refusal("refused-copy", written=" ".join(_UNWANTED.sub(" ", piece).split())[:100])
        copies = joined(copies, emails)
    return copies


def joined(copies: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Both, each once. Raises Refusal ("refused-copies-many")."""
    together = tuple(dict.fromkeys((*copies, *more)))
    if len(together) > COPIES:
        raise Refusal("refused-copies-many", limit=COPIES)
    return together


def _moved(spans: tuple[Span, ...], start: int) -> tuple[Span, ...]:
    """The marks of what is left, where they stand now."""
    moved = []
    for span in spans:
        begin, end = max(span.offset - start, 0), span.offset + span.length - start
        if end > begin:
            moved.append(replace(span, offset=begin, length=end - begin))
    return tuple(moved)
