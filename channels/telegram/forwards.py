"""What a message refers to: whom it is forwarded from, what it quotes, which story it answers."""

from __future__ import annotations

from channels.telegram.cleaning import Json, as_object, clean_line, clean_text, name_of
from channels.telegram.labels import after, labels_in


def with_reference(message: Json, text: str, russian: bool) -> str:
    """`text` below a line for each thing the message refers to; `text` itself when it refers to nothing.

    A plain answer to one of our messages adds no line: that message is in the conversation. A quoted part of
    it does, each of its lines after "> ", because only the quote says which of three questions "yes" answers.
    """
    if _REFERS.isdisjoint(message):
        return text
    say = labels_in(russian)
    lines: list[str] = []
    if is_forwarded(message):
        origin = _origin(message)
        lines.append(say("forwarded", say("forwarded_from", origin) if origin else ""))
    if message.get("reply_to_story"):
        lines.append(say("story_reply"))
    if elsewhere := as_object(message.get("external_reply")):
        lines.append(say("external_reply", after(_origin({"forward_origin": elsewhere.get("origin")}))))
    quote = as_object(message.get("quote")).get("text")
    if isinstance(quote, str) and (quote := clean_text(quote[:1024])):
        lines += [f"> {line}" for line in quote.split("\n")]
    return clean_text("\n".join((*lines, text))) if lines else text


def is_forwarded(message: Json) -> bool:
    """Whether the sender passed on what somebody else, or they themselves, had written elsewhere."""
    return any(message.get(key) for key in _FORWARDED)


_FORWARDED = (
    "forward_origin",
    "forward_date",
    "forward_from",
    "forward_from_chat",
    "forward_sender_name",
)
_REFERS = frozenset((*_FORWARDED, "reply_to_story", "external_reply", "quote"))


def _origin(message: Json) -> str:
    """Who wrote it: https://core.telegram.org/bots/api#messageorigin, or the fields before it."""
    origin = as_object(message.get("forward_origin"))
    given = origin.get("sender_user") or origin.get("sender_chat") or origin.get("chat")
    name = name_of(given or message.get("forward_from_chat") or message.get("forward_from"))
    name = name or clean_line(origin.get("sender_user_name") or message.get("forward_sender_name"), 128)
    signature = clean_line(origin.get("author_signature") or message.get("forward_signature"), 128)
    return f"{name} ({signature})" if name and signature else name or signature
