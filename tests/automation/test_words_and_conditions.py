"""The two small languages people write robots in: total, plain, and refused by name when wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.automation import conditions, templates
from core.automation.preset import CLOSED, CONFIRMATION, FOLLOW_UP
from core.automation.templates import first_name, render
from core.errors import InvalidInput

texts = st.text(max_size=60)
places = st.sampled_from(templates.PLACES)
verbs = st.sampled_from(("default", "after"))
quoted = st.text(alphabet=st.characters(blacklist_characters='"'), max_size=10)
plain = st.text(alphabet=st.characters(blacklist_characters="{}"), max_size=20)
values = st.dictionaries(places, texts)


@given(texts, values)
def test_any_text_is_rendered_to_a_text_and_never_fails(template: str, given_values: dict[str, str]) -> None:
    assert isinstance(render(template, given_values), str)


@given(plain, places, plain, texts)
def test_a_place_is_filled_with_exactly_the_value_whatever_stands_in_it(
    before: str, place: str, after: str, value: str
) -> None:
    """Also `{{ number }}` as a name, or a backslash: strangers' text is filled in, never read again."""
    assert render(f"{before}{{{{ {place} }}}}{after}", {place: value}) == f"{before}{value}{after}"


@given(places, verbs, quoted, texts)
def test_a_default_stands_in_for_what_is_empty_and_after_goes_with_what_is_not(
    place: str, verb: str, words: str, value: str
) -> None:
    template = f'{{{{ {place}|{verb}("{words}") }}}}'
    templates.check(template)
    expected = (value or words) if verb == "default" else (words + value if value else "")
    assert render(template, {place: value}) == expected


@given(st.lists(st.one_of(plain, places.map(lambda name: f"{{{{ {name} }}}}"))).map("".join))
def test_what_passes_the_check_leaves_no_braces_when_rendered(template: str) -> None:
    templates.check(template)
    rendered = render(template, dict.fromkeys(templates.PLACES, "x"))
    assert "{{" not in rendered
    assert "}}" not in rendered


@pytest.mark.parametrize("text", [*CONFIRMATION.values(), *CLOSED.values(), *FOLLOW_UP.values()])
def test_the_texts_of_the_preset_pass_the_check(text: str) -> None:
    templates.check(text)


@pytest.mark.parametrize(
    ("template", "at_fault"),
    [
        ("{{ nickname }}", "nickname"),
        ('{{ name|upper("x") }}', "upper"),
        ("{{ name", "a place is written"),
        ("name }}", "a place is written"),
        ("{{ name|default(x) }}", "a place is written"),
    ],
)
def test_a_text_that_could_not_be_filled_in_is_refused_by_name(template: str, at_fault: str) -> None:
    with pytest.raises(InvalidInput, match=at_fault):
        templates.check(template)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Анна Петрова", "Анна"),
        ("Анна-Мария", "Анна-Мария"),
        ("  Иван,  Сидоров", "Иван"),
        ("ООО", "ООО"),
        ("анна", ""),
        ("@anna_k", ""),
        ("+7 916 123-45-67", ""),
        ("anna@example.org", ""),
        ("А", ""),
        ("💐", ""),
        ("", ""),
    ],
)
def test_a_person_is_addressed_by_what_looks_like_a_name(name: str, address: str) -> None:
    assert first_name(name) == address


@given(texts)
def test_no_name_makes_an_address_that_is_not_part_of_it(name: str) -> None:
    assert first_name(name) in name


facts = st.fixed_dictionaries(
    {field: st.one_of(st.none(), st.booleans(), st.integers(), texts) for field in conditions.FIELDS}
)
parts = st.tuples(
    st.sampled_from(conditions.FIELDS),
    st.sampled_from(conditions.OPERATORS),
    st.one_of(texts, st.integers(), st.booleans(), st.lists(texts, max_size=3)),
).filter(lambda part: part[1] != "in" or isinstance(part[2], list))


@given(st.lists(parts, max_size=4), facts)
def test_a_condition_that_passes_the_check_holds_or_does_not(
    condition: list[tuple[str, str, object]], given_facts: dict[str, object]
) -> None:
    conditions.check(condition)
    assert conditions.holds(condition, given_facts) is all(
        conditions.holds([part], given_facts) for part in condition
    )


@given(st.sampled_from(conditions.FIELDS), facts, texts)
def test_each_operator_is_the_opposite_of_its_opposite(
    field: str, given_facts: dict[str, object], value: str
) -> None:
    for one, other in (("is", "is_not"), ("empty", "not_empty")):
        assert conditions.holds([[field, one, value]], given_facts) is not conditions.holds(
            [[field, other, value]], given_facts
        )


def test_case_and_yo_make_no_difference() -> None:
    known = {"text": "Нужна ЁЛКА", "source": "Реклама"}
    assert conditions.holds([["text", "contains", "елка"], ["source", "is", "РЕКЛАМА"]], known)


@pytest.mark.parametrize(
    "condition", [[["text"]], [["nose", "is", 1]], [["text", "smells", 1]], [["channel", "in", "telegram"]]]
)
def test_a_condition_that_could_not_be_evaluated_is_refused(condition: list[list[object]]) -> None:
    with pytest.raises(InvalidInput):
        conditions.check(condition)
