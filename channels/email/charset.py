"""Which letters these bytes are, when a letter does not say, lies, or names a charset nobody knows.

Mail in Cyrillic is the hard case: windows-1251, koi8-r, cp866 and iso-8859-5 use the same bytes for different
letters and every decoding succeeds, so success proves nothing. What decides is how often the letters occur in
Russian. Western letters are told apart by their neighbours: an accented letter stands between plain ones.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from math import log2

from charset_normalizer import from_bytes

GLANCE = 300  # bytes that are enough to believe a label
ENOUGH = 24  # bytes above ASCII below which statistics over rarer charsets are worthless
SAMPLE = 1200  # bytes looked at when guessing; more does not change the answer
REPLACEMENT = "\ufffd"

# What is removed from every text that leaves this channel: C0 and C1 controls but tab and newline, lone
# surrogates and noncharacters. PostgreSQL refuses the first, JSON and UTF-8 the second.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINE_ENDS = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
# Marks that reorder or hide what is read: a name may not pretend to end where it does not.
_DECEPTIVE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_SPACES = re.compile(r"\s+")


def decode(data: bytes, declared: str | None = None) -> str:
    """Turn the bytes of a body or a header into text; never raises.

    `declared` is the charset the letter names, in any spelling, or None. It is believed unless the bytes
    contradict it: valid UTF-8 is UTF-8 whatever the label of a one-byte charset says, and Cyrillic under a
    Western or another Cyrillic label is recognised by letter frequency. Lone surrogates may not come out.
    """
    codec = _codec(declared)
    if codec is None or codec not in _STATEFUL:
        if data.isascii() and b"\x1b" not in data:
            return data.decode("ascii")
        if codec is None or codec in _ONE_BYTE or codec == "utf-8":
            try:
                return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
            except UnicodeDecodeError:
                pass
    if codec == "utf-8":
        return _broken_utf8(data)
    if codec is not None:
        try:
            text = data.decode(codec)
        except (UnicodeError, ValueError):
            if codec == "iso2022_jp_ext" and (japanese := _japanese(data)) is not None:
                return japanese
            if codec not in _ONE_BYTE:
                loose = data.decode(codec, "replace")
                return loose if loose.count(REPLACEMENT) * 10 <= len(loose) else _guess(data)
            return _guess(data, codec)
        if codec not in _CONFUSED or _score(_sample(data)[:GLANCE].decode(codec, "replace")) >= _SURE:
            return text.replace("\ud800", "") if codec in _STATEFUL else text
        return _guess(data, codec)
    return _guess(data)


def clean_text(text: str) -> str:
    """The text with one kind of line end and without what no database, terminal or JSON takes."""
    if not _ODD.search(text):
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))


def clean_line(text: str, limit: int = 998) -> str:
    """The text as one line of at most `limit` characters: for subjects, names, ids.

    No line break survives (a decoded subject with CR LF in it would otherwise forge a header, RFC 5322
    section 2.2), nor marks that reorder the text around them.
    """
    if text.isascii() and text.isprintable():
        return (_SPACES.sub(" ", text) if "  " in text else text).strip()[:limit].rstrip()
    text = _SPACES.sub(" ", clean_text(text[: limit * 4]))
    return _DECEPTIVE.sub("", text).strip()[:limit].rstrip()


@lru_cache(maxsize=256)
def _codec(declared: str | None) -> str | None:
    """The codec for a charset name, or None when the name tells nothing.

    Only codecs known to be charsets are used: Python's registry also holds compressions, and idna and
    punycode, whose decoders take quadratic time on hostile input.
    """
    if not declared:
        return None
    name = re.sub(r"[^a-z0-9]+", "-", declared.lower()[:60]).strip("-")
    name = name.removeprefix("charset-").removeprefix("x-") if name not in _ALIASES else name
    if name in _ALIASES:
        return _ALIASES[name]
    if windows := re.fullmatch(r"(?:win|windows|cp|ms|ansi)-?(\d{3,4})", name):
        name = f"cp{windows[1]}"
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if _CHARSETS.fullmatch(found) else None


_CHARSETS = re.compile(
    r"utf-(?:7|8|16|32)(?:-le|-be)?|iso8859-\d+|koi8-[rut]|kz1048|cp\d{3,4}|mac-\w+|tis-620|gb2312|gbk|"
    r"gb18030|"
    r"hz|big5|big5hkscs|shift_jis\w*|euc_\w+|iso2022_\w+|johab|ptcp154"
)
_ALIASES: dict[str, str | None] = {
    "ascii": None,
    "us-ascii": None,
    "ansi-x3-4-1968": None,
    "8bit": None,
    "unknown-8bit": None,
    "unknown": None,
    "default": None,
    "iso-8859-1": "cp1252",  # the WHATWG encoding standard: what is labelled Latin-1 is windows-1252
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-9": "cp1254",
    "utf8mb4": "utf-8",
    "utf-8-bom": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "koi8": "koi8-r",
    "koi": "koi8-r",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "koi8-ru": "koi8-u",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-gbk": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks-c-5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "cp1252": "cp1252",
    "cp65001": "utf-8",
}
_STATEFUL = frozenset(
    ("utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "hz", "iso2022_kr")
) | frozenset(f"iso2022_jp{tail}" for tail in ("", "_1", "_2", "_2004", "_3", "_ext"))
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic")
_CONFUSED = frozenset((*_CYRILLIC, "koi8-u", "cp1252", "iso8859-15", "iso8859-1"))
_ONE_BYTE = _CONFUSED | {f"iso8859-{n}" for n in range(1, 17)} | {f"cp125{n}" for n in range(9)}


def _broken_utf8(data: bytes) -> str:
    """Labelled UTF-8 and not valid: cut or stained, or mislabelled altogether."""
    text = data.decode("utf-8", "replace")
    wide = sum(1 for character in text[:SAMPLE] if character > "\x7f")
    return text if text[:SAMPLE].count(REPLACEMENT) * 3 <= wide else _guess(data)


def _guess(data: bytes, declared: str | None = None) -> str:
    if b"\x1b$" in data or b"\x1b(" in data:
        japanese = _japanese(data)
        if japanese is not None:
            return japanese
    sample = _sample(data)
    candidates = (*_CYRILLIC, "cp1252")
    scores = {codec: _score(sample.decode(codec, "replace")) - _RARITY[codec] for codec in candidates}
    if declared in scores:
        scores[declared] += 0.5  # the sender's word counts when it is nearly as good
    best = max(candidates, key=lambda codec: scores[codec])
    if scores[best] < _SURE / 2 and declared is None and len(_HIGH.findall(sample)) >= ENOUGH:
        found = from_bytes(sample, cp_isolation=_LAST_RESORT, threshold=0.3).best()
        if found is not None:
            return data.decode(found.encoding, "replace")
    if declared is not None and scores[best] < _SURE / 2:
        best = declared
    return data.decode(best, "replace")


def _japanese(data: bytes) -> str | None:
    """ISO-2022-JP, also with the makers' own signs (①, ㈱), which no codec for it knows but EUC does."""
    try:
        return data.decode("iso2022_jp_ext")
    except UnicodeDecodeError:
        pass
    try:
        in_euc = _SHIFTED.sub(lambda found: bytes(byte | 0x80 for byte in found[1]), data)
        return _ESCAPES.sub(b"", in_euc).decode("euc_jis_2004")
    except UnicodeDecodeError:
        return None


