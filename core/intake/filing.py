"""The story of what comes in: counted, kept raw, excluded, matched to a person and a lead, filed. READ THIS FIRST.

An edge hands over everything it has taken from a network and not yet acknowledged. One transaction files it all:
what the batch refers to is loaded in a few set-based selects, decided in plain Python, written with bulk inserts.
Only after the commit does the edge acknowledge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from core import journal, search
from core.channel import Connected, Ignored, InboundFile, InboundMessage, Kind, Received, Unreadable
from core.contacts.people import Individual, Match, People, note_matches, suggest_merges
from core.conversations.bounces import bounce
from core.conversations.model import (
    Attachment,
    Delivery,
    Direction,
    FileState,
    LetterId,
    Message,
    MessageVersion,
)
from core.conversations.notices import Wish, notify_all
from core.conversations.threads import Thread, Threads, letter_key
from core.database import Transaction, among
from core.events import Answered, ContactClosed, CustomerWrote, FirstWords, MessageEdited
from core.exclusions.hits import Gate
from core.exclusions.patterns import pattern_keys, patterns_of
from core.intake.balance import Tally
from core.intake.booking import Entry, Filed, Parcel, book_in, book_out, lock
from core.intake.model import LedgerState
from core.language import language_of
from core.leads.opening import OPENED, Leads, Opening, OpenLead, title_of
from core.lines.accounts import ONE_WAY, AccountRef
from core.staff.managers import active, staff_among
from core.staff.model import StaffUpdate


def file_batch(
    tx: Transaction,
    account: AccountRef,
    parcels: Sequence[Parcel],
    *,
    again: Mapping[str, int] | None = None,
    ask_gate: bool = True,
) -> list[Filed]:
    """File everything an edge has taken, in its order; returns what became of each.

    `again` maps external ids to ledger entries that are taken a second time (a replay): they are filed instead
    of counted as duplicates. `ask_gate=False` lets in what an admin restores from the exclusions.
    A second call with the same input changes nothing but the count of duplicates.
    """
    again = again or {}
    tally = Tally(account.id, 0 if again else len(parcels))
    lock(tx, parcels)
    entries, results = book_in(tx, account, parcels, again, tally)
    staff = staff_among(tx, {p.received.staff_id for p in parcels if p.received.staff_id is not None})
    people_entries: list[tuple[Entry, InboundMessage]] = []
    for entry in entries:
        received = entry.parcel.received
        match received.understood:
            case _ if _is_for_staff(account, received, staff):
                _hand_to_bot(tx, account, entry)
            case Unreadable(error):
                entry.state, entry.reason = LedgerState.PARKED, error
            case InboundMessage() if account.channel == "staff":
                entry.state, entry.reason = LedgerState.IGNORED, "nobody is a customer of the managers' bot"
            case Ignored(reason):
                entry.state, entry.reason = LedgerState.IGNORED, reason
            case Connected() as connected:
                entry.state, entry.reason = LedgerState.IGNORED, "business connection"
                _look_who(tx, account, connected)
            case InboundMessage() as message:
                people_entries.append((entry, message))
    if people_entries:
        _File(tx, account, ask_gate).file(people_entries)
    book_out(tx, account, entries, again, tally)
    tally.write(tx)
    for entry in entries:
        results[id(entry.parcel)] = Filed(
            entry.ledger_id, entry.state, entry.message_id, entry.lead_id, entry.reason
        )
    return [results[id(parcel)] for parcel in parcels]


class _File:
    """One batch on its way into conversations and leads."""

    def __init__(self, tx: Transaction, account: AccountRef, ask_gate: bool) -> None:
        self.tx, self.account, self.ask_gate = tx, account, ask_gate
        self.gate, self.people = Gate(tx), People(tx)
        self.threads, self.leads = Threads(tx, account), Leads(tx, account.line_id)
        self.messages: list[dict[str, Any]] = []
        self.attachments: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.edits: dict[int, dict[str, Any]] = {}
        self.letters: list[dict[str, Any]] = []
        self.matches: list[tuple[int, Match]] = []
        self.wrote: list[tuple[Thread, OpenLead | None, Match, dict[str, Any]]] = []

    def file(self, items: Sequence[tuple[Entry, InboundMessage]]) -> None:
        if self.ask_gate:
            self.gate.load({key for _, message in items for key in _patterns(message)})
        let_in: list[tuple[Entry, InboundMessage]] = []
        for entry, message in items:
            if not self._is_stopped(entry, _patterns(message)):
                let_in.append((entry, message))
        self.threads.load([message for _, message in let_in])
        keys = {address.key for _, message in let_in for address in message.sender.addresses}
        self.people.load(keys, self.threads.contact_ids)
        if self.threads.reread():
            self.people.load(keys, self.threads.contact_ids)
        # What managers have seen of a conversation is remembered by the last message, so a later one has a greater id.
        self.tx.come_after()
        known = self._recognised(let_in)
        if self.ask_gate:
            self.gate.load({key for person in known.values() for key in person})
        self.leads.load(self.people.known_ids)
        for entry, message in let_in:
            if not self._is_stopped(entry, known.get(id(message), ())):
                self._one(entry, message)
        self._write()

    def _recognised(self, items: Sequence[tuple[Entry, InboundMessage]]) -> dict[int, set[str]]:
        """Every key of the people we already know behind these messages, by message.

        A letter into somebody else's conversation has two: who wrote it, and whom the conversation is with.
        """
        found: dict[int, set[str]] = {}
        for _, message in items:
            thread = self.threads.find(message)
            matches = [self.people.recognise(message.sender, thread.contact_id if thread else None)]
            if thread and self.account.channel == "email":
                matches.append(self.people.recognise(message.sender, None))
            if people := [match.person for match in matches if isinstance(match, Match)]:
                found[id(message)] = {
                    key for person in people for address in person.addresses for key in pattern_keys(*address)
                }
        return found

    def _is_stopped(self, entry: Entry, patterns: Any) -> bool:
        if not self.ask_gate or (exclusion_id := self.gate.stops(patterns)) is None:
            return False
        entry.state, entry.exclusion_id = LedgerState.EXCLUDED, exclusion_id
        return True

    def _one(self, entry: Entry, message: InboundMessage) -> None:
        thread = self.threads.find(message)
        entry.state = LedgerState.FILED
        if (
            thread
            and message.kind is not Kind.EDIT
            and (have := self.threads.message(thread, message.message_id))
        ):
            if self.account.channel != "email" or _says_the_same(have.text, message.text):
                # The same message under another key of the network: we have it, and it stays one.
                entry.state, entry.reason = LedgerState.IGNORED, "already filed"
                entry.message_id, entry.lead_id = have.id, have.lead_id
                return
            # Some programs give every letter the same Message-ID: what differs is another letter.
            message = replace(message, message_id=None)
        if thread and self.account.channel == "email":
            message = replace(message, author=message.author or self._third_person(message, thread))
        match message.kind:
            case Kind.MESSAGE:
                self._message(entry, message, thread)
            case Kind.EDIT:
                self._edit(entry, message, thread)
            case Kind.OUTGOING:
                self._outgoing(entry, message, thread)
            case Kind.BLOCKED | Kind.UNBLOCKED:
                self._blocked(entry, message, thread)
            case Kind.BOUNCE:
                self._bounce(entry, message)

    def _message(self, entry: Entry, message: InboundMessage, thread: Thread | None) -> None:
        if message.automatic and not self._is_known(message, thread):
            entry.state, entry.reason = LedgerState.IGNORED, "written by a machine"
            return
        match = self.people.match(
            message.sender, thread.contact_id if thread and not message.author else None
        )
        owner = self.people.get(thread.contact_id) if thread else match.person
        if thread is None:
            thread = self.threads.begin(message, owner.id)
        lead = self.leads.find(owner.id, thread.lead_id)
        was_born = False
        if lead is None and not message.automatic:
            lead = self.leads.open(
                Opening(
                    contact_id=owner.id,
                    is_client=owner.is_client,
                    account_id=self.account.id,
                    channel=self.account.channel,
                    title=_title(message, owner),
                    source=message.source,
                    fields=message.fields,
                    conversation_id=thread.id,
                    occurred_at=message.sent_at,
                    language=language_of(message.sender.language, message.text),
                    is_let_in=self.ask_gate,
                )
            )
            was_born = lead is not None
        if lead is not None and lead.is_silent and not message.automatic:
            lead.source = lead.source or message.source
            if not message.opens:
                language = language_of(message.sender.language, message.text)
                self.leads.speaks(
                    lead, _title(message, owner), FirstWords(lead.id, thread.id, message.sent_at, language)
                )
        row = self._add_message(entry, message, thread, lead.id if lead else None, Direction.IN, "customer")
        if self.account.channel in ONE_WAY and message.sender.name != owner.name:
            row["author_name"] = message.sender.name or None  # known by an address, under another name
        thread.lead_id = lead.id if lead else thread.lead_id
        thread.contact_id = owner.id
        thread.last_in_at = max(thread.last_in_at or message.sent_at, message.sent_at)
        if not message.author:  # who writes can be written to, whatever was true before
            thread.closed_at = thread.closed_why = None
        if lead:
            self.leads.touch(lead, message.sent_at, waits=not (message.automatic or message.opens))
        entry.lead_id = lead.id if lead else None
        is_recognised = match.by not in (None, "conversation") and not match.person.is_new
        if was_born or ((is_recognised or match.candidates) and not message.author):
            self.matches.append((lead.id if lead else 0, match))
        if not message.automatic:
            self.wrote.append((thread, lead, match, row))

    def _third_person(self, message: InboundMessage, thread: Thread) -> str | None:
        """Who wrote into somebody else's conversation; None when it is the person it is with, from any address."""
        if self.threads.is_with(thread, message):
            return None
        known = self.people.recognise(message.sender, None)
        if isinstance(known, Match) and known.person.id == self.people.get(thread.contact_id).id:
            return None
        address = message.sender.addresses[0].value
        return f"{message.sender.name} <{address}>"[:300] if message.sender.name else address[:300]

    def _is_known(self, message: InboundMessage, thread: Thread | None) -> bool:
        return thread is not None or isinstance(self.people.recognise(message.sender, None), Match)

    def _edit(self, entry: Entry, message: InboundMessage, thread: Thread | None) -> None:
        known = self.threads.message(thread, message.message_id) if thread else None
        if known is None and message.automatic:
            entry.state, entry.reason = LedgerState.IGNORED, "an edit of our own message that we do not have"
            return
        if thread is None or known is None:
            # What was edited never reached us (it predates the line): the new text must not be lost.
            self._message(entry, message, thread)
            return
        entry.message_id, entry.lead_id = known.id, known.lead_id
        if known.edited_at is not None and known.edited_at > message.sent_at:
            entry.state, entry.reason = LedgerState.IGNORED, "edited again since"
            return
        fresh = self._fresh_files(known.id, message.files) if message.files else ()
        if known.text == message.text and not fresh:
            entry.state, entry.reason = LedgerState.IGNORED, "edited without a change of text"
            return
        if known.text != message.text:
            self.versions.append(
                {
                    "id": self.tx.new_id(),
                    "message_id": known.id,
                    "text": known.text,
                    "replaced_at": self.tx.now,
                }
            )
        self._attach(known.id, fresh)
        self.edits[known.id] = {"id": known.id, "text": message.text, "edited_at": message.sent_at}
        self.threads.remember(
            thread, message.message_id, _Known(known.id, known.lead_id, message.text, message.sent_at)
        )
        if not message.automatic:  # the owner's own words were no news, nor is what becomes of them
            self.tx.record(MessageEdited(thread.id, known.lead_id, known.id))

    def _outgoing(self, entry: Entry, message: InboundMessage, thread: Thread | None) -> None:
        if thread is None:
            entry.state, entry.reason = (
                LedgerState.IGNORED,
                "the owner wrote to somebody who never wrote to us",
            )
            return
        lead = self.leads.find(thread.contact_id, thread.lead_id)
        row = self._add_message(entry, message, thread, lead.id if lead else None, Direction.OUT, "owner")
        if lead and not message.automatic:  # the network's own greeting is no answer
            entry.lead_id = lead.id
            lead.waiting_since = None
            self.leads.touch(lead, message.sent_at, waits=False)
            self.leads.answered(lead, message.sent_at)
            self.tx.record(Answered(thread.id, lead.id, row["id"], message.sent_at))

    def _blocked(self, entry: Entry, message: InboundMessage, thread: Thread | None) -> None:
        if thread is None:
            entry.state, entry.reason = LedgerState.IGNORED, f"{message.kind} by somebody who never wrote"
            return
        closed = message.kind is Kind.BLOCKED
        if closed and thread.last_in_at is not None and thread.last_in_at > message.sent_at:
            entry.state, entry.reason = LedgerState.IGNORED, "has written to us since"
            return
        thread.closed_at = message.sent_at if closed else None
        thread.closed_why = "blocked" if closed else None
        thread.is_touched = True
        journal.note(
            self.tx, "customer", str(message.kind), lead_id=thread.lead_id, contact_id=thread.contact_id
        )
        if closed:
            self.tx.record(ContactClosed(thread.contact_id, "blocked"))

    def _bounce(self, entry: Entry, message: InboundMessage) -> None:
        from_delivery = bounce(self.tx, self.account.id, message)
        if not from_delivery:
            entry.state, entry.reason = LedgerState.IGNORED, "a bounce of nothing we sent"

    def _add_message(
        self,
        entry: Entry,
        message: InboundMessage,
        thread: Thread,
        lead_id: int | None,
        direction: Direction,
        author: str,
    ) -> dict[str, Any]:
        tx = self.tx
        message_id = tx.new_id()
        row = {
            "id": message_id,
            "conversation_id": thread.id,
            "lead_id": lead_id,
            "direction": direction,
            "author": author,
            "author_name": message.author,
            "content": message.content,
            "text": message.text,
            "whole_text": message.whole_text,
            "subject": message.subject,
            "external_id": message.message_id,
            "reply_to": message.reply_to,
            "group": message.group,
            "is_automatic": message.automatic,
            "fields": dict(message.fields) or None,
            "sent_at": message.sent_at,
            "edited_at": None,
        }
        self.messages.append(row)
        thread.is_touched = True
        self._attach(message_id, message.files)
        if self.account.channel == "email" and message.message_id:
            self.letters.append(
                {
                    "account_id": self.account.id,
                    "letter": letter_key(message.message_id),
                    "conversation_id": thread.id,
                    "message_id": message_id,
                }
            )
        self.threads.remember(thread, message.message_id, _Known(message_id, lead_id, message.text))
        entry.message_id, entry.lead_id = message_id, lead_id
        return row

    def _fresh_files(self, message_id: int, files: Sequence[InboundFile]) -> Sequence[InboundFile]:
        """Those that an edited message did not have before: what was replaced stays, what is new comes to it."""
        columns = (Attachment.kind, Attachment.name, Attachment.size, Attachment.reference, Attachment.sha256)
        rows = self.tx.connection.execute(select(*columns).where(Attachment.message_id == message_id)).all()
        before = [tuple(row) for row in rows]
        before += [
            (row["kind"], row["name"], row["size"], row["reference"], row["sha256"])
            for row in self.attachments
            if row["message_id"] == message_id
        ]
        # A network may give a file another reference each time: then it is known by its looks.
        known = {(kind, name, size) for kind, name, size, _, _ in before}
        references = {given for *_, reference, sha256 in before for given in (reference, sha256) if given}
        return [
            file
            for file in files
            if (file.kind, file.name, file.size) not in known
            and file.reference not in references
            and file.stored not in references
        ]

    def _attach(self, message_id: int, files: Sequence[InboundFile]) -> None:
        for file in files:
            self.attachments.append(
                {
                    "id": self.tx.new_id(),
                    "message_id": message_id,
                    "account_id": self.account.id,
                    "kind": file.kind,
                    "reference": file.reference,
                    "sha256": file.stored,
                    "name": file.name,
                    "media_type": file.media_type,
                    "size": file.size,
                    "state": FileState.STORED if file.stored else FileState.WAITING,
                    "error": None,
                    "due_at": None if file.stored else self.tx.now,
                    "attempts": 0,
                }
            )

    def _write(self) -> None:
        tx = self.tx
        self.gate.write()
        self.people.write()
        self.leads.write()  # before the conversations: so does what has arrived take hold of them
        self.threads.write()
        tx.insert(Message, self.messages)
        tx.insert(MessageVersion, self.versions)
        tx.insert(Attachment, self.attachments)
        tx.insert_ignoring(LetterId, self.letters)
        edits = list(self.edits.values())
        tx.update(Message, edits)
        said = [row for row in self.messages if row["content"] != "sticker"]
        search.index(
            tx, [(row["id"], search.said(row["text"], row["subject"], row["fields"])) for row in said]
        )
        search.reindex(tx, [(row["id"], row["text"]) for row in edits])
        if any(row["state"] == FileState.WAITING for row in self.attachments):
            tx.hint("files")
        suggest_merges(tx, self.matches)
        note_matches(tx, self.matches)
        for thread, lead, match, row in self.wrote:
            tx.record(
                CustomerWrote(
                    thread.id,
                    match.person.id,
                    lead.id if lead else None,
                    row["id"],
                    self.people.get(thread.contact_id).is_new,
                )
            )


