"""A posted site form as one message of the line.

Every site names its fields differently; whatever is understood (`names.py`) finds its place, the rest is
kept in the order in which the person saw it. Nothing a stranger sends raises anything but `InvalidInput`,
and that only where a web developer has something to mend.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from channels.form.decoding import Fields, fields_of, media_type, unfolded
from channels.form.names import HONEYPOTS, Role, is_honeypot, role_of
from channels.form.reading import MAX_NAME, Filled, one_line, read_form
from core.channel import CLICK, Address, Ignored, InboundFile, InboundMessage, Kind, Received, Sender
from core.errors import InvalidInput

HANDSHAKE = Ignored("handshake")  # Tilda asks whether anybody is there


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came with the form and lies in the attachment store already."""

    field: str
    name: str | None
    media_type: str | None
    stored: str  # its SHA-256
    size: int  # bytes


def normalise(
    body: bytes,
    content_type: str,
    received_at: datetime,
    *,
    idempotency_key: str | None = None,
    region: str = "RU",
    honeypots: Collection[str] = HONEYPOTS,
    referer: str | None = None,
    accept_language: str | None = None,
) -> Received:
    """What a JSON or urlencoded post says.

    `received_at` is aware. `idempotency_key`, `referer` and `accept_language` are the request's headers of
    these names. `region` is the country in which telephones without a code are read; `honeypots` are the
    names, lower case, of fields that only machines fill in. `external_id` is `key:…` from the
    Idempotency-Key and the content, `submission:…` from the builder's own id, else `click:…` from the content:
    the same content is the same click only for a short time, which the core decides.

    Raises `InvalidInput`: 415 for another content type, 413 for too much, 400 for broken JSON, 422 when
    there is neither a message nor a way to reach the person.
    """
    visit = _visit(idempotency_key, referer, accept_language)
    raw = _packed(content_type, visit, body)
    return _received(
        fields_of(body, content_type),
        (),
        received_at,
        visit=visit,
        raw=raw,
        region=region,
        honeypots=honeypots,
    )


def normalise_fields(
    fields: Fields,
    files: Sequence[UploadedFile],
    received_at: datetime,
    *,
    idempotency_key: str | None = None,
    region: str = "RU",
    honeypots: Collection[str] = HONEYPOTS,
    referer: str | None = None,
    accept_language: str | None = None,
) -> Received:
    """What a multipart post says, once `read_multipart` has taken it apart. Otherwise as `normalise`."""
    visit = _visit(idempotency_key, referer, accept_language)
    content = {"fields": [*fields], "files": [asdict(file) for file in files]}
    raw = _packed(_TAKEN_APART, visit, json.dumps(content, ensure_ascii=True).encode())
    return _received(
        unfolded(fields), files, received_at, visit=visit, raw=raw, region=region, honeypots=honeypots
    )


def normalise_again(
    raw: bytes, received_at: datetime, *, region: str = "RU", honeypots: Collection[str] = HONEYPOTS
) -> Received:
    """The same from `Received.raw`, for what was parked and is taken again. Raises as `normalise` does."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    visit = _Visit(headers.get("Idempotency-Key"), headers.get("Referer"), headers.get("Accept-Language"))
    content_type = headers.get("Content-Type", "")
    if content_type != _TAKEN_APART:
        return _received(
            fields_of(body, content_type),
            (),
            received_at,
            visit=visit,
            raw=raw,
            region=region,
            honeypots=honeypots,
        )
    content = json.loads(body)
    fields = [(str(name), str(value)) for name, value in content["fields"]]
    files = [UploadedFile(**file) for file in content["files"]]
    return _received(
        unfolded(fields), files, received_at, visit=visit, raw=raw, region=region, honeypots=honeypots
    )


def describe(
    body: bytes,
    content_type: str | None = None,
    region: str = "RU",
    honeypots: Collection[str] = HONEYPOTS,
) -> dict[str, object]:
    """What the system understands of a saved post, as `openlines inspect form` prints it.

    Without a content type it is read off the content. `error` says what the web developer would be told.
    """
    shown: dict[str, object] = dict.fromkeys(
        ("kind", "name", "phone", "email", "message", "fields", "source", "files", "error")
    )
    now = datetime(1970, 1, 1, tzinfo=UTC)  # nothing of what is shown depends on it
    try:
        kind = content_type or _guessed(body)
        if media_type(kind)[0] == "multipart/form-data":
            # Only this command reads multipart from memory; the web edge streams it.
            from channels.form.multipart import read_saved

            fields, files = asyncio.run(read_saved(body, kind))
            received = normalise_fields(fields, files, now, region=region, honeypots=honeypots)
        else:
            received = normalise(body, kind, now, region=region, honeypots=honeypots)
    except InvalidInput as error:
        return shown | {"kind": "refused", "error": f"{error.status} {error}"}
    message = received.understood
    if not isinstance(message, InboundMessage):
        return shown | {"kind": "ignored", "error": getattr(message, "reason", None)}
    typed = message.sender.addresses
    return shown | {
        "kind": str(message.kind),
        "name": message.sender.name,
        "phone": [address.value for address in typed if address.kind == "phone"],
        "email": [address.value for address in typed if address.kind == "email"],
        "message": message.text,
        "fields": dict(message.fields),
        "source": message.source,
        "files": [file.name for file in message.files],
    }


# --- the story -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Visit:
    """What the request's headers tell beside the form."""

    idempotency_key: str | None
    referer: str | None
    accept_language: str | None


