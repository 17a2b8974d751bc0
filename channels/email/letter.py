"""One letter, read: its headers, what it says, what is attached. What it means is decided in `inbound.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.email.addresses import Mailbox, read_addresses
from channels.email.attachments import Attachment, read_attachments
from channels.email.charset import decode
from channels.email.headers import Headers
from channels.email.mime import Budget, Part, read_part
from channels.email.quoting import is_forward, new_text
from channels.email.text import Line, join, read_html, read_plain

WHOLE_TEXT = 500_000  # characters of readable text that are kept
FIELDS = 20  # headers of one name whose addresses are read; RFC 5322 section 3.6 allows one
BODIES = 50  # text parts that are joined into one text


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands in a letter. Texts are clean: no NUL, no lone surrogate, subjects and names on one line."""

    root: Part = field(repr=False)
    subject: str
    whole_text: (
        str  # everything readable, quotes included; of a forwarded letter, whichever form it stands in
    )
    new_text: str  # what its sender wrote now; empty when that is nothing
    attachments: tuple[Attachment, ...]
    omitted: int  # parts and files beyond the limits, which stay in the raw letter only

    @property
    def headers(self) -> Headers:
        return self.root.headers

    def mailboxes(self, name: str) -> list[Mailbox]:
        """The mailboxes of the headers called `name` (lower case), in order; of more than `FIELDS`, the first."""
        values = self.headers.all(name)[:FIELDS]
        return [mailbox for value in values for mailbox in read_addresses(value)]


def read_letter(raw: bytes) -> Letter:
    """Read a letter from its bytes. Time and memory are linear in them; broken letters are read as far as
    they go.
    """
    if b"\n" not in raw and b"\r" in raw:  # line ends of old Macs
        raw = raw.replace(b"\r", b"\n")
    budget = Budget()
    root = read_part(raw, budget)
    texts, files = _sort(root)
    subject = root.headers.text("subject")
    lines = [line for text in texts for line in _lines(text)]
    forwarded = is_forward(subject)
    whole = join(lines)
    own = new_text(lines, forwarded=forwarded)
    if own == whole and any(text.plain and _marks_quotes(text) for text in texts):
        # The plain text shows no quote; its HTML twin marks one.
        marked = [line for text in texts for line in _read_all(text.html or text.plain)]
        from_html = new_text(marked, forwarded=forwarded)
        own = from_html if from_html and len(from_html) < 0.9 * len(whole) else own
    if forwarded and (more := _unsaid(texts, whole)):
        whole = f"{whole}\n\n{more}".strip()
    attachments, left_out = read_attachments(files)
    return Letter(root, subject, whole[:WHOLE_TEXT], own[:WHOLE_TEXT], attachments, budget.omitted + left_out)


@dataclass(slots=True)
class _Text:
    """One stretch of text, perhaps in two forms: the sender's program made one of the other."""

    plain: list[Part]
    html: list[Part]


def _sort(root: Part) -> tuple[list[_Text], list[Part]]:
    """Which leaf parts are the text, and which are files."""
    files: list[Part] = []
    texts = _texts(root, root, files, in_alternative=False)
    if not texts:
        # A letter whose only text has a name, as some programs give it: it is the text all the same.
        named = next(
            (part for part in files if part.media_type in _READABLE and part.disposition != "attachment"),
            None,
        )
        if named is not None:
            texts = [_Text([named], []) if named.media_type == "text/plain" else _Text([], [named])]
    return texts[:BODIES], files


_READABLE = frozenset({"text/plain", "text/html"})
# Other forms of the same text, and what reports say to machines.
_NO_FILES = frozenset({"text/x-amp-html", "text/watch-html", "text/x-watch-html"})
_REPORT_PARTS = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
        "text/rfc822-headers",
        "message/global-headers",
    }
)


def _texts(part: Part, root: Part, files: list[Part], *, in_alternative: bool) -> list[_Text]:
    if part.multipart:
        found: list[list[_Text]] = [
            _texts(inner, root, files, in_alternative=part.media_type == "multipart/alternative")
            for inner in part.parts
        ]
        if part.media_type == "multipart/alternative":
            return _choose(found)
        return [text for texts in found for text in texts]
    is_text = part.media_type in _READABLE and part.disposition != "attachment"
    if is_text and (part is root or not part.file_name or in_alternative):
        return [_Text([part], []) if part.media_type == "text/plain" else _Text([], [part])]
    if part.media_type in _NO_FILES or (
        part.media_type in _REPORT_PARTS and root.media_type == "multipart/report"
    ):
        return []
    if part.end > part.start or part.file_name:
        files.append(part)
    return []


