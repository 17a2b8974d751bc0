"""Who wrote this: by the conversation, by the channel's address, by a phone or an e-mail, or somebody new.

A batch of messages is matched at once: everything it refers to is loaded in a few selects, then each message
finds its person in memory, where two messages of one new person meet each other too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update

from core import journal, search
from core.channel import Address as Known
from core.channel import Sender
from core.contacts.model import Address, Contact
from core.database import Transaction, among

SHARED_BY = 3  # what more contacts than this hold (info@, a family's phone) says nothing about who writes
EVERYWHERE = frozenset(("phone", "email"))  # kinds that several people may share; all others are one person's
MOST_TYPED = 50  # addresses of one person; with more, a site sends everybody's or a robot tries them out
A_CROWD = 32  # more holders than addresses asked for: among those is one that everybody gives
_HOLDERS = select(Address.contact_id).where(among(Address.key, "keys")).limit(bindparam("most"))
# Of each address as many holders as tell that it is shared; those merged away are not counted among them.
_RANKED = (
    select(
        Address.contact_id,
        func.row_number()
        .over(partition_by=(Address.key, Contact.merged_to.is_(None)), order_by=Address.contact_id)
        .label("place"),
    )
    .join(Contact, Contact.id == Address.contact_id)
    .where(among(Address.key, "keys"))
    .subquery()
)
_FIRST_HOLDERS = select(_RANKED.c.contact_id).where(_RANKED.c.place <= SHARED_BY + 1)
_KNOWN = select(Contact.id, Contact.number, Contact.name, Contact.language, Contact.is_client).where(
    among(Contact.id, "ids")
)
_ADDRESSES = select(
    Address.key,
    Address.contact_id,
    Address.kind,
    Address.value,
    Address.username,
    Address.closed_at,
).where(among(Address.contact_id, "ids"))
_MERGED = (
    select(Contact.id, Contact.merged_to)
    .where(among(Contact.id, "ids"))
    .order_by(Contact.id)
    .with_for_update(key_share=True)
)
_ANSWERS = (
    select(journal.Journal.contact_id, journal.Journal.verb, journal.Journal.details)
    .where(
        among(journal.Journal.contact_id, "contacts"),
        journal.Journal.verb.in_(("told-apart", "told-apart-undone")),
    )
    .order_by(journal.Journal.id)
)


@dataclass(slots=True)
class Individual:
    """A contact while a batch is being filed."""

    id: int
    number: int
    name: str
    language: str | None
    is_client: bool
    keys: set[str] = field(default_factory=set)
    addresses: list[tuple[str, str, str | None]] = field(default_factory=list)  # kind, value, username
    is_new: bool = False

    @property
    def values(self) -> set[str]:
        """What an address of theirs consists of: somebody without a name is called so."""
        return {key.rpartition(":")[2] for key in self.keys}


class Match(NamedTuple):
    """Who it is and what told us: "conversation", an address key, or None for somebody new."""

    person: Individual
    by: str | None
    candidates: tuple[int, ...] = ()  # several fit: a person should decide whether they are one
    was: str | None = None  # what they were called until they told their name now


class People:
    """Everybody a batch may be about. `match` finds or introduces; `write` puts down what is new."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._by_id: dict[int, Individual] = {}
        self._by_key: defaultdict[str, list[Individual]] = defaultdict(list)
        self._new_people: list[Individual] = []
        self._new_addresses: list[dict[str, Any]] = []
        self._usernames: dict[str, str | None] = {}  # key → username now; who gives one up has none
        self._known_usernames: dict[str, str | None] = {}
        self._closed: set[str] = set()  # addresses where nothing could be delivered any more
        self._reopened: set[str] = set()  # of those, from which somebody has just written
        self._renamed: dict[int, str] = {}

    def load(self, keys: Collection[str], contact_ids: Collection[int] = ()) -> None:
        """Read and lock the contacts behind these keys and ids, following merges, with all their addresses.

        What was loaded before is forgotten: it may have changed before we had the locks.
        """
        tx = self._tx
        self._by_id.clear()
        self._by_key.clear()
        most = len(keys) + A_CROWD
        held = tx.ask(_HOLDERS, keys=keys, most=most + 1)
        if len(held) > most:  # thousands gave "no@no.ru": they are not all to be locked and read
            held = tx.ask(_FIRST_HOLDERS, keys=keys)
        found = {row[0] for row in held} | set(contact_ids)
        if not found:
            return
        survivors = lock_contacts(tx, found)
        ids = set(survivors.values())
        for row in tx.ask(_KNOWN, ids=ids):
            self._by_id[row.id] = Individual(row.id, row.number, row.name, row.language, row.is_client)
        for merged, survivor in survivors.items():
            self._by_id[merged] = self._by_id[survivor]
        for known in tx.ask(_ADDRESSES, ids=ids):
            person = self._by_id[known.contact_id]
            person.keys.add(known.key)
            person.addresses.append((known.kind, known.value, known.username))
            self._by_key[known.key].append(person)
            self._known_usernames[known.key] = known.username
            if known.closed_at is not None:
                self._closed.add(known.key)

    def get(self, contact_id: int) -> Individual:
        """The person behind a contact that was loaded, wherever it was merged to."""
        return self._by_id[contact_id]

    @property
    def known_ids(self) -> set[int]:
        """The contacts that were in the database before this batch."""
        return {person.id for person in self._by_id.values() if not person.is_new}

    def match(self, sender: Sender, conversation_contact: int | None) -> Match:
        """Whose message this is, learning what is new about them; somebody unknown is introduced."""
        match = self.recognise(sender, conversation_contact)
        if isinstance(match, Match):
            return self._learn(sender, match)
        return self._learn(sender, Match(self._introduce(sender), None, match))

    def recognise(self, sender: Sender, conversation_contact: int | None) -> Match | tuple[int, ...]:
        """Who it is, without a side effect; or the contacts that may be meant, none when nobody fits.

        Somebody known under another identity of the very same network is not taken for the writer on the word of a
        phone or an e-mail alone: a family shares one, a number passes to somebody else.
        """
        if conversation_contact is not None:
            return Match(self.get(conversation_contact), "conversation")
        if not any(address.key in self._by_key for address in sender.addresses):
            return ()  # a stranger, as most first messages are
        for address in sender.addresses:
            if address.kind not in EVERYWHERE and (holders := self._by_key.get(address.key)):
                return Match(holders[0], address.key)
        shared = [a for a in sender.addresses if a.kind in EVERYWHERE]
        candidates: dict[int, list[str]] = {}
        doubtful: set[int] = set()
        for address in shared:
            for person in self._holders(address.key):
                if _is_somebody_else(person, sender):
                    doubtful.add(person.id)
                else:
                    candidates.setdefault(person.id, []).append(address.key)
        if len(candidates) > 1:
            # Somebody who holds every address given is meant, rather than those who hold one of them each.
            complete = [id for id, keys in candidates.items() if len(keys) == len(shared)]
            if len(complete) == 1:
                candidates = {complete[0]: candidates[complete[0]]}
        if len(candidates) == 1:
            ((contact_id, keys),) = candidates.items()
            return Match(self._by_id[contact_id], keys[0])
        return tuple(sorted(doubtful.union(candidates)))

    def _holders(self, key: str) -> Sequence[Individual]:
        """Who holds an address, as long as it says anything about who writes."""
        holders = self._by_key.get(key, [])
        return holders if len(holders) <= SHARED_BY else []

    def write(self) -> None:
        """Put down everybody and every address that is new."""
        tx = self._tx
        for person, number in zip(
            self._new_people, tx.numbers("contact", len(self._new_people)), strict=True
        ):
            person.number = number
        tx.insert(
            Contact,
            [
                {
                    "id": person.id,
                    "number": person.number,
                    "name": person.name[:300],
                    "language": person.language,
                    "is_client": False,
                    "wants_follow_ups": True,
                    "company_id": None,
                    "merged_to": None,
                    "created_at": tx.now,
                }
                for person in self._new_people
            ],
        )
        tx.insert(Address, self._new_addresses)
        search.index(tx, [(person.id, person.name) for person in self._new_people])
        if self._renamed:
            tx.update(Contact, [{"id": id, "name": name[:300]} for id, name in self._renamed.items()])
            search.reindex(tx, list(self._renamed.items()))
        for key, username in self._usernames.items():
            tx.connection.execute(update(Address).where(Address.key == key).values(username=username))
        if self._reopened:
            tx.connection.execute(
                update(Address)
                .where(among(Address.key, self._reopened))
                .values(closed_at=None, closed_why=None)
            )

    def _introduce(self, sender: Sender) -> Individual:
        person = Individual(
            self._tx.new_id(), 0, _name_of(sender), _language(sender.language), is_client=False, is_new=True
        )
        self._by_id[person.id] = person
        self._new_people.append(person)
        return person

    def _learn(self, sender: Sender, match: Match) -> Match:
        person = match.person
        others: set[int] = set()  # who else holds what this person turns out to hold: perhaps they are one
        for address in sender.addresses:
            key = address.key
            if key in self._closed and address.proved:
                self._reopened.add(key)  # who writes from there can be written to
            if key not in person.keys:
                others.update(other.id for other in self._holders(key) if not other.is_new)
                # A messenger's address that already is somebody else's stays theirs.
                if address.kind not in EVERYWHERE and self._by_key.get(key):
                    continue
                if address.kind in EVERYWHERE and len(person.keys) >= MOST_TYPED:
                    continue
                person.keys.add(key)
                self._by_key[key].append(person)
                self._new_addresses.append(_row(self._tx, person.id, address))
                self._known_usernames[key] = _username(address)
            elif self._known_usernames.get(key) != _username(address):
                self._known_usernames[key] = self._usernames[key] = _username(address)
        if sender.name and sender.name != person.name and not is_own_name(person.name, person.values):
            match = match._replace(was=person.name)
            person.name = sender.name
            if not person.is_new:
                self._renamed[person.id] = sender.name
        return match._replace(candidates=tuple(sorted(others))) if others and not match.candidates else match


