"""What robots do. The world is read once for many leads, each decision is pure, the deeds are rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import bindparam, exists, func, select, text
from sqlalchemy.orm import aliased

from core import journal
from core.automation import conditions
from core.automation.model import Robot, Start
from core.automation.templates import first_name, render
from core.contacts.model import Contact
from core.conversations.model import Delivery, Direction, Message
from core.conversations.notices import Wish, notify_all
from core.conversations.outbound import Utterance, say
from core.conversations.redrawing import redraw_cards
from core.conversations.routes import Route, open_routes
from core.database import Transaction, among
from core.errors import Refusal
from core.exclusions.hits import excluded_contacts
from core.language import in_language
from core.leads.model import Lead, LeadOutcome, StageVisit
from core.leads.stages import Move, enter_stages
from core.lines.model import Line

# Two machines that greet each other stop here: five to one conversation in two hours.
AUTOMATIC_AT_MOST = 5
AUTOMATIC_WITHIN = timedelta(hours=2)
ROUNDS = 8  # how often rules alone may move one lead; then they chase each other

log = structlog.get_logger("automation")

FAILED = "failed: "  # what the reason of a run begins with that could not act


@dataclass(frozen=True, slots=True)
class RobotRef:
    """A robot as it is configured now."""

    id: int
    name: str
    stage_id: int
    start: str
    delay_seconds: int
    action: str
    parameters: Mapping[str, Any]
    condition: Sequence[Sequence[Any]] | None
    stops_on_answer: bool
    once_per_lead: bool
    late_seconds: int | None

    @property
    def is_follow_up(self) -> bool:
        """It says something that nobody has just asked for: whoever wants no follow-ups does not want it."""
        return self.action == "message" and (self.start == Start.ANSWERED or self.delay_seconds > 0)


class Run(NamedTuple):
    """One run of a robot for one stay of a lead in a stage. `key` makes its message one."""

    robot: RobotRef
    lead_id: int
    visit_id: int
    conversation_id: int | None
    key: str
    language: str | None = None
    words: str = (
        "text"  # which of the robot's: "greeting" for who has merely opened the chat, "closed" outside hours
    )
    is_let_in: bool = False  # the person passed the gate in this very transaction


class Facts(NamedTuple):
    """What is true of a lead when a robot looks at it: a row of `_FACTS`."""

    lead_id: int
    number: int
    contact_id: int
    name: str
    outcome: str
    visit_id: int
    channel: str
    source: str | None
    is_repeat: bool
    responsible_id: int | None
    text: str  # what the lead is about: its title, and where a condition looks at it all that was written
    language: str | None
    line_language: str
    company: str
    wants_follow_ups: bool


_ROBOT = select(
    Robot.id,
    Robot.name,
    Robot.stage_id,
    Robot.start,
    Robot.delay_seconds,
    Robot.action,
    Robot.parameters,
    Robot.condition,
    Robot.stops_on_answer,
    Robot.once_per_lead,
    Robot.late_seconds,
).where(Robot.is_active)
_OF_STAGES = _ROBOT.where(among(Robot.stage_id, "stages")).order_by(Robot.position, Robot.id)
_BY_ID = _ROBOT.where(among(Robot.id, "ids"))
_FACTS = (
    select(
        Lead.id,
        Lead.number,
        Lead.contact_id,
        Contact.name,
        Lead.outcome,
        Lead.visit_id,
        Lead.channel,
        Lead.source,
        Lead.is_repeat,
        Lead.responsible_id,
        Lead.title,
        Contact.language,
        Line.language,
        Line.title,
        Contact.wants_follow_ups,
    )
    .join(Contact, Contact.id == Lead.contact_id)
    .join(Line, Line.id == Lead.line_id)
    .where(among(Lead.id, "leads"))
)
_WRITTEN = (
    select(Message.lead_id, Message.text)
    .where(among(Message.lead_id, "leads"), Message.direction == Direction.IN)
    .order_by(Message.id)
)
_WAITING = select(Lead.contact_id).where(
    among(Lead.contact_id, "contacts"), Lead.outcome == LeadOutcome.OPEN, Lead.waiting_since.is_not(None)
)
_VISIT = aliased(StageVisit)
_BY_RULE = "robot:%"
_MOVED_BY_RULES = (
    select(StageVisit.lead_id, func.count())
    .where(
        among(StageVisit.lead_id, "leads"),
        StageVisit.entered_by.like(_BY_RULE),
        ~exists().where(
            _VISIT.lead_id == StageVisit.lead_id,
            _VISIT.id > StageVisit.id,
            _VISIT.entered_by.not_like(_BY_RULE),
        ),
        ~exists().where(
            Message.lead_id == StageVisit.lead_id, Message.id > StageVisit.id, Message.is_automatic.is_(False)
        ),
    )
    .group_by(StageVisit.lead_id)
)
_ON_THEIR_WAY = select(Delivery.conversation_id).where(
    text("delivery.state IN ('waiting', 'sending')"),  # in the words of the index over lanes
    among(Delivery.lane, "lanes"),
    Delivery.is_automatic.is_(False),
)
_SAID = select(Delivery.key).where(among(Delivery.key, "keys"))
_SAID_LATELY = (
    select(Message.conversation_id, func.count())
    .where(
        among(Message.conversation_id, "conversations"),
        Message.direction == Direction.OUT,
        Message.is_automatic,
        Message.sent_at > bindparam("since"),
    )
    .group_by(Message.conversation_id)
)


def robots_of(tx: Transaction, stage_ids: Collection[int]) -> dict[int, list[RobotRef]]:
    """The active robots of these stages, in their order."""
    found: dict[int, list[RobotRef]] = {}
    for row in tx.ask(_OF_STAGES, stages=stage_ids):
        found.setdefault(row.stage_id, []).append(RobotRef(*row))
    return found


def robots_by_id(tx: Transaction, ids: Collection[int]) -> dict[int, RobotRef]:
    """These robots, without those that have been switched off."""
    return {row.id: RobotRef(*row) for row in tx.ask(_BY_ID, ids=ids)}


def perform(tx: Transaction, runs: Sequence[Run]) -> dict[str, str | None]:
    """Do what these robots do, each after looking at the world as it is now.

    Returns per run's key None when it was done, or the reason for which it was skipped: "closed", "stage-left",
    "customer-wrote", "unsubscribed", "condition", "excluded", "blocked" or why else nothing can be delivered
    there, "no-way", "too-many-typed" (letters to typed addresses, see `open_routes`), "nobody", "already-said",
    "no-text", "answer-on-its-way", "circle" (rules
    move the lead round and round), "too-many" (a machine may be answering us that neither its headers nor its
    address gave away), or "failed: …" with the error of a robot that
    is set up wrongly. One that fails keeps no other from acting.
    """
    facts = _facts(tx, runs)
    routes = open_routes(tx, {run.conversation_id for run in runs if run.conversation_id is not None})
    passed = {run.lead_id for run in runs if run.is_let_in}
    excluded = excluded_contacts(tx, {fact.contact_id for id, fact in facts.items() if id not in passed})
    said = already_said(tx, [run.key for run in runs])
    waiting, unheard = _waiting(tx, runs, facts), _unheard(tx, runs)
    moved = _moved_by_rules(tx, {run.lead_id for run in runs if run.robot.action == "stage"})
    lately = _said_lately(tx, {route.conversation_id for route in routes.values()})
    results: dict[str, str | None] = {}
    utterances: list[Utterance] = []
    wishes: list[Wish] = []
    moves: dict[int, tuple[Run, Move]] = {}  # by lead
    circles: list[Run] = []
    later: list[Run] = []  # what comes after a move looks again: the stay may be over
    for run in runs:
        if run.key in results and results[run.key] is None:
            continue  # one wish, said twice
        if run.lead_id in moves:
            later.append(run)
            continue
        fact = facts.get(run.lead_id)
        route = routes.get(run.conversation_id) if run.conversation_id is not None else None
        is_loop = route is not None and lately[route.conversation_id] >= AUTOMATIC_AT_MOST
        is_excluded = bool(fact and fact.contact_id in excluded)
        try:
            reason = _why_not(run, fact, route, run.key in said, is_excluded, is_loop)
            if reason is None and fact is not None and run.robot.start == Start.ANSWERED:
                reason = _why_no_silence(run, fact, waiting, unheard)
            results[run.key] = reason
            if reason is not None or fact is None:
                continue
            match run.robot.action:
                case "message" if route is not None:
                    utterances.append(_utterance(run, fact, route))
                    lately[route.conversation_id] += 1
                case "message":
                    results[run.key] = "no-way"
                case "notify" if fact.responsible_id is not None:
                    wishes.append(_wish(run, fact, fact.responsible_id))
                case "notify":
                    results[run.key] = "nobody"
                case "stage" if moved[run.lead_id] >= ROUNDS:
                    results[run.key] = "circle"
                    circles.append(run)
                case "stage":
                    moves[run.lead_id] = run, _move_of(run)
                case unknown:
                    results[run.key] = f"{FAILED}there is no action {unknown!r}"
        except Exception as error:
            log.exception("a robot is set up wrongly", robot_id=run.robot.id, lead_id=run.lead_id)
            results[run.key] = _failed(error)
    say(tx, utterances)
    notify_all(tx, wishes)
    _name_circles(tx, circles)
    results |= _move(tx, list(moves.values()))
    return results | perform(tx, later) if later else results


def _name_circles(tx: Transaction, runs: Sequence[Run]) -> None:
    for run in runs:
        stage_id = run.robot.stage_id
        log.warning("rules chase each other", lead_id=run.lead_id, stage_id=stage_id, robot_id=run.robot.id)
        journal.note(tx, "system", "automation-stopped", lead_id=run.lead_id, details={"stage": stage_id})


def _move_of(run: Run) -> Move:
    parameters = run.robot.parameters
    reason = parameters.get("reason")  # of the junk reasons; only a failure stage wants one
    return Move(
        run.lead_id,
        int(parameters["stage"]),
        f"robot:{run.robot.id}",
        int(reason) if reason is not None else None,
    )


def _move(tx: Transaction, moves: Sequence[tuple[Run, Move]]) -> dict[str, str | None]:
    """All at once; where one is refused, one by one, so that the others are not held back. Refusals write nothing."""
    if not moves:
        return {}
    try:
        enter_stages(tx, [move for _, move in moves])
        redraw_cards(tx, [move.lead_id for _, move in moves])
    except (Refusal, LookupError) as error:
        if len(moves) == 1:
            ((run, _),) = moves
            log.warning(
                "a robot's move is refused", robot_id=run.robot.id, lead_id=run.lead_id, why=repr(error)
            )
            return {run.key: _failed(error)}
    else:
        return {}
    results: dict[str, str | None] = {}
    for one in moves:
        results |= _move(tx, [one])
    return results


def _failed(error: Exception) -> str:
    return f"{FAILED}{type(error).__name__}: {error}"[:500]


def _wish(run: Run, fact: Facts, responsible_id: int) -> Wish:
    text = in_language(run.robot.parameters["text"], fact.line_language, fact.line_language)
    facts = (("text", _words(text, fact)),)
    return Wish(
        responsible_id, "robot", run.lead_id, facts=facts, key=run.key if run.robot.once_per_lead else None
    )


def _why_not(
    run: Run, fact: Facts | None, route: Route | None, is_said: bool, is_excluded: bool, is_loop: bool
) -> str | None:
    if fact is None:
        return "closed"
    if fact.visit_id != run.visit_id:
        return "stage-left" if fact.outcome == LeadOutcome.OPEN else "closed"
    if run.robot.is_follow_up and not fact.wants_follow_ups:
        return "unsubscribed"
    if run.robot.condition and not conditions.holds(run.robot.condition, _condition_facts(fact)):
        return "condition"
    if is_excluded:
        return "excluded"
    if run.robot.action != "message":
        return "already-said" if is_said else None
    if route is None or route.contact_id != fact.contact_id:  # set apart since: it is somebody else's
        return "no-way"
    if route.closed_why is not None:
        return route.closed_why
    if is_said:
        return "already-said"
    if not run.robot.parameters.get(run.words):
        return "no-text"
    if is_loop:
        return "too-many"
    return None


def _why_no_silence(
    run: Run, fact: Facts, waiting: Collection[int], unheard: Collection[int | None]
) -> str | None:
    if fact.contact_id in waiting:
        return "customer-wrote"
    if run.conversation_id in unheard:
        return "answer-on-its-way"
    return None


def _utterance(run: Run, fact: Facts, route: Route) -> Utterance:
    text = in_language(run.robot.parameters[run.words], run.language or fact.language, fact.line_language)
    return Utterance(
        conversation_id=route.conversation_id,
        account_id=route.account_id,
        lead_id=run.lead_id,
        author=f"robot:{run.robot.id}",
        text=_words(text, fact),
        key=run.key,
        stops_on_answer=run.robot.stops_on_answer,
        fields={"follow_up": True} if run.robot.is_follow_up else {},
    )


def _words(text: str, fact: Facts) -> str:
    return render(text, {"name": first_name(fact.name), "number": str(fact.number), "company": fact.company})


def _condition_facts(fact: Facts) -> dict[str, Any]:
    return {
        "channel": fact.channel,
        "source": fact.source,
        "repeat": fact.is_repeat,
        "language": fact.language,
        "text": fact.text,
        "responsible": fact.responsible_id,
    }


def _facts(tx: Transaction, runs: Sequence[Run]) -> dict[int, Facts]:
    rows = tx.ask(_FACTS, leads={run.lead_id for run in runs})
    found = {facts.lead_id: facts for facts in map(Facts._make, rows)}
    # A condition may be anything that somebody has put there.
    if looked_at := {run.lead_id for run in runs if "text" in str(run.robot.condition)} & found.keys():
        for written in tx.ask(_WRITTEN, leads=looked_at):
            fact = found[written.lead_id]
            found[fact.lead_id] = fact._replace(text=f"{fact.text}\n{written.text}")
    return found


def _moved_by_rules(tx: Transaction, lead_ids: Collection[int]) -> Counter[int]:
    """How often rules have moved each lead since a person moved it or wrote in it."""
    rows = tx.ask(_MOVED_BY_RULES, leads=lead_ids) if lead_ids else ()
    return Counter({row[0]: row[1] for row in rows})


def _said_lately(tx: Transaction, conversation_ids: Collection[int]) -> Counter[int]:
    """How many automatic messages each conversation has got within `AUTOMATIC_WITHIN`."""
    rows = tx.ask(_SAID_LATELY, conversations=conversation_ids, since=tx.now - AUTOMATIC_WITHIN)
    return Counter({row[0]: row[1] for row in rows})


def _waiting(tx: Transaction, runs: Sequence[Run], facts: Mapping[int, Facts]) -> set[int]:
    """The people behind runs that wait for silence who have written in any of their leads and wait for an answer."""
    silent = {run.lead_id for run in runs if run.robot.start == Start.ANSWERED}
    people = {fact.contact_id for lead_id, fact in facts.items() if lead_id in silent}
    return {row[0] for row in tx.ask(_WAITING, contacts=people)} if people else set()


def _unheard(tx: Transaction, runs: Sequence[Run]) -> set[int | None]:
    """Conversations in which our answer has not arrived yet, of those runs that wait for silence after it."""
    after = {run.conversation_id for run in runs if run.robot.start == Start.ANSWERED}
    lanes = [f"conversation:{id}" for id in after if id is not None]
    if not lanes:
        return set()
    return {row[0] for row in tx.ask(_ON_THEIR_WAY, lanes=lanes)}


def already_said(tx: Transaction, keys: Collection[str]) -> set[str]:
    """Which of these keys something was said under."""
    return {row[0] for row in tx.ask(_SAID, keys=keys)}