def _visit(*headers: str | None) -> _Visit:
    # Brought into the form in which they are kept, so that a second reading hashes the same key.
    return _Visit(*(one_line(header, 2_000) if header else None for header in headers))


def _received(
    fields: Fields,
    files: Sequence[UploadedFile],
    received_at: datetime,
    *,
    visit: _Visit,
    raw: bytes,
    region: str,
    honeypots: Collection[str],
) -> Received:
    traps = honeypots if isinstance(honeypots, frozenset) else frozenset(honeypots)
    form = read_form(fields, region, visit.referer)
    external_id = _external_id(fields, files, form, visit)
    if len(fields) == 1 and fields[0] == ("test", "test"):
        return Received(external_id, raw, HANDSHAKE)
    if any(is_honeypot(name, traps) and value.strip() for name, value in fields):
        return Received(external_id, raw, Ignored("honeypot"))
    if not (form.messages or form.is_reachable or files):
        raise InvalidInput("message", _NOTHING_TO_FILE, 422)
    sender = _sender(form, external_id, received_at, visit)
    message = InboundMessage(
        kind=Kind.MESSAGE,
        thread=_thread(sender),
        # What tells two clicks apart for a minute is no name of a message: the same words come again next week.
        message_id=None if external_id.startswith(CLICK) else external_id,
        sender=sender,
        text=form.text or ", ".join(file.name or file.field for file in files) or sender.name or "-",
        sent_at=received_at,
        content="form",
        subject=form.subject,
        files=tuple(map(_file, files)),
        source=form.source,
        fields=MappingProxyType(form.kept),
    )
    return Received(external_id, raw, message)


_NOTHING_TO_FILE = (
    "nothing to file: the form has neither a message (message, comment, text, сообщение, комментарий)"
    " nor a way to reach the person (phone, tel, email, contact, telegram, телефон, почта)"
)


def _external_id(fields: Fields, files: Sequence[UploadedFile], form: Filled, visit: _Visit) -> str:
    # Tokens differ from click to click, and cookies from moment to moment; the rest is what the person sent.
    content = [
        (name, value)
        for name, value in fields
        if value and (role := role_of(name)) is not Role.TECHNICAL and role is not Role.COOKIES
    ]
    sent = repr((content, [file.stored for file in files]))
    if visit.idempotency_key:
        # Pages make a key when they open, or have one for all: other words under it are no repetition.
        return f"key:{_hash(f'{visit.idempotency_key} {sent}')}"
    if form.submission:
        return f"submission:{_hash(form.submission)}"
    return f"{CLICK}{_hash(sent)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _sender(form: Filled, external_id: str, received_at: datetime, visit: _Visit) -> Sender:
    # The e-mail first: an answer can go there by itself, to a telephone it cannot.
    addresses = [Address("email", email, proved=False) for email in form.emails]
    addresses += [Address("phone", phone, proved=False) for phone in form.phones]
    if not addresses:
        # Two strangers who write the same words a month apart are two people.
        moment = int(received_at.timestamp() * 1000)
        visitor = f"{external_id}:{moment}" if external_id.startswith(CLICK) else external_id
        addresses = [Address("form", visitor, proved=False)]
    language = _LANGUAGE.match(visit.accept_language or "")
    return Sender(tuple(addresses), form.name, language[1] if language else None)


def _thread(sender: Sender) -> str:
    """Who fills in a form again under the same name goes on; under another name it may be somebody else.

    The address is the first word of it: a telephone where there is one.
    """
    key = next((a.key for a in sender.addresses if a.kind == "phone"), sender.addresses[0].key)
    return " ".join((key, *(sender.name or "").casefold().replace("ё", "е").split()))


_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})")


def _file(file: UploadedFile) -> InboundFile:
    kind = (file.media_type or "").partition("/")[0]
    return InboundFile(
        kind={"image": "photo", "audio": "audio", "video": "video"}.get(kind, "document"),
        stored=file.stored,
        name=one_line((file.name or "").replace("\\", "/").rpartition("/")[2], MAX_NAME) or None,
        media_type=one_line(file.media_type or "", 100) or None,
        size=file.size,
    )


# --- the raw form --------------------------------------------------------------------------------

_TAKEN_APART = "application/vnd.openlines.form+json"  # a multipart post, its files already in the store


def _packed(content_type: str, visit: _Visit, body: bytes) -> bytes:
    """The post as it came, with the headers without which it could not be read again."""
    headers = {
        "Content-Type": content_type,
        "Idempotency-Key": visit.idempotency_key,
        "Referer": visit.referer,
        "Accept-Language": visit.accept_language,
    }
    lines = "".join(
        f"{name}: {one_line(value, 2_000)}\r\n" for name, value in headers.items() if value is not None
    )
    return lines.encode("utf-8", "replace") + b"\r\n" + body


def _guessed(body: bytes) -> str:
    if body.startswith(b"--") and (boundary := body.partition(b"\n")[0].strip()[2:]):
        return f'multipart/form-data; boundary="{boundary.decode("ascii", "replace")}"'
    return "application/json" if body.lstrip()[:1] in (b"{", b"[") else "application/x-www-form-urlencoded"