def lock_contacts(tx: Transaction, contact_ids: Iterable[int]) -> dict[int, int]:
    """Lock these contacts in one order and say who each of them is now, after merges.

    Whoever opens, closes, converts or merges anything of a contact takes this lock first: without it more than
    half of the people who wrote through two addresses at once got two open leads.
    """
    wanted = set(contact_ids)
    survivors: dict[int, int] = {}
    pending = {id: id for id in wanted}  # who was asked for → who to look at
    for _ in range(16):  # merges of merges; a circle cannot be, but must not hang us either
        rows = {row.id: row.merged_to for row in tx.ask(_MERGED, ids=sorted(set(pending.values())))}
        moved = {asked: rows[at] for asked, at in pending.items() if rows.get(at) is not None}
        survivors.update({asked: at for asked, at in pending.items() if asked not in moved})
        if not moved:
            break
        pending = {asked: int(at) for asked, at in moved.items()}
    return survivors


def is_own_name(name: str, values: Collection[str]) -> bool:
    """Whether a person has told their name; else they are called by one of their addresses."""
    return bool(name) and not name.startswith("@") and name not in values


def note_matches(tx: Transaction, matches: Sequence[tuple[int, Match]]) -> None:
    """Leave a line for each person recognised by an address, so that the card can say why and undo it."""
    tx.insert(
        journal.Journal,
        [
            journal.entry(
                tx,
                "system",
                "contact-recognised",
                lead_id=lead_id or None,
                contact_id=match.person.id,
                details={"by": match.by} if match.was is None else {"by": match.by, "was": match.was},
            )
            for lead_id, match in matches
            if match.by not in (None, "conversation")
        ],
    )


