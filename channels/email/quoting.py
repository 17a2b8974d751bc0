"""What this person wrote now: a letter without the letters it answers, and without signatures.

A forwarded letter is kept, because it is what the person sends. Nothing is cut on a guess: an introduction
such as "Ivan wrote:" counts only with a date, an address or quoted lines beside it, a block of From and To
only with an address or a subject in it. The whole letter is kept beside the result, so a wrong cut hides and
does not lose.
"""

from __future__ import annotations

from channels.email import quote_patterns as patterns
from channels.email.text import Line, Mark, join, read_plain

PASSES = 6  # until nothing more is found; two are usual
INTRODUCTION = 6  # lines over which "On … wrote:" may be broken
HEADERS = 14  # lines a block of From, Sent, To, Subject may take
SIGNATURE = 14  # lines a signature may have after its dashes


def new_text(lines: list[Line], *, forwarded: bool = False) -> str:
    """The part of a letter that its sender wrote now; empty when there is none.

    `forwarded` says that the subject calls the letter a forward: then a block of From, Sent, To and Subject
    introduces what is sent and not what is answered. Doing it again to the result changes nothing.
    """
    lines = _single_blanks(lines)
    own = _own(lines, forwarded)
    text = join(own)
    # When only the end was cut, every line left has been looked at with more below it than there is now.
    if all(kept is line and kept.mark is Mark.OWN for kept, line in zip(own, lines, strict=False)):
        return text
    for _ in range(PASSES):
        shorter = join(_own(read_plain(text), forwarded))
        if shorter == text:
            break
        text = shorter
    return text


def is_forward(subject: str) -> bool:
    """Whether a subject calls its letter a forward: "Fwd: …", "Пересл: …", but not an answer to one."""
    return bool(patterns.FORWARD_SUBJECT.match(subject)) and not patterns.REPLY_SUBJECT.match(subject)


def _single_blanks(lines: list[Line]) -> list[Line]:
    """Never two blank lines in a row, as in the text that comes out: what is looked at is what is left."""
    kept: list[Line] = []
    blank = True
    for line in lines:
        visible = line.mark is Mark.CUT or bool(line.text.strip())
        if visible or not blank:
            kept.append(line)
        blank = not visible
    return kept


def _own(lines: list[Line], forwarded: bool) -> list[Line]:
    kept: list[Line] = []
    number = 0
    colons = [place for place, line in enumerate(lines) if line.text.rstrip().endswith((":", "："))]
    colons.reverse()  # the next one is at the end
    while number < len(lines):
        while colons and colons[-1] < number:
            colons.pop()
        line = lines[number]
        if line.mark is Mark.CUT:
            if forwarded:
                return kept + lines[number:]
            if any(entry.text.strip() for entry in lines[number + 1 :]):
                break
        elif line.mark is Mark.QUOTED:
            _drop_introduction(kept)
            number = _after_quote(lines, number)
            continue
        elif line.mark is Mark.OWN and line.text:
            text = line.text
            divides = len(text) < 160 and (text.lstrip()[:1] in _DASHES or len(text) < 60)
            if divides and patterns.FORWARDED.match(text):
                return [*_without_signature(kept), Line(""), *lines[number:]]
            if divides and patterns.ORIGINAL.match(text):
                if forwarded:
                    return kept + lines[number:]
                break
            if (":" in text or "：" in text) and _is_header_block(lines, number):
                if forwarded:
                    return kept + lines[number:]
                break
            near = colons and colons[-1] < number + INTRODUCTION
            length = _introduction(lines, number) if near else 0
            if length:
                following = _next_visible(lines, number + length)
                if following is None or following.mark is not Mark.QUOTED:
                    break
                number += length
                continue
        kept.append(line)
        number += 1
    return _without_signature(kept)


_DASHES = frozenset("-_=*—–>")


def _after_quote(lines: list[Line], number: int) -> int:
    """Where own lines begin again after the quote at `number`.

    Programs that wrap what they quote leave the ends of long lines without their mark; one or two such lines
    between quoted ones belong to the quote.
    """
    while number < len(lines):
        while number < len(lines) and lines[number].mark is Mark.QUOTED:
            number += 1
        for leftover in (1, 2):
            if number + leftover < len(lines) and lines[number + leftover].mark is Mark.QUOTED:
                between = lines[number : number + leftover]
                if all(line.mark is Mark.OWN and line.text.strip() for line in between):
                    number += leftover
                    break
        else:
            return number
    return number


def _introduction(lines: list[Line], number: int) -> int:
    """How many lines from here are "On Friday, 5 April, Ivan <ivan@…> wrote:"; 0 when it is something
    else.
    """
    first = lines[number].text
    if len(first) > 300 or not (patterns.START.match(first) or patterns.VERB.search(first) or "<" in first):
        return 0
    joined = ""
    blanks = 0
    for length in range(1, INTRODUCTION + 1):
        if number + length > len(lines):
            return 0
        line = lines[number + length - 1]
        text = line.text.strip()
        if len(text) > 300 or (line.mark is Mark.QUOTED and joined.count("<") <= joined.count(">")):
            return 0
        blanks += not text
        if blanks > 1:
            return 0
        joined = f"{joined} {text}".strip()
        if text.endswith((":", "：")):
            return length if _introduces(joined[:-1].rstrip(), lines, number + length) else 0
        if text.endswith((".", "!", "?")) and length > 1:
            return 0
    return 0


