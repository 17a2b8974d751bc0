"""The card of a lead: everything before the first word to a customer, and every deed as a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of, plain, units
from bot.screens.automation import NEXT, automation
from bot.screens.conversation import conversation
from bot.screens.exclusions import pattern_of
from bot.screens.fields import extensions, field_name, lead_fields
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.contacts.phones import readable_phone
from core.conversations.shown import ShownAs, ShownMessage
from core.desk.cards import Card
from core.desk.messages import Said
from core.desk.persons import KnownAddress, Recognition
from core.desk.schedule import Planned
from core.staff.managers import Person

_CHANNELS = ("telegram", "email", "form", "whatsapp", "vk", "max", "chat", "call", "staff")
_UNANSWERABLE = {
    "excluded": "excluded",
    "blocked": "blocked",
    "deactivated": "deactivated",
    "not_found": "not_found",
    "bounced": "bounced",
    "account-retired": "account-retired",
    "one-way": "no-way",
    "no-mailbox": "no-mailbox",
    "email-of-another": "email-of-another",
    "no-conversation": "no-way",
}
WHOLE = 2  # messages that can be opened whole below a card or a notice
_LONG = 1000  # UTF-16 units of one; a card may have no room for more
_WAITS = timedelta(minutes=1)  # before it is worth a line how long somebody has waited
_HEAD = 2200  # UTF-16 units the facts above the conversation may take, however much a form has sent


def card_screen(
    words: Words, card: Card, reader: Person, *, heading: str = "", title: str = "", remark: str = ""
) -> Screen:
    """The card as this person sees it now. The conversation is cut to what fits, the buttons never.

    `heading` is a line above it, `title` stands in place of its own first line, `remark` below the facts.
    """
    head = _facts(words, card, reader, heading, title)
    if remark:
        head.line(remark, Markup.ITALIC)
    tail = automation(words, card, reader)
    rich = Rich().extend(head)
    budget = LONGEST - head.units - tail.units - 4
    earlier = max(card.spoken - len(card.messages), 0)
    said = conversation(words, card.messages, contact_name(words, card), budget, card=card, earlier=earlier)
    if said.units:
        rich.gap().line().extend(said)
    if tail.units:
        rich.gap().line().extend(tail)
    return rich.screen(*_buttons(words, card, reader))


def contact_name(words: Words, card: Card) -> str:
    """What the person is called, or that they are nameless."""
    return line_of(card.contact_name, 80) or words("card-nameless")


def shown_as(card: Card) -> ShownMessage:
    """What a message that shows this card is about: a reply to it goes to where the lead was last spoken in.

    It is drawn anew when others change the lead.
    """
    return replace(shown_about(card), screen=ShownAs.CARD)


def shown_about(card: Card) -> ShownMessage:
    """What a choice, a history, a file of this lead is about: like `shown_as`, but it stays as it is."""
    last = card.messages[-1].conversation_id if card.messages else None
    return ShownMessage(card.id, card.way.conversation_id or last)


def channel_name(words: Words, channel: str) -> str:
    """A channel as people call it."""
    if channel in _CHANNELS:
        return words(f"channel-{channel}")
    return words("channel-other", name=line_of(channel, 40))


def capitalised(name: str) -> str:
    """A name at the beginning of a line."""
    return name[:1].upper() + name[1:]


def whole_buttons(words: Words, said: Sequence[Said], room: int) -> tuple[Button, ...]:
    """A button for each of the latest messages that may be cut: a letter to its new part, others to `room` units."""
    cut = [one for one in said if one.has_more or (one.direction == "in" and units(one.text) > room)]
    buttons = []
    for one in cut[-WHOLE:]:
        what = "letter" if one.channel == "email" else "message"
        text = words(f"button-whole-{what}")
        if len(cut) > 1:
            text = words(f"button-whole-{what}-of", when=words.when(one.sent_at))
        buttons.append(Button(text, data(Action.WHOLE_LETTER, one.id)))
    return tuple(buttons)


def files_button(words: Words, card: Card) -> Button:
    """All files of a lead, the latest first."""
    return Button(words("button-files", count=card.files), data(Action.FILES, card.id))


def address_of(words: Words, address: KnownAddress, extension: str | None = None) -> str:
    """An address as one reads it: a phone as it is dialled, a username where there is one."""
    shown = line_of(address.value, 80)
    if extension:
        shown = words("card-extension", phone=shown, extension=line_of(extension, 10))
    if address.kind not in ("phone", "email"):
        name = f"@{line_of(address.username, 64)}" if address.username else f"id {shown}"
        shown = f"{channel_name(words, address.kind)} {name}"
    return words("card-address-closed", address=shown) if address.closed_at else shown


def _facts(words: Words, card: Card, reader: Person, heading: str, title: str) -> Rich:
    rich = Rich()
    if heading:
        rich.add(heading, Markup.BOLD).line()
    rich.add(title or words("card-heading", number=card.number, stage=plain(card.stage_title)), Markup.BOLD)
    rich.line(contact_name(words, card), Markup.BOLD)
    if card.is_client:
        rich.add(f" · {words('card-client')}")
    if card.addresses:
        known = extensions(card)
        rich.line(" · ".join(address_of(words, one, known.get(one.value)) for one in card.addresses[:6]))
    source = line_of(card.source, 100)
    channel = capitalised(channel_name(words, card.channel))
    if source:
        rich.line(words("card-from", channel=channel, source=source))
    elif card.channel not in {address.kind for address in card.addresses}:
        rich.line(channel)
    rich.line(_responsibility(words, card, reader))
    if card.outcome == "open" and card.waiting_since and words.now - card.waiting_since >= _WAITS:
        rich.line(f"⏱ {words('card-waits', time=words.lasting(words.now - card.waiting_since))}")
    if card.outcome != "open" and card.closed_at:
        _closing(words, card, rich)
    _earlier(words, card, rich)
    _person(words, card, rich)
    for name, value in lead_fields(card)[:12]:
        rich.line(f"{field_name(words, name)}: ", Markup.ITALIC).add(line_of(value, 150))
    for note in card.notes:
        written = line_of(note.text, 300)
        rich.line(
            f"📝 {words('card-note', name=line_of(note.author, 40), when=words.when(note.at), text=written)}"
        )
    return rich if rich.units <= _HEAD else rich.cut(_HEAD)


def _responsibility(words: Words, card: Card, reader: Person) -> str:
    if card.responsible is None:
        return words("card-free" if card.outcome == "open" else "card-nobody")
    if card.outcome != "open":
        return words("card-was-of", name=line_of(card.responsible.name, 60))
    if card.is_taken:
        mine = card.responsible.id == reader.id
        return (
            words("card-yours") if mine else words("card-taken-by", name=line_of(card.responsible.name, 60))
        )
    if card.responsible.id == reader.id:
        return words("card-offered")
    return words("card-offered-to", name=line_of(card.responsible.name, 60))


def recognised(words: Words, card: Card, recognition: Recognition) -> str:
    """By what somebody was taken for a person we know; in a form that names another, who is named there."""
    said = (one for one in card.messages if one.conversation_id == recognition.conversation_id)
    if name := next((one.author_name for one in said if one.channel == "form" and one.author_name), None):
        return f"🔗 {words('card-recognised-named', kind=recognition.kind, name=line_of(name, 60))}"
    return f"🔗 {words('card-recognised', address=line_of(recognition.value, 80))}"


def _closing(words: Words, card: Card, rich: Rich) -> None:
    if card.closed_at is None:
        return
    when = words.when(card.closed_at)
    if card.reason:
        rich.line(words("card-closed-reason", when=when, reason=plain(card.reason)))
    else:
        rich.line(words("card-closed", when=when))
    if card.comment:
        rich.line(words("card-comment", text=line_of(card.comment, 300)), Markup.ITALIC)


def _earlier(words: Words, card: Card, rich: Rich) -> None:
    before = card.earlier
    if before is None:
        return
    outcome = words("outcome-success" if before.outcome == "success" else "outcome-failure")
    when = words.when(before.closed_at) if before.closed_at else ""
    if before.reason:
        reason = plain(before.reason)
        line = words("card-before-reason", number=before.number, outcome=outcome, reason=reason, when=when)
    else:
        line = words("card-before", number=before.number, outcome=outcome, when=when)
    if before.responsible:
        line += f" · {words('card-before-by', name=line_of(before.responsible.name, 60))}"
    rich.line(f"↩️ {line}")
    if before.comment:
        rich.line(words("card-comment", text=line_of(before.comment, 200)), Markup.ITALIC)


def _person(words: Words, card: Card, rich: Rich) -> None:
    if card.missing and card.outcome == "open":
        what = ", ".join(
            words(f"missing-{name}") for name in card.missing if name in ("name", "phone", "email")
        )
        rich.line(f"❔ {words('card-missing', what=what)}")
    if card.recognition and not card.recognition.is_separated:
        rich.line(recognised(words, card, card.recognition))
    for suggestion in card.suggestions[:2]:
        name = line_of(suggestion.name, 60) or words("card-nameless")
        known = [f" · {address_of(words, address)}" for address in suggestion.addresses[:2]]
        rich.line(f"🔗 {words('card-suggested', name=name)}").add("".join(known))
    if card.outcome == "open" and card.way.why_not:
        _unanswerable(words, card, card.way.why_not, rich)
    elif card.exclusion is not None:
        rich.line(f"🚫 {words('card-excluded')}")
    elif card.outcome == "open" and card.way.channel and card.way.channel != card.channel:
        name = channel_name(words, card.way.channel)
        rich.line(words("card-answer-goes", kind=card.way.channel, channel=name))


def _unanswerable(words: Words, card: Card, why_not: str, rich: Rich) -> None:
    """Why no answer can be written, and what can be done instead."""
    why = _UNANSWERABLE.get(why_not)
    text = words(f"unanswerable-{why}") if why else words("unanswerable-other", why=line_of(why_not))
    phone = phone_of(card)
    if phone is None or why == "excluded":
        rich.line(f"🚫 {words('card-cannot-answer', why=text)}")
        return
    shown = readable_phone(phone)
    if extension := extensions(card).get(phone):
        shown = words("card-extension", phone=shown, extension=line_of(extension, 10))
    if why == "no-way":
        rich.line(f"📞 {words('card-only-call', phone=shown)}")
    else:
        rich.line(f"🚫 {words('card-cannot-answer-call', why=text, phone=shown)}")


def phone_of(card: Card) -> str | None:
    """The telephone under which this person can be called, the first they gave."""
    return next((address.value for address in card.addresses if address.kind == "phone"), None)


def can_be_called(card: Card) -> bool:
    """Whether the customer should get a call: they wait for an answer, or nothing but a call is left."""
    if card.outcome != "open" or card.exclusion is not None or phone_of(card) is None:
        return False
    return card.waiting_since is not None or card.way.why_not is not None


def _buttons(words: Words, card: Card, reader: Person) -> list[tuple[Button, ...]]:
    lead = card.id
    is_open = card.outcome == "open"
    is_mine = card.is_taken and card.responsible is not None and card.responsible.id == reader.id
    first: list[Button] = []
    second: list[Button] = []
    third: list[Button] = []
    undo: tuple[Button, ...] = ()
    if card.awaits_taking:
        first.append(Button(words("button-take"), data(Action.TAKE, lead)))
    if card.way.why_not is None:
        first.append(Button(words("button-reply"), data(Action.REPLY, lead)))
    if card.letters_to and card.exclusion is None:
        first.append(Button(words("button-letter"), data(Action.LETTER, lead)))
    if can_be_called(card):
        first.append(Button(words("button-called"), data(Action.CALLED, lead)))
    if is_open:
        second.append(Button(words("button-stage"), data(Action.STAGES, lead)))
        if is_mine or not card.is_taken or reader.is_admin:
            second.append(Button(words("button-hand-over"), data(Action.COLLEAGUES, lead)))
        second.append(Button(words("button-junk"), data(Action.REASONS, lead)))
    elif not card.can_undo_exclusion:
        second.append(Button(words("button-reopen"), data(Action.REOPEN, lead, card.fence)))
    third.append(Button(words("button-note"), data(Action.NOTE, lead)))
    third.append(Button(words("button-history"), data(Action.HISTORY, lead)))
    if card.files:
        third.append(files_button(words, card))
    if card.earlier is not None:
        third.append(
            Button(
                words("button-lead", number=card.earlier.number),
                data(Action.OPEN, card.earlier.lead_id),
            )
        )
    if reader.is_admin and card.exclusion is None:
        third.append(Button(words("button-exclude"), data(Action.EXCLUDE_PERSON, lead)))
    if reader.is_admin and card.can_undo_exclusion:
        undo = (Button(words("button-undo-exclusion"), data(Action.UNDO_EXCLUDE, lead)),)
    elif reader.is_admin and card.exclusion is not None:
        label = words("button-lift-one", pattern=line_of(pattern_of(words, card.exclusion), 40))
        undo = (Button(label, data(Action.LIFT, card.exclusion.id, 1, lead)),)
    letters = whole_buttons(words, card.messages, _LONG)
    return [
        *_in_rows(first),
        letters,
        *_in_rows(second),
        undo,
        *_in_rows(third),
        *_corrections(words, card),
    ]


def _in_rows(buttons: Sequence[Button]) -> list[tuple[Button, ...]]:
    """Four in a row cannot be read on a telephone: up to three stay together, more make two rows."""
    half = len(buttons) if len(buttons) <= 3 else -(-len(buttons) // 2)
    return [tuple(buttons[:half]), tuple(buttons[half:])]


def _corrections(words: Words, card: Card) -> list[tuple[Button, ...]]:
    """What was decided for the manager and can be undone by one."""
    rows: list[tuple[Button, ...]] = []
    lead = card.id
    failed = [
        said.dispatch
        for said in card.messages
        if said.dispatch and said.dispatch.state in ("refused", "uncertain") and not said.is_automatic
    ]
    if failed and card.way.why_not is None:
        rows.append((Button(words("button-send-again"), data(Action.SEND_AGAIN, lead, failed[-1].id)),))
    if card.recognition:
        key = "button-rejoin" if card.recognition.is_separated else "button-separate"
        action = Action.REJOIN if card.recognition.is_separated else Action.SEPARATE
        rows.append((Button(words(key), data(action, lead, card.recognition.conversation_id)),))
    rows += [
        (
            Button(
                words("button-merge", name=line_of(other.name, 30) or words("card-nameless")),
                data(Action.MERGE, lead, other.contact_id),
            ),
            Button(words("button-tell-apart"), data(Action.TELL_APART, lead, other.contact_id)),
        )
        for other in card.suggestions[:2]
    ]
    if card.outcome == "open":
        rows += [(_cancel_button(words, lead, planned),) for planned in card.planned[:NEXT]]
    return rows


def _cancel_button(words: Words, lead_id: int, planned: Planned) -> Button:
    label = words("button-cancel-timer", robot=line_of(planned.robot, 30))
    return Button(label, data(Action.CANCEL_TIMER, lead_id, planned.timer_id))
