"""What has happened to a lead, in order: deeds, stages, messages, automation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, and_, or_, select

from core.automation.model import Robot
from core.contacts.model import Contact
from core.conversations.model import Message as MessageRow
from core.database import among
from core.desk import schedule
from core.desk.cursors import Stretch, read_cursor, write_cursor
from core.desk.messages import Said, among_ids, author_names
from core.desk.persons import told_apart
from core.desk.schedule import Planned
from core.journal import Journal
from core.language import in_language
from core.leads.model import Lead
from core.leads.pipelines import all_reasons, all_stages
from core.staff import managers

# What each verb's facts are, in the words of a sentence. A fact that is not there is None.
FACTS: Mapping[str, tuple[str, ...]] = {
    "lead-created": ("responsible", "repeat"),
    "lead-taken": (),
    "lead-given": ("to",),
    "lead-handed-over": ("from", "to"),
    "stage-entered": ("from", "to", "reason", "comment", "reopened"),
    "called": (),
    "note": ("text",),
    "timer-cancelled": ("robot",),
    "automation-stopped": ("stage",),
    "contact-recognised": ("kind", "value"),
    "merge-suggested": ("names",),
    "contact-merged": ("into",),
    "contacts-merged": ("name",),
    "contact-unmerged": ("name",),
    "contact-separated": ("from", "name", "lead"),
    "contact-rejoined": ("name",),
    "told-apart": ("name", "contact"),  # `contact` while it holds: what `joining.undo_tell_apart` takes
    "told-apart-undone": ("name",),
    "contact-excluded": ("patterns", "comment"),
    "contact-let-in": ("patterns",),
    "exclusion-lifted": ("pattern",),
    "bounced": ("why",),
    "delayed": ("why",),
    "delivery-failed": ("cause", "reason"),
    "delivery-uncertain": (),
    "delivery-again": (),
    "blocked": (),
    "unblocked": (),
    "unsubscribed": (),
}
_UNTOLD = ("exclusion-added",)  # said once by "contact-excluded", not once per address


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the journal. `facts` are its details with names instead of ids, ready for a sentence.

    `actor` is as in the journal; `actor_name` a manager's or robot's name, None for customer and system.
    """

    id: int
    at: datetime
    actor: str
    actor_name: str | None
    verb: str
    facts: Mapping[str, str | int | None]  # see `FACTS`


@dataclass(frozen=True, slots=True)
class Message:
    """Something said, at `said.sent_at`."""

    id: int
    at: datetime
    said: Said


@dataclass(frozen=True, slots=True)
class Automation:
    """A robot's run that did not happen, and why."""

    id: int
    at: datetime
    run: Planned


Entry: TypeAlias = Deed | Message | Automation


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first; `earlier` and `later` are the cursors of the pages beside it, if there are any."""

    entries: tuple[Entry, ...]
    earlier: str | None = None
    later: str | None = None


def history(
    connection: Connection,
    lead_id: int,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int = 20,
    language: str,
) -> Page:
    """One page of a lead's history, oldest first: the latest, or what stands before or after another page."""
    place = read_cursor(before) or read_cursor(after)
    is_after = place is not None and read_cursor(before) is None
    stretch = Stretch(limit + 1, place, is_after)
    lines = _lines(connection, lead_id, stretch)
    spoken = _spoken(connection, lead_id, stretch)
    runs = schedule.let_be(connection, lead_id, stretch, language=language)
    order = sorted(
        [(line.at, line.id) for line in lines]
        + [(row.sent_at, row.id) for row in spoken]
        + [(run.settled_at, run.timer_id) for run in runs if run.settled_at is not None],
        reverse=not is_after,
    )
    shown, has_more = sorted(order[:limit]), len(order) > limit
    entries: dict[int, Entry] = {}
    wanted = {row_id for _, row_id in shown}
    for said in among_ids(connection, [row.id for row in spoken if row.id in wanted], language=language):
        entries[said.id] = Message(said.id, said.sent_at, said)
    for run in runs:
        if run.settled_at is not None:
            entries[run.timer_id] = Automation(run.timer_id, run.settled_at, run)
    for deed in _deeds(connection, [line for line in lines if line.id in wanted], language):
        entries[deed.id] = deed
    # There is something on the side one comes from: what stood on that page.
    has_earlier, has_later = (True, has_more) if is_after else (has_more, place is not None)
    return Page(
        tuple(entries[row_id] for _, row_id in shown),
        write_cursor(*shown[0]) if shown and has_earlier else None,
        write_cursor(*shown[-1]) if shown and has_later else None,
    )


def _lines(connection: Connection, lead_id: int, stretch: Stretch) -> Sequence[Any]:
    """The journal about the lead, and about its person where no lead is named."""
    contact_id = select(Lead.contact_id).where(Lead.id == lead_id).scalar_subquery()
    about = or_(Journal.lead_id == lead_id, and_(Journal.contact_id == contact_id, Journal.lead_id.is_(None)))
    lines = select(
        Journal.id, Journal.at, Journal.actor, Journal.verb, Journal.contact_id, Journal.details
    ).where(about, Journal.verb.not_in(_UNTOLD))
    return connection.execute(stretch.of(lines, Journal.at, Journal.id)).all()