def _introduces(text: str, lines: list[Line], after: int) -> bool:
    if len(text) > 500:
        return False
    verb = max(patterns.VERB.finditer(text), key=lambda found: found.end(), default=None)
    dated = patterns.DAY.search(text) is not None
    timed = patterns.CLOCK.search(text) is not None
    starts = patterns.START.match(text) is not None
    addressed = patterns.ADDRESS.search(text) is not None
    # The verb is the last word, or only the date comes after it.
    ends_with_verb = verb is not None and (
        len(text) - verb.end() <= 3 or patterns.DAY.search(text[verb.end() :]) is not None
    )
    if ends_with_verb:
        if (addressed and (dated or timed)) or (dated and timed and (starts or len(text) < 120)):
            return True
        if patterns.YOU_WROTE.search(text) and dated:
            return True
    elif starts and patterns.BRACKETED.search(text) and (dated or timed):
        return True  # Gmail and Yandex in Russian: "пт, 5 апр. 2024 г. в 12:34, Иван <ivan@example.ru>:"
    if not ends_with_verb and not (starts and (dated or addressed)):
        return False
    following = _next_visible(lines, after)
    return following is not None and following.mark is Mark.QUOTED and len(text) < 300


def _drop_introduction(kept: list[Line]) -> None:
    """Remove from the end the lines that introduce a quote in a language or a form that is not known here.

    Only what a program writes: a colon at the end, and a date with a time or an address in it.
    """
    end = len(kept)
    while end and not kept[end - 1].text.strip():
        end -= 1
    for length in (1, 2, 3):
        if end < length:
            return
        text = " ".join(line.text.strip() for line in kept[end - length : end])
        if not text.endswith((":", "：")) or len(text) > 300:
            return
        dated = patterns.DAY.search(text) is not None and patterns.CLOCK.search(text) is not None
        if (dated and (length == 1 or patterns.START.match(text))) or (
            patterns.ADDRESS.search(text)
            and (dated or patterns.CLOCK.search(text) or patterns.BRACKETED.search(text[:-1]))
        ):
            del kept[end - length :]
            return


def _is_header_block(lines: list[Line], number: int) -> bool:
    """Whether the headers of another letter begin here, as Outlook and others put them above what is
    answered.

    "From: Moscow / To: Kazan / Date: 5 May" in a customer's order is none: there has to be an address beside
    From, or a subject, or the word "Sent".
    """
    first = patterns.header_kind(lines[number].text)
    if first is None or first[0] in ("to", "cc"):
        return False
    kinds: set[str] = set()
    current, blanks, loose = "", 0, 0
    addressed = dated = False
    for line in lines[number : number + HEADERS]:
        if line.mark is Mark.CUT:
            continue
        text = line.text.strip()
        if not text:
            blanks += 1
            if blanks > 1:
                break
            continue
        found = patterns.header_kind(text)
        if found is None:
            loose += 1
            if blanks or loose > 3:
                break
        else:
            blanks = loose = 0
            if found[0] in kinds and found[0] != "cc":
                break
            current = found[0]
            text = found[1]
            kinds |= {current} | patterns.headers_within(text)
        addressed = addressed or (current == "from" and patterns.ADDRESS.search(text) is not None)
        dated = dated or (bool(kinds & {"date", "sent"}) and any(character.isdigit() for character in text))
    if "from" not in kinds or len(kinds) < 2:
        return False
    if {"sent", "to"} <= kinds or ("subject" in kinds and len(kinds) >= 3):
        return True
    return addressed and (dated or len(kinds) >= 3)


def _next_visible(lines: list[Line], number: int) -> Line | None:
    for line in lines[number : number + 5]:
        if line.text.strip():
            return line
    return None


def _without_signature(lines: list[Line]) -> list[Line]:
    """Drop what stands under the text.

    Signatures after dashes, "Sent from my iPhone", list footers, and the rules above what was cut.
    """
    end = len(lines)
    while end:
        last = lines[end - 1]
        if not last.text.strip() or last.mark is Mark.SIGNATURE or patterns.RULE.match(last.text):
            end -= 1
        elif (shorter := _before_footer(lines, end)) < end:
            end = shorter
        else:
            break
    return lines[:end]


def _before_footer(lines: list[Line], end: int) -> int:
    below: list[str] = []
    for start in range(end - 1, max(-1, end - SIGNATURE - 1), -1):
        text = lines[start].text
        if patterns.SIGNATURE.match(text):
            return start
        if len(below) <= 2 and (patterns.MOBILE.match(text) or patterns.SCANNED.match(text)):
            return start
        if patterns.RULE.match(text) and 0 < len(below) <= 6 and any(map(patterns.LIST_FOOTER.search, below)):
            return start
        if text.strip():
            below.append(text)
    return end
