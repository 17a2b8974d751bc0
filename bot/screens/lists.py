"""Lists of leads: what waits, what is mine, what a search has found. A number is a button to the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.callbacks import Action, data
from bot.rich import Rich, line_of, plain
from bot.screens.cards import address_of, channel_name
from bot.screens.conversation import shown_text
from bot.texts import Words
from core.channel import Button, Markup, Screen
from core.desk.board import COUNTED, Page, Row, View
from core.desk.finding import MOST, FoundPage
from core.leads.pipelines import StageRef
from core.staff.managers import Person

VIEWS = (View.MINE, View.WAITING, View.ALL, View.CLOSED, View.STAGE)  # their places are in buttons
_TABS = ((View.MINE, "button-mine"), (View.WAITING, "button-waiting"), (View.ALL, "button-all"))


def list_screen(
    words: Words,
    view: View,
    page: Page,
    counts: Mapping[str, int],
    reader: Person,
    *,
    stage: StageRef | None = None,
    is_later: bool = False,
) -> Screen:
    """One page of a list with the ways to the others. `stage` names the list of one stage.

    `is_later` when other pages stand before this one: there is a way back to the first.
    """
    rich = Rich()
    title = words(f"list-{view}") if stage is None else words("list-stage", stage=words.title(stage.title))
    rich.add(f"{title} · {counted(words, page.total)}" if page.total else title, Markup.BOLD)
    if not page.rows:
        rich.gap().line(words(f"list-{view}-empty"))
    for row in page.rows:
        _row(words, row, rich, view, reader)
    ways = [
        Button(
            f"{words(key)} {counted(words, counts[tab])}" if counts.get(tab) else words(key), list_data(tab)
        )
        for tab, key in _TABS
        if tab is not view
    ]
    ways.append(Button(words("button-stages"), data(Action.STAGE_LISTS)))
    if view is not View.CLOSED:
        ways.append(Button(words("button-closed"), list_data(View.CLOSED)))
    stage_id = stage.id if stage else None
    turns: list[Button] = []
    if is_later:
        turns.append(Button(words("button-first"), list_data(view, None, stage_id)))
    if page.next:
        turns.append(Button(words("button-next"), list_data(view, page.next, stage_id)))
    return rich.screen(
        *_numbers(words, [row.id for row in page.rows], [row.number for row in page.rows]),
        tuple(turns),
        *(tuple(ways[place : place + 2]) for place in range(0, len(ways), 2)),
    )


def list_data(view: View, after: str | None = None, stage_id: int | None = None) -> str:
    """The data of a button that shows a page of a list."""
    return data(Action.LIST, VIEWS.index(view), after, stage_id)


def lists_row(words: Words) -> tuple[Button, ...]:
    """The way on from where nothing was asked for."""
    return (
        Button(words("button-waiting"), list_data(View.WAITING)),
        Button(words("button-mine"), list_data(View.MINE)),
    )


def stages_screen(words: Words, stages: Sequence[StageRef], counts: Mapping[int, int]) -> Screen:
    """Which stage to look into, with how many leads it holds."""
    rich = Rich().add(words("list-stages"), Markup.BOLD)
    rows = []
    for stage in stages:
        count = counts.get(stage.id, 0)
        title = words.title(stage.title)
        label = f"{title} · {counted(words, count)}" if count else title
        rows.append((Button(label, list_data(View.STAGE, None, stage.id)),))
    return rich.screen(*rows[:30], (Button(words("button-mine"), list_data(View.MINE)),))


def found_screen(words: Words, query: str, page: FoundPage, reader: Person) -> Screen:
    """What a search has found: leads, and people without one, who have no card: their addresses can be tapped.

    The message that this answers holds the query for further pages.
    """
    rich = Rich()
    if not page.found:
        rich.add(words("found-nothing", query=line_of(query, 100)), Markup.BOLD).gap().line(
            words("found-hint")
        )
        again = Button(words("button-find"), data(Action.FIND, 1))
        return rich.screen((again, Button(words("button-waiting"), list_data(View.WAITING))))
    rich.add(_found_heading(words, query, page), Markup.BOLD)
    for one in page.found:
        if one.lead is not None:
            _row(words, one.lead, rich, View.ALL, reader)
        else:
            name = line_of(one.contact, 60) or words("card-nameless")
            rich.gap().line(name, Markup.BOLD)
            if one.addresses:
                rich.line(" · ".join(address_of(words, address) for address in one.addresses[:6]))
            rich.line(words("found-no-lead"), Markup.ITALIC)
    leads = [one.lead for one in page.found if one.lead is not None]
    turns: list[Button] = []
    if page.skipped:
        turns.append(Button(words("button-first"), data(Action.FOUND, 0)))
    if page.next:
        turns.append(Button(words("button-next"), data(Action.FOUND, page.next)))
    return rich.screen(
        *_numbers(words, [row.id for row in leads], [row.number for row in leads]), tuple(turns)
    )


def counted(words: Words, count: int) -> str:
    """A number in a heading; counting stops at `COUNTED`."""
    return words("list-many", count=COUNTED) if count >= COUNTED else words("list-count", count=count)


def _found_heading(words: Words, query: str, page: FoundPage) -> str:
    """How much was found, and which part of it this is where that is not all."""
    written = line_of(query, 100)
    if page.total >= MOST:
        heading = words("found-many", query=written, count=MOST)
    else:
        heading = words("found-heading", query=written, count=page.total)
    if page.skipped:
        return f"{heading}, {page.skipped + 1}–{page.skipped + len(page.found)}"
    if page.next:
        return f"{heading}, {words('found-first', count=len(page.found))}"
    return heading


def _row(words: Words, row: Row, rich: Rich, view: View, reader: Person) -> None:
    name = line_of(row.contact, 60) or words("card-nameless")
    rich.gap().line(words("list-row", number=row.number, name=name), Markup.BOLD)
    if row.unseen:
        rich.add(f" · {words('card-unseen', count=row.unseen)}")
    if row.title:
        rich.line(line_of(shown_text(words, row.title), 90))
    facts = [plain(row.stage), channel_name(words, row.channel)]
    if row.is_repeat:
        facts.append(words("list-repeat"))
    if view is not View.MINE:
        facts.append(_whose(words, row, reader))
    rich.line(" · ".join(fact for fact in facts if fact), Markup.ITALIC)
    if row.outcome == "open" and row.waiting_since:
        rich.line(f"⏱ {words('card-waits', time=words.lasting(words.now - row.waiting_since))}")
    elif row.closed_at:
        rich.line(words("card-closed", when=words.when(row.closed_at)))


def _whose(words: Words, row: Row, reader: Person) -> str:
    """In the words of the card."""
    is_open = row.outcome == "open"
    if not row.responsible:
        return words("card-free" if is_open else "card-nobody")
    name = line_of(row.responsible, 40)
    if not is_open:
        return words("card-was-of", name=name)
    if row.responsible_id == reader.id:
        return words("card-yours" if row.is_taken else "card-offered")
    return words("card-taken-by", name=name) if row.is_taken else words("card-offered-to", name=name)


def _numbers(words: Words, ids: Sequence[int], numbers: Sequence[int]) -> list[tuple[Button, ...]]:
    buttons = [
        Button(words("button-number", number=number), data(Action.OPEN, id))
        for id, number in zip(ids, numbers, strict=True)
    ]
    return [tuple(buttons[place : place + 4]) for place in range(0, len(buttons), 4)]