def _choose(alternatives: list[list[_Text]]) -> list[_Text]:
    """Of several forms of one text: the first that is plain, beside the last that is HTML."""
    plain: list[Part] = []
    html: list[Part] = []
    for texts in alternatives:
        has_html = any(text.html for text in texts)
        parts = [part for text in texts for part in text.html + text.plain]
        if has_html:
            html = parts
        elif parts and not plain:
            plain = parts
    return [_Text(plain, html)] if plain or html else []


def _lines(text: _Text) -> list[Line]:
    """The lines of one text: the plain form, unless it is a stand-in for the HTML."""
    plain = _read_all(text.plain)
    if not text.html or (text.plain and not _is_short(plain, text.html)):
        return plain
    html = _read_all(text.html)
    return html if not text.plain or _is_stub(plain, html) else plain


def _unsaid(texts: list[_Text], whole: str) -> str:
    """The lines of the forms that were not chosen whose words are not in `whole`.

    Of a letter of somebody else, passed on, the two forms may have become two texts: whoever forwarded it has
    seen one of them, and nobody can tell which.
    """
    said = set(_words(whole))
    lines = []
    for text in texts:
        if text.plain and text.html:
            plain = _read_all(text.plain)
            forms = [*([] if _STUB.search(join(plain)) else plain), *_read_all(text.html)]
            for line in forms:
                if not said.issuperset(words := _words(line.text)):
                    said.update(words)
                    lines.append(line)
    return join(lines)


def _words(text: str) -> list[str]:
    """What a reader would miss: words, without the addresses that links lead to."""
    return _WORD.findall(_ADDRESS.sub("", text).casefold())


_WORD = re.compile(r"[^\W\d_]{2,}")
_ADDRESS = re.compile(r"https?://[^\s<>)]+")


def _read_all(parts: list[Part]) -> list[Line]:
    return [line for part in parts for line in [*_read(part), Line("")]]


def _marks_quotes(text: _Text) -> bool:
    return any(_MARKED.search(part.beginning()) for part in text.html)


_MARKED = re.compile(
    rb"gmail_quote|divRplyFwdMsg|type=(?:3D)?[\"']?cite|yahoo_quoted|moz-cite-prefix|appendonsend|"
    rb"border-top:\s*solid #|"
    rb"protonmail_quote|mailru-blockquote|border-left:",
    re.IGNORECASE,
)
_STUB = re.compile(
    r"(?:does not|doesn.t|not|cannot|can.t|unable to|не) (?:support|display|view|read|поддержива|отобража|"
    r"умеет)\w*.{0,40}html|"
    r"html.{0,60}(?:not supported|viewer|capable|compatible|не поддерж|совместим)|view (?:this|"
    r"the) (?:message|email|e-mail)|"
    r"this (?:message|email) (?:is|was sent) in (?:html|mime)|multi-?part message in mime|"
    r"включите (?:отображение|поддержку) html|"
    r"html-верси|html version|в формате html",
    re.IGNORECASE | re.DOTALL,
)


def _is_short(plain: list[Line], html: list[Part]) -> bool:
    """Whether the plain form may be a mere stand-in: few words beside much HTML."""
    said = sum(len(line.text) for line in plain)
    return said == 0 or (said < 500 and sum(part.end - part.start for part in html) > 200)


def _is_stub(plain: list[Line], html: list[Line]) -> bool:
    """Whether the plain form says nothing, only that the letter is in HTML, or far less than the HTML
    does.
    """
    text = join(plain).strip()
    shown = len(join(html))
    if not text:
        return shown > 0
    return (_STUB.search(text) is not None and shown > 0) or shown > 2 * len(text) + 200


def _read(part: Part) -> list[Line]:
    data = part.beginning()
    charset = part.parameters.get("charset")
    if part.media_type == "text/html":
        text = decode(data, charset or _charset_within(data))
        return read_html(text)
    text = decode(data, charset)
    if _MARKUP.match(text):  # HTML that calls itself plain text
        return read_html(text)
    flowed = part.parameters.get("format", "").lower() == "flowed"
    return read_plain(text, flowed=flowed, delete_space=part.parameters.get("delsp", "").lower() == "yes")


_MARKUP = re.compile(r"\s{0,20}(?:<!doctype html|<html[\s>]|<body[\s>])", re.IGNORECASE)


def _charset_within(data: bytes) -> str | None:
    """The charset that an HTML letter names in its own head, where its part names none."""
    found = re.search(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w:.-]{2,40})", data[:4096], re.IGNORECASE)
    return found[1].decode("ascii") if found else None
