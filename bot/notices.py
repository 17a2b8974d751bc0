"""What managers are told unasked: a notice of kind and ids becomes words when it is sent, for its reader.

The worker calls `Notices` inside the transaction in which it claims the notice, so it reads the world as it
is now: parts of an album and quick second lines that came meanwhile are in it. Never imports aiogram.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.callbacks import Action, data
from bot.rich import Rich, line_of, plain, shortened
from bot.screens.cards import card_screen, channel_name, contact_name, files_button, recognised
from bot.screens.conversation import bounce_reason, conversation, file_line, label_of
from bot.screens.lists import list_data, lists_row
from bot.screens.relay import RELAYED, recognition_in, relay_buttons, relayed
from bot.screens.staff import account_name
from bot.screens.unanswerable import call_instead, instead
from bot.texts import Texts, Words
from core.channel import Button, Markup, OutboundFile, Screen
from core.clock import Clock
from core.conversations.preparing import NoticeRow, Rendered
from core.conversations.redrawing import message_of
from core.conversations.shown import ShownAs, look_up, was_shown_since
from core.database import Reading
from core.desk import messages
from core.desk.accounts import accounts
from core.desk.board import View
from core.desk.cards import Card, card
from core.desk.messages import Said
from core.lines.accounts import LISTENER, MAILBOX, SENDING
from core.staff import managers
from core.staff.managers import Person

log = structlog.get_logger("bot")
_ANSWER = 1500  # UTF-16 units of a colleague's answer or note
_FILES_SHOWN = 10  # of one notice; Telegram takes no more in an album
_TROUBLES = (
    "token-refused",
    "conflict",
    "unreachable",
    "silent",
    "webhook-set",
    "webhook-refused",
    "webhook-failing",
    "mailbox",
)
_PARTS = {  # of a mailbox: each is well or ill for itself
    MAILBOX: "account-part-mailbox",
    LISTENER: "account-part-listener",
    SENDING: "account-part-sending",
}
_CAUSES = (
    "blocked",
    "deactivated",
    "not_found",
    "shut",
    "account-retired",
    "too_large",
    "malformed",
    "gave_up",
    "excluded",
    "customer-wrote",
)


@dataclass(frozen=True, slots=True)
class Notices:
    """Renders notices; the assembly hands an instance to the worker.

    `timezone` is the line's (an IANA name). `staff_account_id` is the account of the managers' bot: files
    that came through this very bot are shown by the network's own reference, all others from the store.
    """

    texts: Texts
    clock: Clock
    timezone: str
    staff_account_id: int

    def __call__(self, connection: Reading, notice: NoticeRow) -> Rendered | None:
        """The notice in its reader's words; None when nothing is left to say (the worker cancels it)."""
        reader = managers.by_id(connection, notice.manager_id)
        if reader is None:
            return None
        words = self.texts.words(reader.language, self.timezone, self.clock.now())
        match notice.kind:
            case "new-lead" | "lead-given" | "lead-reopened-by" | "robot":
                return self._lead(connection, notice, reader, words)
            case "message":
                return self._message(connection, notice, reader, words)
            case "lead-moved-on":
                return self._moved_on(connection, notice, words)
            case "lead-closed-by":
                return self._closed_by(connection, notice, words)
            case "lead-noted":
                return self._noted(connection, notice, words)
            case "answered-by":
                return self._answered_by(connection, notice, words)
            case "leads-free":
                text = words("notice-leads-free", count=int(notice.facts.get("count") or 0))
                free = Button(words("button-all"), list_data(View.ALL))
                return Rendered(Screen(text, (), ((free,),)))
            case "many":
                return _many(notice, words)
            case "redraw":
                return self._redrawn(connection, notice, reader, words)
            case "files":
                return self._late_files(connection, notice, words)
            case "edited":
                return self._edited(connection, notice, words)
            case "delivery-failed" | "delivery-uncertain":
                return self._undelivered(connection, notice, words)
            case "delivered-late":
                return self._delivered_late(connection, notice, words)
            case "not-shown":
                return self._not_shown(connection, notice, words)
            case _:
                return _installation(connection, notice, words)

    def _lead(self, connection: Reading, notice: NoticeRow, reader: Person, words: Words) -> Rendered | None:
        shown = self._card(connection, notice.lead_id, words)
        if shown is None:
            return None
        new: tuple[Said, ...] = ()
        heading = title = ""
        match notice.kind:
            case "new-lead":
                mark, key = ("🔁", "card-repeat") if shown.is_repeat else ("🆕", "card-new")
                title = f"{mark} {words(key, number=shown.number)}"
                new, _ = self._unseen(connection, notice, words, shown)
            case "lead-given":
                giver = managers.by_id(connection, int(notice.facts.get("by") or 0))
                name = line_of(giver.name, 60) if giver else ""
                heading = words("notice-given", name=name) if name else words("notice-given-by-queue")
                new = tuple(said for said in shown.messages if said.direction == "in")
            case "lead-reopened-by":
                by = managers.by_id(connection, int(notice.facts.get("by") or 0))
                if by is None or shown.outcome != "open":
                    return None
                heading = words("notice-reopened-by", name=line_of(by.name, 60))
            case _:
                heading = f"🤖 {line_of(str(notice.facts.get('text', '')), 300)}"
        files, missed = self._files(notice, new, words)
        screen = card_screen(words, shown, reader, heading=heading, title=title, remark=missed)
        return Rendered(screen, files, _last_id(new), _only_id(new))

    def _message(
        self, connection: Reading, notice: NoticeRow, reader: Person, words: Words
    ) -> Rendered | None:
        shown = self._card(connection, notice.lead_id, words)
        if shown is None or notice.conversation_id is None:
            return None
        new, earlier = self._unseen(connection, notice, words, shown)
        if not new:
            return None
        is_theirs = shown.responsible is not None and shown.responsible.id == reader.id
        if (
            new[-1].is_seen
            and is_theirs
            and was_shown_since(connection, reader.telegram_id, shown.id, notice.delivery_id)
        ):
            return None  # an earlier notice, that had been put off, has told it meanwhile
        rich = Rich().add(f"💬 {words('notice-message', number=shown.number)}", Markup.BOLD)
        rich.add(f" · {contact_name(words, shown)}, {channel_name(words, new[-1].channel)}")
        last = new[-1]
        if known := recognition_in(shown, last.conversation_id, new):
            rich.line(recognised(words, shown, known))
        files, missed = self._files(notice, new, words)
        if missed:
            rich.line(missed, Markup.ITALIC)
        name, budget = contact_name(words, shown), RELAYED - rich.units - 2
        rich.line().extend(conversation(words, new, name, budget, card=shown, earlier=earlier, is_news=True))
        buttons = relay_buttons(words, shown, reader, new, last.conversation_id, last.id)
        if missed:
            buttons = (*buttons, (files_button(words, shown),))
        return Rendered(rich.screen(*buttons), files, _last_id(new), _only_id(new))

    def _moved_on(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """A lead the reader had is somebody else's by an admin's word."""
        shown = self._card(connection, notice.lead_id, words)
        by, to = (managers.by_id(connection, int(notice.facts.get(who) or 0)) for who in ("by", "to"))
        if shown is None or by is None or to is None:
            return None
        rich = Rich().add(f"↪️ {words('notice-moved-on', number=shown.number)}", Markup.BOLD)
        rich.add(f" · {contact_name(words, shown)}")
        if by.id == to.id:
            rich.line(words("notice-moved-on-taken", to=line_of(to.name, 60)))
        else:
            rich.line(words("notice-moved-on-to", name=line_of(by.name, 60), to=line_of(to.name, 60)))
        return Rendered(rich.screen((Button(words("button-card"), data(Action.OPEN, shown.id)),)))

    def _closed_by(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """A colleague has closed the reader's lead."""
        shown = self._card(connection, notice.lead_id, words)
        by = managers.by_id(connection, int(notice.facts.get("by") or 0))
        if shown is None or by is None or shown.outcome == "open":
            return None
        reason, name = plain(shown.reason or shown.stage_title), line_of(by.name, 60)
        heading = words("notice-closed-by", number=shown.number, name=name, reason=reason)
        rich = Rich().add(f"🗄 {heading}", Markup.BOLD).add(f" · {contact_name(words, shown)}")
        if shown.comment:
            rich.line(words("card-comment", text=line_of(shown.comment, 300)), Markup.ITALIC)
        return Rendered(rich.screen((Button(words("button-card"), data(Action.OPEN, shown.id)),)))

    def _noted(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """A colleague has written something down on the reader's lead, who may answer with a note of their own."""
        shown = self._card(connection, notice.lead_id, words)
        by = managers.by_id(connection, int(notice.facts.get("by") or 0))
        if shown is None or by is None:
            return None
        heading = words("notice-noted", number=shown.number, name=line_of(by.name, 60))
        rich = Rich().add(f"📝 {heading}", Markup.BOLD).add(f" · {contact_name(words, shown)}")
        rich.line(shortened(plain(str(notice.facts.get("text", ""))), _ANSWER), Markup.QUOTE)
        note = Button(words("button-note"), data(Action.NOTE, shown.id))
        return Rendered(rich.screen((note, Button(words("button-card"), data(Action.OPEN, shown.id)))))

    def _answered_by(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """A colleague has answered the reader's customer; the button goes on from there."""
        shown = self._card(connection, notice.lead_id, words)
        by = managers.by_id(connection, int(notice.facts.get("by") or 0))
        said = messages.message(connection, int(notice.facts.get("message_id") or 0), language=words.language)
        if shown is None or by is None or said is None:
            return None
        heading = words("notice-answered-by", number=shown.number, name=line_of(by.name, 60))
        rich = Rich().add(f"↩️ {heading}", Markup.BOLD).add(f" · {contact_name(words, shown)}")
        for file in said.files[:_FILES_SHOWN]:
            rich.line(f"📎 {file_line(words, file, label_of(said))}")
        if text := shortened(plain(said.text), _ANSWER):
            rich.line(text, Markup.QUOTE)
        reply = Button(words("button-reply"), data(Action.REPLY, shown.id, said.conversation_id))
        opens = Button(words("button-card"), data(Action.OPEN, shown.id))
        return Rendered(rich.screen((reply, opens) if shown.way.why_not is None else (opens,)))

    def _redrawn(
        self, connection: Reading, notice: NoticeRow, reader: Person, words: Words
    ) -> Rendered | None:
        """What the reader has on their screen of a lead that others have changed, as it is now."""
        if notice.account_id != self.staff_account_id:
            return None  # on a screen of the bot that managers worked in before
        message_id = int(notice.facts.get("telegram_message_id") or 0)
        if delivery_id := int(
            notice.facts.get("delivery_id") or 0
        ):  # was with the network when the lead changed
            message_id = message_of(connection, delivery_id) or 0
        about = look_up(connection, self.staff_account_id, reader.telegram_id, message_id)
        if about is None or about.screen is None:
            return None  # meanwhile it shows something else, which they asked for
        shown = self._card(connection, notice.lead_id, words)
        if shown is None:
            return None
        if about.screen == ShownAs.CARD:
            return Rendered(card_screen(words, shown, reader), edits=str(message_id))
        said = relayed(shown, about.conversation_id, about.message_id)
        buttons = relay_buttons(words, shown, reader, said, about.conversation_id, about.message_id)
        rows = tuple(row for row in buttons if row)
        return Rendered(Screen("", (), rows), edits=str(message_id))

    def _late_files(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """Files that had not been fetched yet when their message was shown, and those that never will be."""
        message_id = int(notice.facts.get("message_id") or 0)
        shown = self._card(connection, notice.lead_id, words)
        said = messages.message(connection, message_id, language=words.language)
        if shown is None or said is None:
            return None
        files, missed = self._files(notice, [said], words)
        missing = [file for file in said.files if file.state == "missing" or file.is_empty]
        if not files and not missed and not missing:
            return None
        key = "notice-files" if files or missed else "notice-files-missing"
        rich = Rich().add(words(key, number=shown.number, name=contact_name(words, shown)))
        if missed:
            rich.line(missed, Markup.ITALIC)
        for file in missing[:_FILES_SHOWN]:
            rich.line(f"📎 {file_line(words, file, label_of(said))}")
        buttons = () if files else (Button(words("button-card"), data(Action.OPEN, shown.id)),)
        if missed:
            buttons = (files_button(words, shown), *buttons)
        return Rendered(rich.screen(buttons), files, None, said.id)

    def _edited(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        shown = self._card(connection, notice.lead_id, words)
        said = messages.message(connection, int(notice.facts.get("message_id") or 0), language=words.language)
        if shown is None or said is None:
            return None
        if not said.is_seen:
            return None  # nobody has seen it yet: it is shown as it is now, by the notice that shows it
        rich = Rich().add(f"✏️ {words('notice-edited', number=shown.number)}", Markup.BOLD)
        rich.add(f" · {contact_name(words, shown)}")
        before = messages.versions(connection, said.id)
        if before:
            rich.line(words("notice-edited-before", text=line_of(before[-1][1], 300)), Markup.ITALIC)
        name, budget = contact_name(words, shown), RELAYED - rich.units - 2
        rich.line().extend(conversation(words, [said], name, budget, card=shown))
        buttons = (
            Button(words("button-reply"), data(Action.REPLY, shown.id, said.conversation_id, said.id)),
            Button(words("button-card"), data(Action.OPEN, shown.id)),
        )
        return Rendered(rich.screen(buttons if shown.way.why_not is None else buttons[1:]), (), None, said.id)

    def _undelivered(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        shown = self._card(connection, notice.lead_id, words)
        if shown is None:
            return None
        delivery_id = int(notice.facts.get("delivery_id") or 0)
        said = _sent_by(shown, delivery_id)
        if message_id := int(notice.facts.get("message_id") or 0):  # a bounce names the letter itself
            said = messages.message(connection, message_id, language=words.language)
        uncertain = notice.kind == "delivery-uncertain"
        heading = words("notice-uncertain" if uncertain else "notice-failed", number=shown.number)
        rich = Rich().add(f"{'❓' if uncertain else '✗'} {heading}", Markup.BOLD)
        rich.add(f" · {contact_name(words, shown)}")
        if not uncertain:
            rich.line(
                refusal_cause(words, str(notice.facts.get("cause", "")), str(notice.facts.get("reason", "")))
            )
        else:
            rich.line(words("uncertain-means"))
        if said is not None:
            rich.line().extend(conversation(words, [said], contact_name(words, shown), 1500, card=shown))
        if shown.way.why_not is not None:  # nothing can be sent there again: what else can be done
            if line := call_instead(words, shown):
                rich.line(line)
            return Rendered(rich.screen(*instead(words, shown)))
        first = []
        if delivery_id and notice.facts.get("cause") != "customer-wrote":
            first.append(Button(words("button-send-again"), data(Action.SEND_AGAIN, shown.id, delivery_id)))
        first.append(Button(words("button-card"), data(Action.OPEN, shown.id)))
        return Rendered(rich.screen(tuple(first)))

    def _delivered_late(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        shown = self._card(connection, notice.lead_id, words)
        if shown is None:
            return None
        rich = Rich().add(f"✓ {words('notice-delivered-late', number=shown.number)}", Markup.BOLD)
        rich.add(f" · {contact_name(words, shown)}")
        if said := _sent_by(shown, int(notice.facts.get("delivery_id") or 0)):
            rich.line().extend(conversation(words, [said], contact_name(words, shown), 1500, card=shown))
        return Rendered(rich.screen((Button(words("button-card"), data(Action.OPEN, shown.id)),)))

    def _not_shown(self, connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
        """A notice that Telegram takes in no form, and for whom it was; nothing of the refused words is in it."""
        shown = self._card(connection, notice.lead_id, words)
        person = managers.by_id(connection, int(notice.facts.get("manager_id") or 0))
        if shown is None or person is None:
            return None
        text = words("notice-not-shown", number=shown.number, name=line_of(person.name, 60))
        rich = Rich().add(f"⚠️ {text}", Markup.BOLD).line(line_of(str(notice.facts.get("reason", "")), 200))
        return Rendered(rich.screen((Button(words("button-card"), data(Action.OPEN, shown.id)),)))

    def _card(self, connection: Reading, lead_id: int | None, words: Words) -> Card | None:
        if lead_id is None:
            return None
        return card(
            connection,
            lead_id,
            now=words.now,
            language_default=self.texts.default,
            language=words.language,
        )

    def _unseen(
        self, connection: Reading, notice: NoticeRow, words: Words, shown: Card
    ) -> tuple[tuple[Said, ...], int]:
        """What this notice is about: what nobody was shown yet, and how much came before where that is too much.

        Where the lead is nobody's, several managers get the notice, and the first one's has been noted as seen
        already: then it is the message that caused the notice and what has come since.
        """
        if notice.conversation_id is None:
            return tuple(one for one in shown.messages if one.direction == "in" and not one.is_seen), 0
        new, earlier = messages.unseen(connection, notice.conversation_id, language=words.language)
        if new:
            return new, earlier
        came = [
            said
            for said in shown.messages
            if said.direction == "in" and said.conversation_id == notice.conversation_id
        ]
        since = [said for said in came if said.id > notice.delivery_id]
        cause = [said for said in came if said.id < notice.delivery_id][-1:]
        return (*cause, *since), 0

    def _files(
        self, notice: NoticeRow, said: Sequence[Said], words: Words
    ) -> tuple[tuple[OutboundFile, ...], str]:
        """The files of these messages, as far as they can be had now.

        Where Telegram has refused this notice for them, there are none, but a line that says so.
        """
        shown: list[OutboundFile] = []
        for file in (file for one in said for file in one.files):
            own = file.reference if file.account_id == self.staff_account_id else None
            if own or (file.sha256 and not file.is_empty):
                shown.append(
                    OutboundFile(
                        kind=file.kind,
                        name=file.name or file.kind,
                        path=None if own else file.sha256,
                        reference=own,
                        media_type=file.media_type,
                    )
                )
        brought = tuple(shown[-_FILES_SHOWN:])
        if notice.facts.get("files", True) or not brought:
            return brought, ""
        return (), words("notice-files-refused", count=len(brought))


def _sent_by(shown: Card, delivery_id: int) -> Said | None:
    """The message of the card's that this delivery was to bring, as far as the card still has it."""
    return next((said for said in shown.messages if said.dispatch and said.dispatch.id == delivery_id), None)


def _many(notice: NoticeRow, words: Words) -> Rendered:
    """What came while nobody could be told of each: how much, and where it is to be found."""
    new, others = int(notice.facts.get("new") or 0), int(notice.facts.get("others") or 0)
    rich = Rich().add(f"📥 {words('notice-many')}", Markup.BOLD)
    if new:
        rich.line(words("notice-many-new", count=new))
    if others:
        rich.line(words("notice-many-others", count=others))
    return Rendered(rich.gap().line(words("many-means")).screen(lists_row(words)))


def refusal_cause(words: Words, cause: str, reason: str) -> str:
    """Why something was not delivered, as its author reads it."""
    if cause == "bounced":
        return words("letter-bounced", why=bounce_reason(words, reason))
    if cause in _CAUSES:
        said = line_of(reason, 200) if cause == "malformed" else ""
        return words(f"cause-{cause}") + (f"\n{said}" if said else "")
    return words("cause-other", reason=line_of(reason, 200) or "?")


def _installation(connection: Reading, notice: NoticeRow, words: Words) -> Rendered | None:
    """What admins are told of the installation itself."""
    match notice.kind:
        case "account-trouble" | "account-well":
            named = {account.id: account for account in accounts(connection)}
            account = named.get(int(notice.facts.get("account_id") or 0))
            if account is None:
                return None  # the settings name it no more: what ails it is nobody's concern
            name = account_name(words, account.channel, account.title)
            if key := _PARTS.get(str(notice.facts.get("part"))):
                name = words(key, name=name)
            rich = Rich()
            if notice.kind == "account-well":
                rich.add(f"🟢 {words('notice-account-well', name=name)}", Markup.BOLD)
            else:
                rich.add(f"🔴 {words('notice-account-trouble', name=name)}", Markup.BOLD)
                rich.line(_trouble(words, str(notice.facts.get("why", ""))))
            return Rendered(rich.screen((Button(words("button-ledger"), data(Action.LEDGER)),)))
        case "parked":
            rich = Rich().add(f"⚠️ {words('notice-parked')}", Markup.BOLD).line(words("parked-means"))
            return Rendered(rich.screen((Button(words("button-parked"), data(Action.PARKED, 0)),)))
        case "connected-by":
            rich = Rich().add(f"⚠️ {words('notice-connected')}", Markup.BOLD)
            rich.line(f"{line_of(str(notice.facts.get('name')), 60)} · id {notice.facts.get('person')}")
            return Rendered(rich.line(words("connected-means")).screen())
        case "manager-unreachable":
            person = managers.by_id(connection, int(notice.facts.get("manager_id") or 0))
            if person is None:
                return None
            text = words("notice-unreachable", name=line_of(person.name, 60))
            screen = Screen(text, (), ((Button(words("button-managers"), data(Action.MANAGERS)),),))
            return Rendered(screen)
        case "manager-joined":
            person = managers.by_id(connection, int(notice.facts.get("manager_id") or 0))
            if person is None:
                return None
            inviter = managers.by_id(connection, int(notice.facts.get("by") or 0))
            text = words(
                "notice-joined" if inviter else "notice-joined-by-console",
                name=line_of(person.name, 60),
                role=words("role-admin" if person.is_admin else "role-manager"),
                **({"by": line_of(inviter.name, 60)} if inviter else {}),
            )
            screen = Screen(text, (), ((Button(words("button-managers"), data(Action.MANAGERS)),),))
            return Rendered(screen)
    log.error("a notice nobody can put into words", kind=notice.kind, delivery_id=notice.delivery_id)
    return None


def _trouble(words: Words, why: str) -> str:
    """What ails an account and what to do; the network's own words where we have none."""
    code, _, said = why.partition(": ")
    if code in _TROUBLES:
        return words(f"trouble-{code}") + (f"\n{line_of(said, 200)}" if said else "")
    return line_of(why, 300)


def _last_id(said: Sequence[Said]) -> int | None:
    return max((one.id for one in said), default=None)


def _only_id(said: Sequence[Said]) -> int | None:
    """The message that an answer to the notice answers; an answer to several quotes none of them."""
    return said[0].id if len({one.group or one.id for one in said}) == 1 else None
