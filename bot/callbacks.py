"""What a button carries: a version, an action and ids, within Telegram's 64 bytes. Nothing is trusted of it.

Ids have 63 bits: written in base 36 three of them fit beside the action, so a button holds the whole id of
the lead, of the stage visit it was drawn in (whoever taps an old button learns what has changed) and of its
choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 64  # bytes, by the Bot API's inline keyboards
_VERSION = "1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PART = re.compile(r"[0-9a-z]{0,13}|[0-9a-z.]{1,26}", re.ASCII)  # an id, or a page's cursor


class Action(StrEnum):
    """What a tap asks for. The values are in buttons that people keep for weeks: never reuse one."""

    # a lead; its id comes first
    CARD = "c"  # in place of the message tapped
    OPEN = "co"  # below it
    TAKE = "t"  # 1 when the button hangs on a relayed message and not on a card
    CALLED = "tc"  # 1 when the button hangs on a relayed message and not on a card
    REPLY = "r"  # conversation, message it answers
    STAGES = "s"  # show the choice
    MOVE = "m"  # stage, fence
    NOTE = "n"
    COLLEAGUES = "p"  # show the choice
    HAND_OVER = "h"  # manager
    REASONS = "j"  # show the choice
    REASONS_COMMENTED = "jc"  # show the choice, then ask for words
    JUNK = "k"  # reason, fence
    JUNK_COMMENT = "kc"  # reason, fence
    REOPEN = "o"  # fence
    HISTORY = "y"  # cursor, 1 for what stands before it
    FILES = "f"  # the file before which the page ends
    SEPARATE = "d"  # conversation
    REJOIN = "dj"  # conversation
    MERGE = "g"  # the other contact
    UNMERGE = "gu"  # the other contact
    TELL_APART = "ga"  # the other contact
    UNDO_TELL_APART = "gb"  # the other contact
    CANCEL_TIMER = "x"  # timer
    EXCLUDE_PERSON = "e"  # ask
    EXCLUDE_SURELY = "ey"
    UNDO_EXCLUDE = "eu"
    SEND_AGAIN = "a"  # delivery

    # letters
    WHOLE_LETTER = "w"  # message
    LETTER = "wl"  # lead
    LETTER_TO = "wa"  # lead, place among its addresses
    LETTER_SUBJECT = "ws"  # lead: ask
    LETTER_SUBJECT_KEEP = "wk"  # lead
    LETTER_COPY = "wc"  # lead: ask
    LETTER_COPY_NONE = "wn"  # lead

    # lists and figures
    LIST = "l"  # place in VIEWS, cursor, stage
    STAGE_LISTS = "ls"  # show the choice
    STATISTICS = "st"  # days
    FIND = "fd"  # 1 to look for something else than was written
    FOUND = "fn"  # place of the first that is shown

    # oneself
    AWAY = "aw"
    BACK = "bk"
    LANGUAGE = "lg"
    HELP = "hp"
    CANCEL = "q"  # leaves a dialog

    # admins
    EXCLUSIONS = "ex"  # id after which the page begins, 1 for those that fit what was asked
    EXCLUSION = "e1"  # exclusion, 1 when it was found by what was asked
    EXCLUDE_WRITE = "ew"
    EXCLUDE_SENDER = "es"  # Telegram id of a forwarded message's author
    EXCLUDE_CHECKED = "ec"  # what was asked about
    CHANGE_EXCLUSION = "et"  # exclusion, its new end in seconds since 1970 or 0 for none
    LIFT = (
        "el"  # exclusion, 1 when other buttons beside this one are still needed, the lead whose card has it
    )
    PUT_BACK = "eb"  # exclusion that was lifted
    STOPPED = "ep"  # exclusion or 0, id after which the page begins
    RESTORE = "er"  # ledger entry, then as STOPPED
    LEDGER = "lb"
    PARKED = "pk"  # id after which the page begins
    REPLAY = "rp"  # ledger entry
    INVITE = "iv"  # 0 manager, 1 admin
    MANAGERS = "mg"
    MANAGER = "m1"  # manager
    REMOVE = "mr"  # manager: ask
    REMOVE_SURELY = "my"  # manager


@dataclass(frozen=True, slots=True)
class Tap:
    """A button that was tapped: the action, and its ids and cursors as they were packed."""

    action: Action
    parts: tuple[str, ...] = ()

    def id(self, place: int) -> int:
        """The id at a place; 0 when the button has none there."""
        part = self.text(place)
        return int(part, 36) if part and "." not in part else 0

    def text(self, place: int) -> str:
        """The cursor at a place; empty when the button has none there."""
        return self.parts[place] if place < len(self.parts) else ""


def data(action: Action, *parts: int | str | None) -> str:
    """A button's data, of ids and cursors; None becomes an empty part.

    Raises ValueError when it would not fit or could not be read back, which is a bug.
    """
    written = [_base36(part) if isinstance(part, int) else part or "" for part in parts]
    packed = ":".join((_VERSION, action, *written))
    if len(packed) > LONGEST or not all(_PART.fullmatch(part) for part in written):
        raise ValueError(f"no callback data: {packed}")
    return packed


def tap(packed: str | None) -> Tap | None:
    """What a button meant; None for anything we did not write, or wrote in another version."""
    if not packed or len(packed) > LONGEST:
        return None
    version, *rest = packed.split(":")
    if version != _VERSION or not rest or not all(_PART.fullmatch(part) for part in rest[1:]):
        return None
    try:
        action = Action(rest[0])
    except ValueError:
        return None
    read = Tap(action, tuple(rest[1:]))
    # A number beyond the databases' own would be refused there with an error instead of "gone".
    return read if all(read.id(place) < 1 << 63 for place in range(len(read.parts))) else None


def _base36(value: int) -> str:
    if value < 0:
        raise ValueError(f"an id is never negative: {value}")
    digits = ""
    while value >= 36:
        value, rest = divmod(value, 36)
        digits = _DIGITS[rest] + digits
    return _DIGITS[value] + digits
