"""What the link of an invitation carries, and how it is told from a company's own links to its bot.

Without the database, for whoever reads what Telegram sends asks it too.
"""

from __future__ import annotations

import re
import secrets

PREFIX = "i-"


def new_token() -> str:
    """What nobody can guess: the secret of a new invitation, to stand behind PREFIX in its link."""
    return secrets.token_urlsafe(24)


def is_invitation(payload: str) -> bool:
    """Whether the payload of a `/start` link has the form of an invitation.

    Any other is a source, one such as `i-phone15` too: companies name their campaigns as they like.
    """
    return _PAYLOAD.fullmatch(payload) is not None


_PAYLOAD = re.compile(PREFIX + "[A-Za-z0-9_-]{32}")  # 24 bytes, as `new_token` writes them
