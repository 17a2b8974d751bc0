"""The bytes of a posted form as a list of names and values, whatever the sender has packed them in.

JSON, flat or nested as builders and plugins send it; lists of `{name, value}`; urlencoded with or without
brackets, in UTF-8 or in the windows-1251 of old sites. The parts of nested names are divided by `names.PART`.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from channels.form.names import PART, Role, role_of
from core.errors import InvalidInput

MAX_BODY = 256 * 1024  # bytes of a form without its files
MAX_FIELDS = 200
MAX_VALUE = 64 * 1024  # bytes of one value
MAX_FIELD_NAME = 300  # characters; the rest of a longer one is cut off
MAX_NODES = 10 * MAX_FIELDS  # values, lists and objects in one JSON
MAX_DEPTH = 8  # of nested JSON or brackets

Fields: TypeAlias = Sequence[tuple[str, str]]


def fields_of(body: bytes, content_type: str) -> Fields:
    """The names and values of a JSON or urlencoded body, in the order in which they stand there.

    Raises `InvalidInput`: 415 for another content type, 413 for too much of anything, 400 with the position
    for JSON that is none.
    """
    if len(body) > MAX_BODY:
        raise InvalidInput("body", f"longer than {MAX_BODY} bytes", 413)
    kind, charset = media_type(content_type)
    is_urlencoded = kind == "application/x-www-form-urlencoded"
    # navigator.sendBeacon and fetch without headers say text/plain; curl and PHP urlencoded, whatever they are given.
    is_vague = is_urlencoded or kind in ("", "text/plain")
    is_json = kind == "application/json" or kind.endswith("+json")
    if is_json or (is_vague and body.lstrip()[:1] in (b"{", b"[")):
        return _bounded(_flat(_parsed(decoded(body, charset))))
    if is_urlencoded or (is_vague and b"=" in body):
        return unfolded(_pairs(body, charset))
    raise InvalidInput(
        "Content-Type",
        f"{kind[:80] or 'missing'} is not read here:"
        " send application/json, application/x-www-form-urlencoded or multipart/form-data",
        415,
    )


def unfolded(fields: Fields) -> Fields:
    """The same fields with bracketed names (`fields[PHONE][0][VALUE]`) taken apart, JotForm's JSON too."""
    if any(name == "rawRequest" for name, _ in fields):
        fields = _jotform(fields)
    if not any("[" in name for name, _ in fields):
        return _bounded(fields)
    if len(fields) > MAX_FIELDS * 4:  # a plugin sends up to four facts about one field
        raise _refused(fields[MAX_FIELDS * 4][0], f"more than {MAX_FIELDS} fields", 413)
    return _bounded(_flat(_nested(fields)))


def media_type(content_type: str) -> tuple[str, str | None]:
    """The bare type of a Content-Type header, lower case, and its charset if it names one."""
    kind, _, parameters = content_type.partition(";")
    charset = _CHARSET.search(parameters)
    return kind.strip().lower(), charset[1] if charset else None


def decoded(data: bytes, charset: str | None = None) -> str:
    """The text of bytes: in the charset they claim, else UTF-8, else windows-1251, which takes everything."""
    try:
        if charset and codecs.lookup(charset).name in _CHARSETS:
            return data.decode(charset).removeprefix(_BOM)
    except (LookupError, UnicodeError, ValueError):
        pass  # it claims what does not exist, or what it is not
    try:
        return data.decode().removeprefix(_BOM)
    except UnicodeError:
        return data.decode("cp1251", errors="replace")


_BOM = "\ufeff"  # the mark that some editors put before UTF-8
_CHARSET = re.compile(r"charset\s{0,3}=\s{0,3}\"?([\w.:-]{1,40})", re.IGNORECASE)
# Those a form is written in; the standard library also knows codecs that unpack or run far.
_CHARSETS = frozenset(
    {"utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r", "cp866", "iso8859-5", "cp1252", "ascii"}
)


def _bounded(fields: Fields) -> Fields:
    if len(fields) > MAX_FIELDS:
        raise _refused(fields[MAX_FIELDS][0], f"more than {MAX_FIELDS} fields", 413)
    overlong = False
    for name, value in fields:
        overlong = overlong or len(name) > MAX_FIELD_NAME
        if len(value) * 4 > MAX_VALUE and len(value.encode("utf-8", "replace")) > MAX_VALUE:
            raise _refused(name, f"longer than {MAX_VALUE} bytes", 413)
    return [(name[:MAX_FIELD_NAME], value) for name, value in fields] if overlong else fields


def _refused(name: str, reason: str, status: int = 400) -> InvalidInput:
    readable = "".join(letter if letter.isprintable() else " " for letter in name[:100].replace(PART, "."))
    return InvalidInput(readable.strip() or "body", reason, status)


# --- urlencoded ----------------------------------------------------------------------------------


def _pairs(body: bytes, charset: str | None) -> list[tuple[str, str]]:
    parts = body.replace(b"+", b" ").split(b"&", MAX_FIELDS * 4 + 1)
    raw = [part.partition(b"=") for part in parts if part]
    named = next((value for name, _, value in raw if name == b"_charset_"), None)
    if named is not None:
        charset = named.decode("ascii", "replace")
    names = [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in raw]
    # One charset for the whole form: a single field may by chance be good UTF-8.
    try:
        b"\n".join(part for pair in names for part in pair).decode("utf-8")
    except UnicodeDecodeError:
        charset = charset if charset and not charset.lower().startswith("utf") else "cp1251"
    return [(decoded(name, charset), decoded(value, charset)) for name, value in names]


