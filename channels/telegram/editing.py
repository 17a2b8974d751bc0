"""A message of ours that has been sent is changed in place: https://core.telegram.org/bots/api#updating-messages"""

from __future__ import annotations

from dataclasses import replace

from channels.telegram.api import Answered, ApiError, BotApi, Failure
from channels.telegram.markup import MAX_CAPTION, split
from channels.telegram.outcomes import outcome_of
from channels.telegram.plan import Call, Step, plan, to_call
from core.channel import Cause, OutboundMessage, Outcome, Refused, Screen, Sent


async def edit(api: BotApi, message: OutboundMessage, place: dict[str, object]) -> Outcome:
    """Draw the message `message.edits` anew; a screen without a text changes the buttons alone.

    Made twice it is made once, so an attempt nobody answered may be repeated. What is shown already has been
    done. Under a picture there is room for 1024 UTF-16 units: what does not fit is left out.
    """
    if message.edits is None or not message.edits.isdecimal():
        return Refused(Cause.MALFORMED, f"{str(message.edits)[:40]!r} is no message in Telegram")
    target = place | {"message_id": int(message.edits)}
    reply = await _call(api, _text(message, target))
    if isinstance(reply, ApiError) and "no text in the message" in reply.description.lower():
        reply = await _call(api, _caption(message, target))
    if isinstance(reply, Answered):
        return Sent((message.edits,))
    if isinstance(reply, ApiError) and "is not modified" in reply.description.lower():
        return Sent((message.edits,))
    return outcome_of(reply)


async def _call(api: BotApi, call: Call) -> Answered | Failure:
    return await api.call(call.method, call.params, call.uploads, timeout=30.0)


def _text(message: OutboundMessage, target: dict[str, object]) -> Call:
    bare = replace(message, files=(), reply_to=None, silent=False)
    steps = plan(bare)
    if not steps:
        call = to_call(Step(buttons=message.screen.buttons), bare, target)
        markup = call.params.get("reply_markup", {"inline_keyboard": []})
        return Call("editMessageReplyMarkup", target | {"reply_markup": markup}, {})
    # One message stays one: the text is cut where a new one would begin.
    step = replace(steps[0], buttons=tuple(row for row in message.screen.buttons if row))
    return replace(to_call(step, bare, target), method="editMessageText")


def _caption(message: OutboundMessage, target: dict[str, object]) -> Call:
    part = split(message.screen.text, message.screen.spans, MAX_CAPTION)[0]
    screen = Screen(part.text, part.spans, message.screen.buttons)
    params = dict(_text(replace(message, screen=screen), target).params)
    params.pop("link_preview_options", None)
    params["caption"] = params.pop("text")
    if "entities" in params:
        params["caption_entities"] = params.pop("entities")
    return Call("editMessageCaption", params, {})
