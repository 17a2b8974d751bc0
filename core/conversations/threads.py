"""Which conversation a message belongs to: the account's thread, or the letter it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from core.channel import InboundMessage
from core.conversations.model import Conversation, LetterId, Message
from core.database import Transaction, among
from core.lines.accounts import AccountRef

SIGNED = "conversation:"  # the channel found our own signed id in the message: it names the conversation
_CONVERSATION = select(
    Conversation.id,
    Conversation.thread,
    Conversation.contact_id,
    Conversation.lead_id,
    Conversation.last_in_at,
    Conversation.closed_at,
    Conversation.closed_why,
).where(Conversation.account_id == bindparam("account"))
_BY_THREAD = _CONVERSATION.where(among(Conversation.thread, "keys"))
_BY_ID = _CONVERSATION.where(among(Conversation.id, "keys"))
_MESSAGES = select(
    Message.id,
    Message.conversation_id,
    Message.external_id,
    Message.text,
    Message.lead_id,
    Message.edited_at,
).where(among(Message.conversation_id, "conversations"), among(Message.external_id, "ids"))


@dataclass(slots=True)
class Thread:
    """A conversation while a batch is being filed."""

    id: int
    thread: str
    contact_id: int
    lead_id: int | None
    last_in_at: datetime | None = None
    is_new: bool = False
    closed_at: datetime | None = None  # since when nothing can be delivered here
    closed_why: str | None = None
    is_touched: bool = False
    subject: str | None = None


class Threads:
    """The conversations a batch refers to, and those it begins."""

    def __init__(self, tx: Transaction, account: AccountRef) -> None:
        self._tx = tx
        self._account = account
        self._by_thread: dict[str, Thread] = {}
        self._by_id: dict[int, Thread] = {}
        self._by_letter: dict[str, tuple[Thread, bool]] = {}
        self._messages: dict[tuple[int, str], Any] = {}

    def load(self, messages: Sequence[InboundMessage]) -> None:
        """Read the conversations these messages name, the letters they answer, and which of them we have."""
        signed = {int(m.thread.removeprefix(SIGNED)) for m in messages if m.thread.startswith(SIGNED)}
        self._read(_BY_THREAD, {_name(m) for m in messages})
        letters = {letter_key(reference): reference for m in messages for reference in m.references}
        rows: Sequence[Any] = ()
        if letters:
            rows = self._tx.connection.execute(
                select(LetterId.letter, LetterId.conversation_id, Message.direction)
                .join(Message, Message.id == LetterId.message_id)
                .where(LetterId.account_id == self._account.id, among(LetterId.letter, letters))
            ).all()
            signed |= {row.conversation_id for row in rows}
        if signed:
            self._read(_BY_ID, signed)
        for row in rows:
            if thread := self._by_id.get(row.conversation_id):
                self._by_letter[row.letter] = (thread, row.direction == "out")
        ids = [m.message_id for m in messages if m.message_id]
        if self._by_id and ids:
            for row in self._tx.ask(_MESSAGES, conversations=self._by_id, ids=ids):
                self._messages[(row.conversation_id, row.external_id)] = row

    def reread(self) -> bool:
        """Whose these conversations are now that the contacts are locked; true when one has passed to another.

        A manager may have said that it is somebody else's while we waited for the lock.
        """
        if self._tx.is_sqlite or not self._by_id:
            return False  # SQLite has one writer: nobody was faster
        moved = False
        for row in self._tx.ask(_BY_ID, account=self._account.id, keys=list(self._by_id)):
            thread = self._by_id[row.id]
            moved = moved or thread.contact_id != row.contact_id
            thread.contact_id, thread.lead_id = row.contact_id, row.lead_id
        return moved

    def find(self, message: InboundMessage) -> Thread | None:
        """The conversation a message continues.

        A letter may be answered by anyone who holds one of ours, whose ids nobody can guess. An id of the
        customer's own letter proves nothing, so it counts only from the address the conversation is with.
        """
        name = message.thread
        if name.startswith(SIGNED):
            if thread := self._by_id.get(int(name.removeprefix(SIGNED))):
                return thread
            name = _name(message)
        if thread := self._by_thread.get(name):
            return thread
        for reference in message.references:
            known = self._by_letter.get(letter_key(reference))
            if known and (known[1] or self.is_with(known[0], message)):
                return known[0]
        return None

    def begin(self, message: InboundMessage, contact_id: int) -> Thread:
        """A new conversation with somebody."""
        name = _name(message)
        thread = Thread(self._tx.new_id(), name, contact_id, None, is_new=True, subject=message.subject)
        self._by_thread[name] = self._by_id[thread.id] = thread
        return thread

    def message(self, thread: Thread, external_id: str | None) -> Any | None:
        """The message we already have under the network's id."""
        return self._messages.get((thread.id, external_id)) if external_id else None

    def remember(self, thread: Thread, external_id: str | None, row: Any) -> None:
        """A message filed just now, so that an edit or a double in the same batch finds it."""
        if external_id:
            self._messages[(thread.id, external_id)] = row

    def is_with(self, thread: Thread, message: InboundMessage) -> bool:
        """Whether a letter comes from the address its conversation is with."""
        return any(thread.thread == f"mail:{address.value}" for address in message.sender.addresses)

    @property
    def contact_ids(self) -> set[int]:
        """Whom the known conversations are with."""
        return {thread.contact_id for thread in self._by_id.values()}

    def write(self) -> None:
        """Put down the conversations that begin and those that were written to."""
        tx = self._tx
        touched = [t for t in self._by_id.values() if t.is_touched]
        tx.insert(
            Conversation,
            [
                {
                    "id": thread.id,
                    "account_id": self._account.id,
                    "thread": thread.thread,
                    "contact_id": thread.contact_id,
                    "lead_id": thread.lead_id,
                    "channel": self._account.channel,
                    "subject": thread.subject,
                    "created_at": tx.now,
                    "last_in_at": thread.last_in_at,
                    "last_out_at": None,
                    "seen_id": 0,
                    "closed_at": thread.closed_at,
                    "closed_why": thread.closed_why,
                }
                for thread in touched
                if thread.is_new
            ],
        )
        tx.update(
            Conversation,
            [
                {
                    "id": thread.id,
                    "contact_id": thread.contact_id,
                    "lead_id": thread.lead_id,
                    "last_in_at": thread.last_in_at,
                    "closed_at": thread.closed_at,
                    "closed_why": thread.closed_why,
                }
                for thread in touched
                if not thread.is_new
            ],
        )

    def _read(self, statement: Select[*tuple[Any, ...]], keys: Collection[Any]) -> None:
        for row in self._tx.ask(statement, account=self._account.id, keys=keys):
            thread = Thread(
                row.id,
                row.thread,
                row.contact_id,
                row.lead_id,
                row.last_in_at,
                closed_at=row.closed_at,
                closed_why=row.closed_why,
            )
            self._by_thread[thread.thread] = self._by_id[thread.id] = thread


def _name(message: InboundMessage) -> str:
    """The network's own name of its conversation; also when the signed one is another mailbox's, or gone."""
    signed = message.thread.startswith(SIGNED)
    return f"mail:{message.sender.addresses[0].value}" if signed else message.thread


def letter_key(message_id: str) -> str:
    """What a Message-ID is kept as: strangers choose its length."""
    return hashlib.sha256(message_id.strip("<> \t").encode()).hexdigest()