_SHIFTED = re.compile(rb"\x1b\$[@B]([^\x1b\r\n]*)")
_ESCAPES = re.compile(rb"\x1b\([BJ]")


_LAST_RESORT = [
    "gb18030",
    "big5",
    "cp932",
    "cp949",
    "cp1250",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
]


def _sample(data: bytes) -> bytes:
    """The stretch around the first bytes that are not ASCII: what comes before them says nothing."""
    first = _HIGH.search(data)
    start = max(0, first.start() - 8) if first else 0
    return data[start : start + SAMPLE]


# How much less often each is met in mail today than windows-1251.
_RARITY = {"cp1251": 0.0, "koi8-r": 0.1, "cp866": 0.5, "iso8859-5": 0.5, "mac-cyrillic": 0.8, "cp1252": 0.0}
_HIGH = re.compile(rb"[\x80-\xff]")
# Percentages of the letters in Russian text (National Corpus of the Russian language).
_RUSSIAN = dict(
    zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        map(
            float,
            "10.97 8.45 8.01 7.35 6.7 6.26 5.47 4.73 4.54 4.4 3.49 3.21 2.98 2.81 2.62 2.01 1.9 1.74 1.7 "
            "1.65 1.59 1.44 1.21 0.97 0.94 0.73 0.64 0.48 0.36 0.32 0.26 0.04 0.04".split(),
        ),
        strict=True,
    )
)
_WEIGHTS = {letter: log2(share / 0.7) for letter, share in _RUSSIAN.items()} | dict.fromkeys("іїєґ", 0.5)
_WEIGHTS |= {letter.upper(): weight - 0.3 for letter, weight in _WEIGHTS.items()}
_MARKS = frozenset("«»—–„“”‘’…№\xa0€•§°©®")
_SURE = 1.2


def _score(text: str) -> float:
    """How much the text reads like Russian, or like a Western language: the mean over what is not ASCII."""
    total, seen, before = 0.0, 0, " "
    starts_small = False  # koi8-r read as windows-1251, or the reverse, swaps the case: `гДПЮБЯРБСИ`
    for character, after in zip(text, text[1:] + " ", strict=True):
        if character > "\x7f":
            seen += 1
            if character in _WEIGHTS:
                total += _WEIGHTS[character]
                if before not in _WEIGHTS:
                    starts_small = character.islower()
                    if _is_latin(before):
                        total -= 3
                elif starts_small and character.isupper():
                    total -= 2
                if _is_latin(after):
                    total -= 3
            elif character in _MARKS:
                total += 0.3 if not after.isalpha() or character in "«„“‘\xa0№—" else -1.5
            elif "\xc0" <= character <= "\xff" or character in "ŠšŽžŒœŸ":
                plain = (before.isascii() and before.isalpha()) + (after.isascii() and after.isalpha())
                total += 1.5 if plain == 2 else 1.0 if plain else -1.5
            else:
                total -= 3
        before = character
    return total / seen if seen else 0.0


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()
