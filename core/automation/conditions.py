"""The small pure language of "if": a list of [field, operator, value], all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import InvalidInput
from core.search import fold

FIELDS = ("channel", "source", "repeat", "language", "text", "responsible")
OPERATORS = ("is", "is_not", "contains", "in", "empty", "not_empty")


def holds(condition: Sequence[Sequence[Any]] | None, facts: Mapping[str, Any]) -> bool:
    """Whether every part of the condition is true of these facts. No condition always holds."""
    return all(_part(facts.get(field), operator, value) for field, operator, value in condition or ())


def check(condition: Sequence[Sequence[Any]] | None) -> None:
    """Raise InvalidInput, naming what is wrong, when a condition could not be evaluated."""
    for part in condition or ():
        if len(part) != 3:
            raise InvalidInput("condition", f"each part is [field, operator, value], not {part!r}")
        field, operator, value = part
        if field not in FIELDS:
            raise InvalidInput("condition", f"unknown field {field}; there are: {', '.join(FIELDS)}")
        if operator not in OPERATORS:
            raise InvalidInput("condition", f"unknown operator {operator}; there are: {', '.join(OPERATORS)}")
        if operator == "in" and not isinstance(value, (list, tuple)):
            raise InvalidInput("condition", f"in wants a list of choices, not {value!r}")


def _part(fact: Any, operator: str, value: Any) -> bool:
    match operator:
        case "is":
            return bool(_plain(fact) == _plain(value))
        case "is_not":
            return bool(_plain(fact) != _plain(value))
        case "contains":
            return fold(str(value)) in fold(str(fact or ""))
        case "in":
            return _plain(fact) in [_plain(choice) for choice in value]
        case "empty":
            return not fact
        case "not_empty":
            return bool(fact)
    return False


def _plain(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value
