"""What language to answer in: what the network says, what the person wrote in, what the texts are there in."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
SPOKEN = ("ru", "en")


def language_of(declared: str | None, text: str) -> str | None:
    """The person's language as far as it can be told: "ru" or "en", or None when nothing tells.

    What the network declares counts when we speak it; otherwise the alphabet of what was written.
    """
    base = declared.split("-")[0].lower() if declared else None
    if base in SPOKEN:
        return base
    sample = text[:500]
    if len(_CYRILLIC.findall(sample)) > len(_LATIN.findall(sample)):
        return "ru"
    return "en" if base and _LATIN.search(sample) else None


def in_language(words: Mapping[str, str], language: str | None, default: str) -> str:
    """The words in this language, else in the default one, else in whatever there is."""
    for choice in (language, default, "en", "ru"):
        if choice and words.get(choice):
            return words[choice]
    return next(iter(words.values()), "")