_BRACKET = re.compile(r"\[([^\[\]]{0,200})\]")


def _nested(fields: Fields) -> dict[str, Any]:
    """PHP's way of names: `a[b][]=1` is `{"a": {"b": ["1"]}}`."""
    tree: dict[str, Any] = {}
    for name, value in fields:
        head, bracket, _ = name.partition("[")
        keys = [head, *_BRACKET.findall(name)][: MAX_DEPTH + 1] if bracket and head else [name]
        at = tree
        for key in keys[:-1]:
            below = at.setdefault(key or str(len(at)), {})
            if not isinstance(below, dict):
                below = at[key] = {"": below}
            at = below
        key = keys[-1] or str(len(at))
        if key in at:
            at[key] = [*at[key], value] if isinstance(at[key], list) else [at[key], value]
        else:
            at[key] = value
    return tree


# --- JSON ----------------------------------------------------------------------------------------


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InvalidInput("body", f"not JSON: {error.msg} at {place}") from error
    except RecursionError:
        raise InvalidInput("body", f"JSON nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # a number of thousands of digits
        raise InvalidInput("body", f"not JSON: {error}") from error
    if not isinstance(value, dict | list):
        raise InvalidInput("body", "JSON must be an object or a list of fields")
    return value


def _jotform(fields: Fields) -> list[tuple[str, str]]:
    """JotForm sends the answers as JSON in `rawRequest`, beside facts about its own account."""
    leaves = _Leaves()
    for name, value in fields:
        if name == "rawRequest" and value.lstrip().startswith("{"):
            _flatten(_parsed(value), "", 0, leaves)
        elif name in ("submissionID", "formTitle"):
            leaves.add(name, value)
    return leaves.pairs


@dataclass(slots=True)
class _Leaves:
    """What flattening has found, and how much it has looked at.

    Both are bounded while it goes on: a long name over many values would be many times the size of its JSON.
    """

    pairs: list[tuple[str, str]] = field(default_factory=list)
    nodes: int = 0

    def add(self, name: str, value: str) -> None:
        if len(self.pairs) == MAX_FIELDS:
            raise _refused(name, f"more than {MAX_FIELDS} fields", 413)
        self.pairs.append((name, value))


def _flat(value: Any) -> list[tuple[str, str]]:
    leaves = _Leaves()
    _flatten(value, "", 0, leaves)
    return leaves.pairs


def _flatten(value: Any, name: str, depth: int, leaves: _Leaves) -> None:
    leaves.nodes += 1
    if leaves.nodes > MAX_NODES:
        raise _refused(name, f"more than {MAX_FIELDS} fields", 413)
    if isinstance(value, str):
        leaves.add(name, value)
    elif isinstance(value, dict):
        if depth > MAX_DEPTH:
            raise _refused(name, f"nested deeper than {MAX_DEPTH} levels")
        if depth and (labelled := _labelled(value)):
            _flatten(labelled[1], labelled[0], depth + 1, leaves)
        elif depth and value.keys() <= _PHONE_PARTS and (phone := _phone_of_parts(value)):
            leaves.add(name, phone)
        else:
            for key, below in value.items():
                path = (f"{name}{PART}{key}" if name else key)[:MAX_FIELD_NAME]
                if isinstance(below, str):  # what most forms consist of
                    leaves.nodes += 1
                    leaves.add(path, below)
                else:
                    _flatten(below, path, depth + 1, leaves)
    elif isinstance(value, list):
        if depth > MAX_DEPTH:
            raise _refused(name, f"nested deeper than {MAX_DEPTH} levels")
        if any(isinstance(below, dict | list) for below in value):
            for below in value:
                _flatten(below, name, depth + 1, leaves)
        else:
            leaves.add(name, ", ".join(filter(None, map(_scalar, value))))
    else:
        leaves.add(name, _scalar(value))


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


# The keys under which builders name a field, those that people read first, and under which they give its
# value.
_LABELS = (
    "title",
    "label",
    "question",
    "q",
    "name",
    "column_name",
    "key",
    "column_id",
    "field",
    "id",
    "slug",
)
_VALUES = ("value", "answer", "a", "string_value", "text", "values", "raw_value")
_FACTS = frozenset(
    {*_LABELS, *_VALUES, "type", "required", "raw", "order", "value_type", "code", "options", "t"}
)
_PHONE_PARTS = frozenset({"country", "area", "phone", "full"})


def _labelled(item: dict[str, Any]) -> tuple[str, Any] | None:
    """The name and the value of `{"title": "Телефон", "type": "tel", "value": "…"}` and its many cousins."""
    keys = {key.lower(): key for key in item}
    if not keys.keys() <= _FACTS:
        return None
    value = next((item[keys[key]] for key in _VALUES if key in keys), None)
    labels = [str(item[keys[key]]) for key in _LABELS if isinstance(item.get(keys.get(key, "")), str | int)]
    plain = [label[:MAX_FIELD_NAME] for label in labels if label.strip()]
    if value is None or not plain:
        return None
    # A question in the visitor's words is for people; the key beside it tells what is meant.
    return next((label for label in plain if role_of(label) is not Role.OTHER), plain[0]), value


def _phone_of_parts(value: dict[str, Any]) -> str:
    if value.get("full"):
        return _scalar(value["full"])
    if "phone" not in value or isinstance(value["phone"], dict | list):
        return ""
    country = _scalar(value.get("country") or "")
    plus = "+" if country.isdigit() else ""
    return " ".join(filter(None, (plus + country, _scalar(value.get("area") or ""), _scalar(value["phone"]))))