def suggest_merges(tx: Transaction, matches: Sequence[tuple[int, Match]]) -> None:
    """Where several known people fitted, leave a line that a manager will see on the card.

    Not of those of whom a manager has said that they are two people.
    """
    doubtful = [(lead_id, match) for lead_id, match in matches if match.candidates]
    if not doubtful:
        return
    apart = _told_apart(tx, {id for _, match in doubtful for id in (match.person.id, *match.candidates)})
    lines: list[dict[str, Any]] = []
    for lead_id, match in doubtful:
        person = match.person.id
        if asked := [one for one in match.candidates if frozenset((person, one)) not in apart]:
            lines.append(
                journal.entry(
                    tx,
                    "system",
                    "merge-suggested",
                    lead_id=lead_id or None,
                    contact_id=person,
                    details={"contacts": asked},
                )
            )
    tx.insert(journal.Journal, lines)


def _told_apart(tx: Transaction, contact_ids: Collection[int]) -> set[frozenset[int]]:
    apart: set[frozenset[int]] = set()
    for contact_id, verb, details in tx.connection.execute(_ANSWERS, {"contacts": contact_ids}):
        pair = frozenset((contact_id, details["contact"]))
        if verb == "told-apart":
            apart.add(pair)
        else:
            apart.discard(pair)
    return apart


def _is_somebody_else(person: Individual, sender: Sender) -> bool:
    """Whether the person has another identity of a network on which the writer has one."""
    for address in sender.addresses:
        if address.kind not in EVERYWHERE and address.scope:
            network = f"{address.kind}:{address.scope}:"
            if any(key.startswith(network) and key != address.key for key in person.keys):
                return True
    return False


def _row(tx: Transaction, contact_id: int, address: Known) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "contact_id": contact_id,
        "key": address.key,
        "kind": address.kind,
        "value": address.value,
        "username": _username(address),
        "is_exclusive": address.kind not in EVERYWHERE,
        "is_proved": address.proved,
        "closed_at": None,
        "closed_why": None,
        "created_at": tx.now,
    }


def _username(address: Known) -> str | None:
    """Lower case, in which it is looked for: networks take no account of case in it."""
    return address.username.lower() if address.username else None


def _name_of(sender: Sender) -> str:
    if sender.name:
        return sender.name
    for address in sender.addresses:
        if address.username:
            return "@" + address.username
    shown = [address.value for address in sender.addresses if address.kind in EVERYWHERE]
    return shown[0] if shown else ""


def _language(declared: str | None) -> str | None:
    return declared.split("-")[0].lower()[:8] if declared else None
