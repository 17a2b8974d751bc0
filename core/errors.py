"""What can go wrong, on purpose.

    OpenLinesError
    ├── Refusal            shown to the person who asked: a message id of the translations and its arguments
    ├── InvalidInput       a stranger's data is not what it claims: 4xx with the field at fault
    └── Misconfigured      stops the start and names the setting

Everything else is a bug: it is logged with its traceback, the item it struck is parked, the rest goes on.
"""

from __future__ import annotations


class OpenLinesError(Exception):
    """The root of what this program raises on purpose."""


class Refusal(OpenLinesError):
    """The core will not do what a person asked.

    `key` names a message in the translations (`refused-lead-taken`), `arguments` are its variables, so that
    the reader gets a sentence in their own language. The transaction in which it is raised is rolled back.
    """

    def __init__(self, key: str, **arguments: str | int) -> None:
        super().__init__(key)
        self.key = key
        self.arguments = arguments


class InvalidInput(OpenLinesError):
    """What came from outside cannot be accepted. `field` names the part at fault, `reason` says why, in English."""

    def __init__(self, field: str, reason: str, status: int = 400) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.status = status


class Misconfigured(OpenLinesError):
    """A setting is wrong. `setting` is its name as the admin writes it, `remedy` says what to do."""

    def __init__(self, setting: str, remedy: str) -> None:
        super().__init__(f"{setting}: {remedy}")
        self.setting = setting
        self.remedy = remedy
