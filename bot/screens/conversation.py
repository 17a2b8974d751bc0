"""What was said, as a manager reads it: who, when, the words in a quote, files, what became of answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import timedelta

from bot.rich import Rich, line_of, plain, shortened, units
from bot.screens.fields import field_name, own_fields
from bot.texts import Words
from core.channel import Markup
from core.contacts.emails import readable_email
from core.desk.cards import Card
from core.desk.messages import File, Said

LONG = 300  # UTF-16 units; a longer quote is folded and opens at a tap
IN_ONE_GO = timedelta(minutes=3)
IN_A_TURN = 20  # messages of one go that are shown, the newest; what was before them is counted
ONE = 1200  # units of one message beside others
ANSWERED = 80  # of what a message replies to
FIELDS = 8  # that a further form told, below its words
AUTOMATIC = 90  # units of one that a rule has sent: enough to know it again
_FILES = ("photo", "video", "audio", "voice", "video_note", "document", "sticker", "animation")
_LABEL = re.compile(r"\[([^\[\]\n]{1,200})\]")
_RUSSIAN = re.compile(r"[а-яё]", re.IGNORECASE)
_DETAILS = re.compile(r"[:,] .{1,150}$")  # of a label, after the kind
_START = re.compile(r"/start(?:@\w+)?(?: (\S+))?", re.ASCII)
_WHY_MISSING = {"too_large": "large", "too-large": "large", "not_found": "expired", "expired": "expired"}
_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
_BOUNCES = (  # the subject of a status, whether it is for good or not
    (".1.", "letter-bounced-address"),
    (".2.2", "letter-bounced-full"),
    (".2.", "letter-bounced-mailbox"),
    (".3.4", "letter-bounced-large"),
    (".7.", "letter-bounced-policy"),
)
_STATES = ("waiting", "sending", "sent", "delivered", "read", "refused", "uncertain", "cancelled")


def conversation(
    words: Words,
    said: Sequence[Said],
    customer: str,
    budget: int,
    *,
    card: Card,
    earlier: int = 0,
    is_news: bool = False,
) -> Rich:
    """The newest of these messages of a lead that fit into `budget` UTF-16 units, oldest of them first.

    What was said in the latest go is shown whole as far as it fits, others up to `ONE` units. What was left
    out is counted, with the `earlier` ones that came before these.
    `is_news`: they are all shown whole, and the customer stands above them already, so that their words of this
    moment need no heading.
    """
    blocks: list[Rich] = []
    missing = len(said) + earlier
    left = budget - 60  # room for the line that counts what was left out
    for turn in reversed(_turns(said)):
        room = left if is_news or not blocks else min(left, ONE)
        newest = turn[-IN_A_TURN:]
        while sum(len(one.text) for one in newest) > room and newest[1:]:  # drawing them takes longer
            newest = newest[1:]
        while (block := _block(words, card, newest, customer, is_news=is_news)).units > room and newest[1:]:
            newest = newest[1:]
        if block.units > room and not (is_news and blocks):
            block = _block(words, card, newest, customer, room, is_news=is_news)
        if block.units > left:
            if blocks:
                break
            block.cut(left)
        blocks.append(block)
        missing -= len(newest)
        left -= block.units + 1
    rich = Rich()
    if missing:
        rich.add(words("card-older", count=missing), Markup.ITALIC)
    for block in reversed(blocks):
        rich.line().extend(block) if rich.units else rich.extend(block)
    return rich


def file_line(words: Words, file: File, label: str = "") -> str:
    """A file in words: its kind and name, or the channel's `label` for it, and whether it can be had.

    A label is in the line's language. Whoever reads another is told the kind in theirs, and what follows it.
    """
    line = label
    if not label or bool(_RUSSIAN.search(label)) != (words.language == "ru"):
        line = words(f"file-{file.kind}" if file.kind in _FILES else "file-other")
        if rest := _DETAILS.search(label):
            line += rest[0]
        elif name := shortened(plain(file.name or "").replace("\n", " "), 60):
            line = words("file-named", kind=line, name=name)
    if file.state == "missing":
        why = _WHY_MISSING.get(file.error or "", "other")
        return words("file-missing", file=line, why=words(f"file-why-{why}"))
    if file.is_empty:
        return words("file-empty", file=line)
    return line


def label_of(said: Said) -> str:
    """What the channel wrote for files that came without words: "Голосовое сообщение, 0:03"; empty where it did not."""
    label = _LABEL.fullmatch(said.text) if said.files else None
    return plain(label[1]) if label else ""


def author(words: Words, said: Said, customer: str) -> str:
    """Who wrote, as the reader knows them."""
    if said.author_name:
        return shortened(plain(said.author_name), 60)
    kind = said.author.split(":")[0]
    match kind:
        case "customer":
            return customer or words("author-customer")
        case "owner" | "robot" | "manager":
            return words(f"author-{kind}")
    return words("author-customer")


def shown_text(words: Words, text: str) -> str:
    """Strangers' words as they are shown. Opening a bot's chat is no word of theirs, and is named with its link."""
    if (start := _START.fullmatch(text)) is None:
        return plain(text)
    return words("message-start-by", link=plain(start[1])) if start[1] else words("message-start")


def bounce_reason(words: Words, report: str | None) -> str:
    """Why a letter came back, by the code in the report (RFC 3463); the report itself where it has none we know."""
    for status in _STATUS.findall(report or ""):
        known = next((key for prefix, key in _BOUNCES if status[1:].startswith(prefix)), None)
        if known is not None:
            return words(known, report=line_of(report, 200))
    return line_of(report, 200) or "?"


def _turns(said: Sequence[Said]) -> list[list[Said]]:
    """What one person said in one go stands together, albums and quick second lines alike."""
    turns: list[list[Said]] = []
    for one in said:
        last = turns[-1][-1] if turns else None
        if last and _continues(one, last):
            turns[-1].append(one)
        else:
            turns.append([one])
    return turns


def _continues(one: Said, last: Said) -> bool:
    if _frame(one) != _frame(last):
        return False
    if one.group and one.group == last.group:
        return True
    return one.direction == "in" and not one.edited_at and one.sent_at - last.sent_at <= IN_ONE_GO


def _frame(said: Said) -> tuple[object, ...]:
    """What stands above words and is said once for those that share it."""
    return (
        said.conversation_id,
        said.author,
        said.author_name,
        said.subject,
        said.copies,
        said.is_automatic,
    )


def _block(
    words: Words, card: Card, turn: Sequence[Said], customer: str, limit: int = sys.maxsize, *, is_news: bool
) -> Rich:
    first, rich = turn[0], Rich()
    heading = _heading(words, turn, customer)
    if not is_news or heading != words("message-in", name=customer, when=words("when-now")):
        rich.add(heading, Markup.BOLD)
    if first.direction == "out" and first.is_automatic:
        limit = min(limit, rich.units + 1 + AUTOMATIC)
    if subject := line_of(first.subject, 150):
        rich.line(subject, Markup.ITALIC)
    if first.copies:
        addresses = ", ".join(readable_email(address) for address in first.copies[:10])
        rich.line(words("letter-copies", addresses=line_of(addresses, 300)))
    if first.dispatch and first.dispatch.cause == "bounced":
        rich.line(words("letter-bounced", why=bounce_reason(words, first.dispatch.error)))
    texts: list[str] = []
    told = {one.id: _fields(words, card, one) for one in turn}
    limit -= sum(fields.units + 1 for fields in told.values())  # however long the words are, they have room
    for one in turn:
        if one.answers:
            _quote(rich, texts, limit)
            rich.line(words("message-answers", text=line_of(shown_text(words, one.answers), ANSWERED)))
        # What has no words of its own stands as a label, "[Голосовое сообщение, 0:03]": that says more.
        label = label_of(one)
        if one.files and not (one.group and texts):  # the caption of an album stands below its pictures
            _quote(rich, texts, limit)
        for file in one.files[:10]:
            rich.line(f"📎 {file_line(words, file, label)}")
        if not label and one.text:
            texts.append(shown_text(words, one.text))
        if told[one.id].units:
            _quote(rich, texts, limit)
            limit += told[one.id].units + 1
            rich.line().extend(told[one.id])
    _quote(rich, texts, limit)
    return rich


def _fields(words: Words, card: Card, said: Said) -> Rich:
    """What a further form of the person told besides its words."""
    rich = Rich()
    for name, value in own_fields(card, said)[:FIELDS]:
        rich.line(f"{field_name(words, name)}: ", Markup.ITALIC).add(line_of(value, 100))
    return rich


def _quote(rich: Rich, texts: list[str], limit: int) -> None:
    """Put down the words gathered so far, as one quote."""
    if quoted := shortened("\n".join(texts), max(limit - rich.units - 1, 0)):
        rich.line(quoted, Markup.LONG_QUOTE if units(quoted) > LONG else Markup.QUOTE)
    texts.clear()


def _heading(words: Words, turn: Sequence[Said], customer: str) -> str:
    first, name = turn[0], author(words, turn[0], customer)
    when = words.when(first.sent_at)
    if first.direction == "out":
        state = first.dispatch.state if first.dispatch and first.dispatch.state in _STATES else "sent"
        heading = words("message-out", name=name, when=when, state=words(f"delivery-{state}"))
    else:
        heading = words("message-in", name=name, when=when)
        if first.channel == "email" and first.is_automatic:
            heading = f"🤖 {heading} · {words('letter-automatic')}"
        elif first.channel == "email" and first.author_name:
            heading = f"👥 {heading} · {words('letter-third-person')}"
    if any(one.edited_at for one in turn):
        heading = f"{heading} · {words('message-edited')}"
    return heading
