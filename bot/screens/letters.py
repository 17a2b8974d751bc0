"""Letters on a manager's screen: whom one goes to, its subject and copies, and the whole of one that came."""

from __future__ import annotations

from collections.abc import Sequence

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of, plain, units
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.contacts.emails import readable_email
from core.desk.letters import Envelope, WholeLetter

MESSAGES = 3  # a longer letter comes as a file
ADDRESSES = 6  # of one person to choose from


def envelope_lines(words: Words, envelope: Envelope) -> str:
    """Whom it goes to, under which subject, and who else gets it, each on a line."""
    lines = [words("letter-to", address=_address(envelope.to))]
    if subject := line_of(envelope.subject, 150):
        lines.append(words("letter-subject", subject=subject))
    if envelope.copies:
        lines.append(words("letter-copies", addresses=", ".join(map(_address, envelope.copies))))
    return "\n".join(lines)


def letter_question(
    words: Words, lead_id: int, head: str, envelope: Envelope
) -> tuple[str, list[tuple[Button, ...]]]:
    """Asks for the text of a letter; its subject and copies can still be changed by button."""
    buttons = (
        Button(words("button-letter-subject"), data(Action.LETTER_SUBJECT, lead_id)),
        Button(words("button-letter-copy"), data(Action.LETTER_COPY, lead_id)),
    )
    return f"✉️ {head}\n{envelope_lines(words, envelope)}\n\n{words('letter-next')}", [buttons]


def subject_question(
    words: Words, lead_id: int, envelope: Envelope, others: Sequence[tuple[int, str]]
) -> tuple[str, list[tuple[Button, ...]]]:
    """Asks for a subject. `others` are further addresses of the person with their places in the list."""
    to = words("letter-to", address=_address(envelope.to))
    rows: list[tuple[Button, ...]] = []
    if subject := line_of(envelope.subject, 40):
        keep = Button(words("button-letter-keep", subject=subject), data(Action.LETTER_SUBJECT_KEEP, lead_id))
        rows.append((keep,))
    for place, address in others[:ADDRESSES]:
        label = words("button-letter-to", address=line_of(_address(address), 60))
        rows.append((Button(label, data(Action.LETTER_TO, lead_id, place)),))
    return f"✉️ {words('letter-ask-subject')}\n{to}", rows


def copy_question(words: Words, lead_id: int, copies: Sequence[str]) -> tuple[str, list[tuple[Button, ...]]]:
    """Asks who else gets it."""
    text = f"✉️ {words('letter-ask-copy')}"
    if not copies:
        return text, []
    none = Button(words("button-letter-copy-none"), data(Action.LETTER_COPY_NONE, lead_id))
    return f"{text}\n{words('letter-copies', addresses=', '.join(map(_address, copies)))}", [(none,)]


def whole_letter_screens(words: Words, letter: WholeLetter) -> list[Screen] | None:
    """The whole letter in as few messages as hold it; None when it wants to be a file."""
    head = _head(words, letter)
    text = plain(letter.text)
    if units(text) > MESSAGES * LONGEST - head.units:
        return None
    pieces = _pieces(text, LONGEST - head.units - 2)
    screens = [head.gap().line(pieces[0]).screen()]
    screens += [Screen(piece) for piece in pieces[1:]]
    return screens if len(screens) <= MESSAGES else None


def whole_letter_file(words: Words, letter: WholeLetter) -> tuple[str, bytes]:
    """The whole letter as a file: its name and content, with the mark that tells every program it is UTF-8."""
    text = f"{_head(words, letter).screen().text}\n\n{letter.text}\n"
    what = "letter" if letter.channel == "email" else "message"
    name = f"{what}-{letter.number}.txt" if letter.number else f"{what}.txt"
    return name, text.encode("utf-8-sig", "replace")


def whole_letter_caption(words: Words, letter: WholeLetter) -> Screen:
    """What stands below that file."""
    return _head(words, letter).screen()


def _head(words: Words, letter: WholeLetter) -> Rich:
    name = line_of(letter.author or letter.contact, 120) or words("card-nameless")
    who = f"{name}, {words.when(letter.sent_at)}"
    if letter.channel != "email":
        return Rich().add(f"💬 {who}", Markup.BOLD)
    subject = line_of(letter.subject, 200) or words("letter-no-subject")
    return Rich().add(f"✉️ {subject}", Markup.BOLD).line(who)


def _pieces(text: str, first: int) -> list[str]:
    """The text divided into messages, at a line's end or a word's where one is near."""
    pieces: list[str] = []
    limit = first
    while units(text) > limit:
        cut = _cut(text, limit)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip("\n")
        limit = LONGEST
    return [*pieces, text] if text or not pieces else pieces


def _cut(text: str, limit: int) -> int:
    """How many characters fit into so many UTF-16 units, without tearing a line or a word that need not be."""
    end = left = 0
    for char in text:
        left += 2 if char > "\uffff" else 1
        if left > limit:
            break
        end += 1
    for border in ("\n", " "):
        if (found := text.rfind(border, end // 2, end)) > 0:
            return found + 1
    return end


def _address(address: str) -> str:
    return line_of(readable_email(address), 100)