class _Known(NamedTuple):
    id: int
    lead_id: int | None
    text: str
    edited_at: datetime | None = None


def _title(message: InboundMessage, owner: Individual) -> str:
    return OPENED if message.opens else message.subject or title_of(message.text) or owner.name


def _says_the_same(one: str, other: str) -> bool:
    """Whether two letters under one id are copies: a list adds a line at the end, nothing else differs."""
    one, other = one.strip(), other.strip()
    return one.startswith(other) or other.startswith(one)


def _hand_to_bot(tx: Transaction, account: AccountRef, entry: Entry) -> None:
    """What a manager did is stored before it is acknowledged; the bot takes it from there."""
    received = entry.parcel.received
    entry.state, entry.reason = LedgerState.IGNORED, "staff"
    tx.insert(
        StaffUpdate,
        [
            {
                "id": tx.new_id(),
                "account_id": account.id,
                "person_id": received.staff_id or 0,
                "update": _storable(json.loads(received.raw)),
                "received_at": tx.now,
                "lease_until": None,
                "attempts": 0,
            }
        ],
    )
    tx.hint("staff")


def _storable(value: Any) -> Any:
    """What neither database can hold gives way to a mark as long as it: what Telegram says of places stays true."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(below) for key, below in value.items()}
    return [_storable(below) for below in value] if isinstance(value, list) else value


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _look_who(tx: Transaction, account: AccountRef, connected: Connected) -> None:
    """Whoever finds a bot that may be let into business accounts can let it into theirs: the admins learn of strangers.

    It is not refused: whose account it is only people know, and nothing that customers write there shall be lost.
    """
    if account.channel == "staff" or staff_among(tx, {connected.person}):
        return
    # Once a day of each: whoever lets the bot in and puts it out again and again would ring all their telephones.
    news = f"connected:{account.id}:{connected.person}:{tx.now.date()}"
    facts = (("account_id", account.id), ("person", connected.person), ("name", connected.name))
    wishes = {
        f"{news}:{admin.id}": Wish(admin.id, "connected-by", facts=facts, key=f"{news}:{admin.id}")
        for admin in active(tx.connection)
        if admin.is_admin
    }
    told = set(tx.connection.execute(select(Delivery.key).where(among(Delivery.key, wishes))).scalars())
    notify_all(tx, [wish for key, wish in wishes.items() if key not in told])


def _is_for_staff(account: AccountRef, received: Received, staff: Collection[int]) -> bool:
    """Whether the managers' bot takes this.

    In a bot of the managers' own everything is for it: nobody is a customer there. Where they have such a bot,
    whoever writes to the line's is a customer, a manager who tries it out too.
    """
    if account.channel == "staff":
        return received.is_staff or received.staff_id is not None
    return account.serves_staff and (received.is_staff or received.staff_id in staff)


def _patterns(message: InboundMessage) -> list[str]:
    return [key for address in message.sender.addresses for key in patterns_of(address)]
