"""The figures of a period on one screen."""

from __future__ import annotations

from collections.abc import Sequence

from bot.callbacks import Action, data
from bot.rich import LONGEST, Rich, line_of, plain
from bot.screens.cards import channel_name
from bot.screens.lists import list_data
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.board import View
from core.desk.statistics import Share, Statistics

WEEK = 7


def statistics_screen(words: Words, figures: Statistics, days: int) -> Screen:
    """What came in, what became of it, how fast people were answered, and by whom. `days` is 1 or `WEEK`."""
    rich = Rich().add(words("stats-week" if days == WEEK else "stats-today"), Markup.BOLD)
    rich.gap().line(words("stats-leads", count=figures.leads, fresh=figures.new, repeat=figures.repeat))
    if len(figures.channels) > 1 or figures.sources:
        _shares(rich, words("stats-channels"), [(channel_name(words, s.name), s) for s in figures.channels])
        _shares(rich, words("stats-sources"), [(line_of(s.name, 40), s) for s in figures.sources[:5]])
    rich.line(words("stats-taken", taken=figures.taken, answered=figures.answered))
    if figures.answer_median is not None:
        rich.line(words("stats-median", time=words.lasting(figures.answer_median)))
    rich.line(words("stats-closed", success=figures.success, junked=figures.junked))
    _shares(rich, words("stats-reasons"), [(plain(share.name), share) for share in figures.reasons[:7]])
    rich.gap().line(words("stats-now", open=figures.open_now, waiting=figures.waiting_now))
    if figures.unanswered_now:
        rich.line(words("stats-unanswered", count=figures.unanswered_now))
    if figures.excluded:
        rich.line(words("stats-excluded", count=figures.excluded))
    if figures.parked_now:
        rich.line(words("stats-parked", count=figures.parked_now))
    working = [one for one in figures.managers if one.taken or one.answered or one.open_now]
    if working:
        rich.gap().line(words("stats-managers"), Markup.BOLD)
    for one in working[:20]:
        name = line_of(one.name, 40)
        rich.line(
            words("stats-manager", name=name, taken=one.taken, answered=one.answered, open=one.open_now)
        )
        if one.answer_median is not None:
            rich.add(f" · {words.lasting(one.answer_median)}")
    other = (
        Button(words("button-today"), data(Action.STATISTICS, 1))
        if days == WEEK
        else Button(words("button-week"), data(Action.STATISTICS, WEEK))
    )
    refresh = Button(words("button-refresh"), data(Action.STATISTICS, days))
    waiting = (Button(words("button-waiting"), list_data(View.WAITING)),) if figures.waiting_now else ()
    return rich.cut(LONGEST).screen((other, refresh), waiting)


def _shares(rich: Rich, title: str, shares: Sequence[tuple[str, Share]]) -> None:
    if shares:
        rich.line(f"{title}: ").add(", ".join(f"{name} {share.count}" for name, share in shares))
