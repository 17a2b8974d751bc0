"""Buttons, texts and screens by themselves: what they hold whatever strangers write."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.callbacks import LONGEST as DATA
from bot.callbacks import Action, data, tap
from bot.rich import LONGEST, Rich, plain, shortened, units
from bot.screens.cards import card_screen
from bot.screens.fields import lead_fields
from bot.screens.history import PAGE, history_screen
from bot.texts import Texts, Words
from core.channel import Markup
from core.desk.cards import Card
from core.desk.history import Automation, Deed, Page
from core.desk.messages import Said
from core.desk.persons import KnownAddress, Way
from core.desk.schedule import Planned
from core.leads.pipelines import StageRef
from core.staff.managers import Person

NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
IDS = st.integers(0, (1 << 63) - 1)
STRANGE = st.text(st.characters(exclude_categories=[]), max_size=300)


@given(st.sampled_from(Action), IDS, IDS, st.integers(0, 1_679_609))
def test_a_button_holds_two_ids_and_a_fence_and_gives_them_back(
    action: Action, lead: int, other: int, fence: int
) -> None:
    packed = data(action, lead, other, fence)
    assert len(packed.encode()) <= DATA
    read = tap(packed)
    assert read is not None
    assert (read.action, read.id(0), read.id(1), read.id(2), read.id(3)) == (action, lead, other, fence, 0)


@given(IDS, st.from_regex(r"[0-9a-z]{1,13}\.[0-9a-z]{1,12}", fullmatch=True), IDS)
def test_a_button_holds_a_cursor_beside_its_ids(place: int, cursor: str, stage: int) -> None:
    read = tap(data(Action.LIST, place % 5, cursor, stage))
    assert read is not None
    assert (read.text(1), read.id(2)) == (cursor, stage)


@given(st.one_of(STRANGE, st.from_regex(r"1:[a-z]{1,2}(:.{0,20}){0,3}")))
def test_a_button_nobody_made_means_nothing_and_raises_nothing(packed: str) -> None:
    read = tap(packed)
    if read is not None:
        assert all(0 <= read.id(place) < 1 << 63 for place in range(len(read.parts)))


def test_a_button_of_another_version_is_known_as_such() -> None:
    assert tap("0:t:abc") is None
    assert tap("1:zz:abc") is None
    assert tap(None) is None


def test_data_that_would_not_fit_is_a_bug_seen_at_once() -> None:
    with pytest.raises(ValueError, match="no callback data"):
        data(Action.HISTORY, "x" * 60)


@given(STRANGE)
def test_strangers_text_has_nothing_invisible_and_no_command_in_it(text: str) -> None:
    shown = plain(f"a {text} /away")
    assert not any(char in shown for char in "\u202e\u2066\x00\x1b\ud800")
    assert "/away" not in shown
    assert "/\u2060away" in shown
    shown.encode("utf-16-le")


def test_addresses_and_paths_in_strangers_text_stay_whole() -> None:
    assert plain("https://a.ru/b/c и 1/2") == "https://a.ru/b/c и 1/2"


@given(STRANGE, st.integers(0, 200))
def test_a_cut_text_fits_and_keeps_its_beginning(text: str, limit: int) -> None:
    text = plain(text)
    short = shortened(text, limit)
    assert units(short) <= limit
    assert text.startswith(short.rstrip("…").rstrip()) or not short


@given(st.lists(st.tuples(STRANGE, st.sampled_from(Markup)), max_size=8), st.integers(0, 500))
def test_marks_stay_inside_the_text_however_it_is_cut(pieces: list[tuple[str, Markup]], limit: int) -> None:
    rich = Rich()
    for text, mark in pieces:
        rich.line(plain(text), mark)
    screen = rich.cut(limit).screen()
    assert units(screen.text) <= limit
    for span in screen.spans:
        assert span.offset >= 0
        assert span.offset + span.length <= len(screen.text)


@settings(max_examples=15)
@given(
    st.lists(st.text("абв 😀\n/", min_size=1, max_size=4000), min_size=1, max_size=10),
    st.text("ы😀", max_size=300),
    st.dictionaries(st.text("к😀", max_size=100), st.text("з😀", max_size=4000), max_size=30),
)
def test_a_card_fits_whatever_stands_in_it_and_keeps_its_buttons(
    texts: list[str], name: str, fields: dict[str, str]
) -> None:
    words = _words()
    shown = replace(_card(), contact_name=name, fields=fields, messages=tuple(map(_said, texts)))
    screen = card_screen(words, shown, _reader())
    assert units(screen.text) <= LONGEST
    labels = [button.text for row in screen.buttons for button in row]
    assert words("button-take") in labels
    assert words("button-reply") in labels
    for span in screen.spans:
        assert span.offset + span.length <= len(screen.text)


@settings(max_examples=15)
@given(st.lists(st.text("ж😀\n/", max_size=400), max_size=PAGE), st.text("ы😀", max_size=300))
def test_a_page_of_history_shows_each_of_its_entries_whatever_stands_in_them(
    notes: list[str], name: str
) -> None:
    deeds = tuple(
        Deed(number, NOW - timedelta(days=number), "manager:1", name, "note", {"text": text})
        for number, text in enumerate(notes)
    )
    page = Page(deeds, earlier="z" * 26, later="z" * 26)
    screen = history_screen(_words(), replace(_card(), files=3), page, _reader())
    assert units(screen.text) <= LONGEST
    assert screen.text.count("12:00 ") == len(notes)
    assert [len(row) for row in screen.buttons] == [2, 2]


@settings(max_examples=15)
@given(
    st.text("ж😀 ", min_size=1, max_size=4000),
    st.dictionaries(st.text("к😀", min_size=1, max_size=100), st.text("з😀", max_size=4000), max_size=30),
    st.text("о😀\n", max_size=4000),
)
def test_the_newest_words_stand_on_the_card_beside_what_a_form_told_and_what_they_answer(
    text: str, fields: dict[str, str], answers: str
) -> None:
    said = replace(_said(f"Слово {text}"), channel="form", fields=fields, answers=answers)
    screen = card_screen(_words(), replace(_card(), channel="form", messages=(said,)), _reader())
    assert units(screen.text) <= LONGEST
    assert "Слово" in screen.text


@given(
    st.sampled_from(
        ["8 916 123-45-67 доб. 12", "+7(916)123-45-67", "89161234567 #12", "8-916-123-45-67 ext 12"]
    ),
    st.sampled_from(["", " спросить Машу", "; 8 495 123-45-67"]),
)
def test_of_a_forms_fields_only_a_telephone_that_is_an_address_already_is_left_out(
    phone: str, more: str
) -> None:
    known = KnownAddress("phone", "+79161234567", None, False, None, None)
    shown = replace(_card(), channel="form", addresses=(known,), fields={"Телефон": phone + more})
    assert lead_fields(shown) == ((("Телефон", phone + more),) if more else ())


@pytest.mark.parametrize(("language", "page"), [("ru", "страница"), ("en", "page")])
def test_what_every_form_tells_is_named_in_the_readers_words(language: str, page: str) -> None:
    words = Texts().words(language, "Europe/Moscow", NOW)
    shown = replace(_card(), channel="form", fields={"page": "https://firma.ru/kuhni", "Цвет": "белый"})
    lines = card_screen(words, shown, _reader()).text.splitlines()
    assert {f"{page}: https://firma.ru/kuhni", "Цвет: белый"} <= set(lines)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_rule_that_is_set_up_wrongly_is_named_and_its_error_is_shown_to_admins_alone(language: str) -> None:
    words = Texts().words(language, "Europe/Moscow", NOW)
    run = Planned(1, "Отбойник", "failed", NOW, NOW, "failed: KeyError: 'stage'")
    shown = replace(_card(), skipped=run)
    manager = card_screen(words, shown, _reader()).text
    admin = card_screen(words, shown, replace(_reader(), role="admin")).text
    assert words("rule-wrong", robot="Отбойник") in manager
    assert "KeyError" not in manager
    assert "failed" not in manager
    assert "KeyError: 'stage'" in admin
    broke = replace(run, reason="OperationalError: no such column")
    text = card_screen(words, replace(shown, skipped=broke), _reader()).text
    assert words("rule-broke", robot="Отбойник") in text
    page = Page((Automation(1, NOW, run),), None)
    assert "KeyError" not in history_screen(words, shown, page, _reader()).text
    assert "KeyError" in history_screen(words, shown, page, replace(_reader(), role="admin")).text


def test_the_worker_renders_notices_without_the_bots_library() -> None:
    code = "import sys, bot.notices; sys.exit('aiogram' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_quick_lines_stand_together_and_later_ones_apart() -> None:
    said = [_said("раз", 0), _said("два", 60), _said("три", 3600)]
    text = card_screen(_words(), replace(_card(), messages=tuple(said)), _reader()).text
    assert "раз\nдва\n" in text
    assert text.count("Анна, ") == 2


def _words() -> Words:
    return Texts().words("ru", "Europe/Moscow", NOW)


def _reader() -> Person:
    return Person(1, 100, "Ирина", None, "ru", "manager", True, True)


def _said(text: str, seconds: int = 0) -> Said:
    return Said(
        id=1 + seconds,
        conversation_id=1,
        channel="telegram",
        direction="in",
        author="customer",
        author_name=None,
        content="text",
        text=text,
        subject=None,
        external_id=None,
        reply_to=None,
        group=None,
        is_automatic=False,
        is_seen=False,
        sent_at=NOW - timedelta(hours=5) + timedelta(seconds=seconds),
        edited_at=None,
        files=(),
        dispatch=None,
    )


def _card() -> Card:
    return Card(
        id=1,
        number=7,
        title="Сайт",
        line_id=1,
        channel="telegram",
        account_title="Telegram",
        source=None,
        fields={},
        contact_id=1,
        contact_number=1,
        contact_name="Анна",
        is_client=False,
        addresses=(),
        missing=("phone",),
        stage=StageRef(1, 1, "new", {"ru": "Новая"}, "initial", 0),
        stage_title="Новая",
        visit_id=1,
        fence=1,
        stage_since=NOW,
        outcome="open",
        reason=None,
        comment=None,
        responsible=None,
        is_taken=False,
        is_repeat=False,
        earlier=None,
        created_at=NOW,
        first_answer_at=None,
        waiting_since=NOW - timedelta(minutes=5),
        active_at=NOW,
        closed_at=None,
        messages=(),
        unseen=0,
        planned=(),
        skipped=None,
        recognition=None,
        suggestions=(),
        notes=(),
        way=Way(1, "telegram", None),
        exclusion=None,
        can_undo_exclusion=False,
    )
