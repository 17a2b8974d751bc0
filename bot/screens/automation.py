"""What happens by itself, as managers read it: what comes next, and why something did not happen."""

from __future__ import annotations

from bot.rich import Rich, line_of
from bot.texts import Words
from core.automation.robots import FAILED
from core.channel import Markup
from core.desk.cards import Card
from core.desk.schedule import Planned
from core.staff.managers import Person

NEXT = 2  # of what is planned, on a card
# Reasons with words of their own: those that robots give, that a lead or a customer gives, that a network gives.
SKIPS = (
    "closed", "stage-left", "robot-off", "too-late", "condition", "no-text", "too-many", "already-said", "circle",
    "answer-on-its-way", "answer-failed", "nobody", "merged",
    "customer-wrote", "called", "unsubscribed", "separated", "called-off",
    "no-way", "too-many-typed", "excluded", "blocked", "deactivated", "not_found", "bounced",
    "account-retired",
)  # fmt: skip


def automation(words: Words, card: Card, reader: Person) -> Rich:
    """The lines under an open lead's card about what automation will do, and what it has let be."""
    rich = Rich()
    if card.outcome != "open":
        return rich
    for planned in card.planned[:NEXT]:
        line = words("card-next", robot=line_of(planned.robot, 60), when=words.when(planned.due_at))
        rich.line(f"🤖 {line}", Markup.ITALIC)
    # That there is nowhere to write to stands above already.
    is_told = card.way.why_not is not None and card.skipped is not None and card.skipped.reason == "no-way"
    if card.skipped and card.skipped.state != "cancelled" and not is_told:
        mark = "⚠️" if card.skipped.state == "failed" else "🤖"
        rich.line(f"{mark} {left_undone(words, card.skipped, reader)}", Markup.ITALIC)
    return rich


def left_undone(words: Words, run: Planned, reader: Person) -> str:
    """Why a run did not happen, in one sentence. The error of a broken rule is shown to admins alone."""
    robot = line_of(run.robot, 60)
    if run.state == "failed":
        is_set_up_wrongly = (run.reason or "").startswith(FAILED)
        key = "rule-wrong" if is_set_up_wrongly else "rule-broke"
        if not reader.is_admin:
            return words(key, robot=robot)
        error = line_of((run.reason or "").removeprefix(FAILED), 200) or "?"
        return words(f"{key}-admin", robot=robot, error=error)
    return words("card-skipped", robot=robot, reason=_reason(words, run.reason))


def _reason(words: Words, reason: str | None) -> str:
    if reason in SKIPS:
        return words(f"skip-{reason}")
    return words("skip-other", reason=line_of(reason, 120) or "?")
