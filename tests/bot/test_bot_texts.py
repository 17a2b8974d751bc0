"""What the bot says: complete in both languages, and never a text where an argument is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fluent.syntax import ast as ftl
from fluent.syntax import parse
from fluent.syntax.visitor import Visitor

from bot.handlers.start import ADMIN_COMMANDS, COMMANDS
from bot.screens.automation import SKIPS
from bot.texts import LANGUAGES, MissingText, Texts
from core.channel import Cause
from core.desk.history import FACTS

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
# What is put together from parts in the code: `words(f"skip-{reason}")`.
BUILT = {
    "button", "author", "card", "cause", "channel", "command", "delivery", "field", "file", "history", "list",
    "missing", "outcome", "refused", "rule", "skip", "state", "trouble", "unanswerable", "when", "reply",
}  # fmt: skip


class _Arguments(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.numbers: set[str] = set()

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802 - Fluent's own name
        self.names.add(node.id.name)

    def visit_SelectExpression(self, node: ftl.SelectExpression) -> None:  # noqa: N802
        keys = {getattr(variant.key, "name", getattr(variant.key, "value", "")) for variant in node.variants}
        if isinstance(node.selector, ftl.VariableReference) and keys & {"one", "few", "many", "0"}:
            self.numbers.add(node.selector.id.name)
        self.generic_visit(node)


def _messages(language: str) -> dict[str, _Arguments]:
    found: dict[str, _Arguments] = {}
    for file in sorted((ROOT / "bot" / "locales" / language).glob("*.ftl")):
        for entry in parse(file.read_text(encoding="utf-8")).body:
            assert not isinstance(entry, ftl.Junk), f"{file.name}: {entry.content}"
            if isinstance(entry, ftl.Message):
                assert entry.id.name not in found, f"{entry.id.name} stands twice"
                found[entry.id.name] = arguments = _Arguments()
                arguments.visit(entry)
    return found


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts()


def test_both_languages_say_the_same_things_with_the_same_arguments() -> None:
    russian, english = _messages("ru"), _messages("en")
    assert set(russian) == set(english)
    for key, arguments in russian.items():
        assert arguments.names == english[key].names, key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 5, 21, 1234])
def test_every_message_can_be_said_with_its_arguments(texts: Texts, language: str, count: int) -> None:
    words = texts.words(language, "Europe/Moscow", NOW)
    for key, arguments in _messages(language).items():
        given: dict[str, str | int] = {name: f"<{name}>" for name in arguments.names}
        given |= dict.fromkeys(arguments.numbers, count)
        said = words(key, **given)
        assert said.strip(), key
        assert "{" not in said, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_missing_argument_is_an_error_and_never_a_text(texts: Texts, language: str) -> None:
    words = texts.words(language, "Europe/Moscow", NOW)
    for key, arguments in _messages(language).items():
        if arguments.names:
            with pytest.raises(MissingText):
                words(key)


def test_a_message_that_does_not_exist_is_an_error(texts: Texts) -> None:
    with pytest.raises(MissingText):
        texts.words("ru", "Europe/Moscow", NOW)("no-such-message")


def test_every_refusal_of_the_core_has_words_for_its_arguments() -> None:
    known = _messages("ru")
    found = dict(_refusals())
    assert len(found) > 20
    for key, arguments in found.items():
        assert key in known, f"{key} has no words"
        assert known[key].names <= arguments, f"{key} is raised with {arguments} alone"


def test_every_message_the_code_asks_for_exists_and_no_other_is_kept() -> None:
    known = set(_messages("en"))
    literal: set[str] = set()
    for file in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literal.add(node.value)
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "words"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                assert node.args[0].value in known, f"{file.name} asks for {node.args[0].value!r}"
    refusals = {key for key, _ in _refusals()}
    unused = {key for key in known - literal - refusals if key.split("-")[0] not in BUILT}
    assert not unused
    for name in (*COMMANDS, *ADMIN_COMMANDS):
        assert f"command-{name}" in known


def test_every_deed_of_the_journal_is_told_in_a_sentence() -> None:
    source = (ROOT / "bot" / "screens" / "history.py").read_text(encoding="utf-8")
    for verb in FACTS:
        assert f'"{verb}"' in source, f"the history has no words for {verb}"


def test_every_reason_for_which_automation_lets_something_be_has_words_and_no_other_is_kept() -> None:
    given = set(_reasons())
    assert len(given) > 12
    assert given <= set(SKIPS), f"shown raw: {given - set(SKIPS)}"
    kept = {key.removeprefix("skip-") for key in _messages("ru") if key.startswith("skip-")}
    assert kept == {*SKIPS, "other"}


def test_numbers_of_leads_are_names_and_are_never_grouped(texts: Texts) -> None:
    words = texts.words("ru", "Europe/Moscow", NOW)
    assert words("refused-lead-closed", number=12345) == "Лид № 12345 уже закрыт."


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 лид:"), (2, "2 лида:"), (5, "5 лидов:"), (11, "11 лидов:"), (21, "21 лид:"), (112, "112 лидов:")],
)
def test_russian_counts_as_russians_do(texts: Texts, count: int, said: str) -> None:
    words = texts.words("ru", "Europe/Moscow", NOW)
    assert words("stats-leads", count=count, fresh=0, repeat=0).startswith(said)


@pytest.mark.parametrize(
    ("ago", "russian", "english"),
    [
        (timedelta(seconds=20), "только что", "just now"),
        (timedelta(minutes=5), "5 мин назад", "5 min ago"),
        (timedelta(hours=3), "09:00", "09:00"),
        (timedelta(hours=20), "вчера в 16:00", "yesterday at 16:00"),
        (timedelta(days=4), "12 марта, 12:00", "12 March, 12:00"),
        (timedelta(days=400), "9 февраля 2025, 12:00", "9 February 2025, 12:00"),
        (timedelta(days=-1), "завтра в 12:00", "tomorrow at 12:00"),
    ],
)
def test_moments_are_told_as_people_tell_them(
    texts: Texts, ago: timedelta, russian: str, english: str
) -> None:
    assert texts.words("ru", "Europe/Moscow", NOW).when(NOW - ago) == russian
    assert texts.words("en", "Europe/Moscow", NOW).when(NOW - ago) == english


def test_a_language_nobody_speaks_here_is_answered_in_the_default_one() -> None:
    assert Texts(default="ru").words("fr", "UTC", NOW).language == "ru"
    assert Texts(default="en").words(None, "UTC", NOW).language == "en"


def _reasons() -> Iterator[str]:
    """Every reason that the core writes to a run that does not happen."""
    for name in ("automation/robots", "automation/reactions"):
        for node in ast.walk(ast.parse((ROOT / "core" / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("_why"):
                for answer in (one for one in ast.walk(node) if isinstance(one, ast.Return) and one.value):
                    yield from _strings(answer.value)
    for file in (ROOT / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("ContactClosed", "_cancel") or called.startswith("timers.cancel_"):
                    yield from (text for part in node.args[1:] for text in _strings(part))
                if called.endswith(".values") and "TimerState" in ast.unparse(node):
                    yield from (
                        text for kw in node.keywords if kw.arg == "reason" for text in _strings(kw.value)
                    )
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reasons[row.id]":
                yield from _strings(node.value)
    yield from (
        cause.value for cause in (Cause.BLOCKED, Cause.DEACTIVATED, Cause.NOT_FOUND)
    )  # of a closed way


def _strings(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_strings(node.body), *_strings(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _refusals() -> Iterator[tuple[str, set[str]]]:
    """Every `Refusal("key", name=…)` in the core and in the bot."""
    for room in ("core", "bot"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal"):
                    continue
                key = node.args[0]
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    assert re.fullmatch(r"refused-[a-z-]+", key.value), key.value
                    yield key.value, {str(keyword.arg) for keyword in node.keywords}