def _spoken(connection: Connection, lead_id: int, stretch: Stretch) -> Sequence[Any]:
    spoken = select(MessageRow.id, MessageRow.sent_at).where(MessageRow.lead_id == lead_id)
    return connection.execute(stretch.of(spoken, MessageRow.sent_at, MessageRow.id)).all()


def _deeds(connection: Connection, lines: Sequence[Any], language: str) -> list[Deed]:
    if not lines:
        return []
    names = _Names(connection, lines, language)
    apart = _still_apart(connection, lines)
    actors = author_names(connection, {line.actor for line in lines}, language)
    return [
        Deed(
            line.id,
            line.at,
            line.actor,
            actors.get(line.actor),
            line.verb,
            _facts(line.verb, line.details or {}, names)
            | ({"contact": apart[line.id]} if line.id in apart else {}),
        )
        for line in lines
    ]


def _still_apart(connection: Connection, lines: Sequence[Any]) -> dict[int, int]:
    """Of the lines that tell two people apart, those that hold still, with the other person."""
    said = {
        (line.contact_id, line.details["contact"]): line.id for line in lines if line.verb == "told-apart"
    }
    return {line_id: other for (one, other), line_id in said.items() if told_apart(connection, one, [other])}


def _facts(verb: str, details: Mapping[str, Any], names: _Names) -> dict[str, str | int | None]:
    """The details of a line with names instead of ids."""
    reads: Mapping[str, Callable[[Any], str | int | None]] = {}
    given: Mapping[str, Any] = details
    match verb:
        case "lead-created":
            reads = {"responsible": names.manager}
        case "lead-given" | "lead-handed-over":
            reads = {"from": names.manager, "to": names.manager}
        case "stage-entered":
            reads = {"from": names.stage, "to": names.stage, "reason": names.reason}
        case "automation-stopped":
            reads = {"stage": names.stage}
        case "timer-cancelled":
            reads = {"robot": names.robot}
        case "contact-recognised":
            kind, _, rest = str(details["by"]).partition(":")
            given = {"kind": kind, "value": rest.rsplit(":", 1)[-1]}
        case "merge-suggested":
            given = {"names": [names.contact(contact_id) for contact_id in details["contacts"]]}
        case "contact-merged":
            given = {"into": names.contact(details["to"])}
        case "contacts-merged" | "contact-unmerged" | "told-apart" | "told-apart-undone":
            given = {"name": names.contact(details["contact"])}
        case "contact-separated":
            given = {
                "from": names.contact(details["from"]),
                "name": names.contact(details["to"]),
                "lead": details.get("number"),
            }
        case "contact-rejoined":
            given = {"name": names.contact(details["to"])}
    facts: dict[str, str | int | None] = {}
    for name in FACTS.get(verb, tuple(given)):
        value = given.get(name)
        if name in reads:
            value = reads[name](value)
        facts[name] = ", ".join(str(part) for part in value) if isinstance(value, list) else value
    return facts


class _Names:
    """Everybody and everything these lines name by an id."""

    def __init__(self, connection: Connection, lines: Sequence[Any], language: str) -> None:
        self._language = language
        self._stages, self._reasons = all_stages(connection), all_reasons(connection)
        managers_named: set[int] = set()
        contacts_named: set[int] = set()
        robots_named: set[int] = set()
        for line in lines:
            details = line.details or {}
            match line.verb:
                case "lead-created":
                    managers_named |= _ids(details, "responsible")
                case "lead-given" | "lead-handed-over":
                    managers_named |= _ids(details, "from", "to")
                case "timer-cancelled":
                    robots_named |= _ids(details, "robot")
                case "merge-suggested":
                    contacts_named |= set(details["contacts"])
                case _ if line.verb.startswith(("contact", "told-apart")):
                    contacts_named |= _ids(details, "from", "to", "contact")
        self._managers = managers.names(connection, managers_named) if managers_named else {}
        self._contacts = _contact_names(connection, contacts_named)
        self._robots = {}
        if robots_named:
            rows = connection.execute(select(Robot.id, Robot.title).where(among(Robot.id, robots_named)))
            self._robots = {row.id: in_language(row.title, language, language) for row in rows}

    def manager(self, manager_id: int | None) -> str | None:
        return self._managers.get(manager_id) if manager_id is not None else None

    def contact(self, contact_id: int | None) -> str | None:
        return self._contacts.get(contact_id) if contact_id is not None else None

    def robot(self, robot_id: int | None) -> str | None:
        return self._robots.get(robot_id) if robot_id is not None else None

    def stage(self, stage_id: int | None) -> str | None:
        stage = self._stages.get(stage_id) if stage_id is not None else None
        return in_language(stage.title, self._language, self._language) if stage else None

    def reason(self, reason_id: int | None) -> str | None:
        reason = self._reasons.get(reason_id) if reason_id is not None else None
        return in_language(reason.title, self._language, self._language) if reason else None


def _ids(details: Mapping[str, Any], *keys: str) -> set[int]:
    return {details[key] for key in keys if isinstance(details.get(key), int)}


def _contact_names(connection: Connection, contact_ids: Collection[int]) -> dict[int, str]:
    if not contact_ids:
        return {}
    rows = connection.execute(
        select(Contact.id, Contact.name, Contact.number).where(among(Contact.id, contact_ids))
    )
    return {row.id: row.name or f"#{row.number}" for row in rows}
