"""Sending into Telegram: one message of ours, whatever number of calls it takes, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from channels.telegram.api import Answered, ApiError, BotApi, Failure, NotSent, Reply, Unanswered
from channels.telegram.editing import edit
from channels.telegram.media import MAX_DOWNLOAD
from channels.telegram.outcomes import lost_its_file, lost_its_reply, outcome_of, wants_a_document
from channels.telegram.plan import Step, as_documents, destination, plan, to_call
from core.channel import (
    Cause,
    Fetched,
    FileSink,
    Moved,
    OutboundFile,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
    Sent,
    Uncertain,
)

MAX_UPLOAD = 50_000_000  # bytes: https://core.telegram.org/bots/api#sending-files
MAX_PHOTO = 10_000_000
UPLOAD_SECONDS = 300.0


class TelegramChannel:
    """One bot, able to send: implements `core.channel.Channel`.

    `locate` finds a file of the attachment store by its `OutboundFile.path`; `max_upload` is the server's
    limit in bytes: a Bot API server of one's own takes 2,000 MB.
    """

    def __init__(
        self, api: BotApi, locate: Callable[[str], Path] = Path, max_upload: int = MAX_UPLOAD
    ) -> None:
        self._api = api
        self._locate = locate
        self._max_upload = max_upload

    async def send(self, message: OutboundMessage) -> Outcome:
        """Send a message, part by part, from the first that has not arrived yet.

        Telegram has no key by which a message sent twice would arrive once: where the answer to a call did
        not come, the outcome is `Uncertain` and its reason names the part. `Sent` holds the ids of all
        attempts, `Postponed.delivered` those this one has added to `already_sent`.
        """
        place = destination(message.thread)
        if place is None:
            return Refused(Cause.NOT_FOUND, f"{message.thread[:100]!r} is no place in Telegram")
        if message.edits is not None:
            return await edit(self._api, message, place)
        files = await asyncio.to_thread(self._examined, message.files) if message.files else ()
        if isinstance(files, Refused):
            return files
        steps = plan(replace(message, files=files))
        if not steps:
            return Refused(Cause.MALFORMED, "there is nothing to send")
        arrived = list(dict.fromkeys(message.already_sent))
        to_skip = known = len(arrived)
        for number, step in enumerate(steps, 1):
            if to_skip > 0:
                to_skip -= step.count
                continue
            reply = await self._attempt(step, message, place)
            if isinstance(reply, Answered) and not (ids := _message_ids(reply.result)):
                reply = Unanswered("it was accepted without an id")
            if not isinstance(reply, Answered):
                return _concluded(outcome_of(reply), tuple(arrived[known:]), number, len(steps))
            arrived += ids
        return Sent(tuple(arrived))

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        """Bring a file of at most 20 MB by its file_id: https://core.telegram.org/bots/api#getfile

        TOO_LARGE for longer ones, NOT_FOUND for an identifier Telegram does not know (any more), ACCOUNT for
        a refused token. The sink is closed only when the whole file is in it.
        """
        reply = await self._api.call("getFile", {"file_id": reference})
        if not isinstance(reply, Answered):
            return _not_fetched(reply)
        file = reply.result if isinstance(reply.result, dict) else {}
        path, size = file.get("file_path"), file.get("file_size")
        if isinstance(size, int) and size > MAX_DOWNLOAD:
            return Refused(Cause.TOO_LARGE, f"{size} bytes, more than a bot may fetch")
        if not isinstance(path, str) or not path:
            return Refused(Cause.NOT_FOUND, "Telegram names no file")
        loaded = await self._api.download(path, into.write, MAX_DOWNLOAD)
        if not isinstance(loaded, Answered):
            return _not_fetched(loaded)
        if isinstance(size, int) and size != loaded.result:
            return Postponed("the file was cut short")
        return await into.close()

    async def _attempt(self, step: Step, message: OutboundMessage, place: dict[str, object]) -> Reply:
        """Make one call, and once more in another form for each thing about it that Telegram refuses."""
        while True:
            call = to_call(step, message, place)
            seconds = UPLOAD_SECONDS if call.uploads else 30.0
            try:
                reply = await self._api.call(call.method, call.params, call.uploads, timeout=seconds)
            except OSError as error:  # of a file that was there a moment ago
                return NotSent(f"a file cannot be read: {error.strerror}")
            changed = None if isinstance(reply, Answered) else _instead(step, reply)
            if changed is None or changed == step:
                return reply
            step = changed

    def _examined(self, files: Sequence[OutboundFile]) -> tuple[OutboundFile, ...] | Refused:
        """The files as Telegram will take them: a picture too big for a photo goes as a document."""
        examined: list[OutboundFile] = []
        for file in files:
            if file.reference:
                path = self._locate(file.path) if file.path else None
                examined.append(replace(file, path=str(path) if path else None))
                continue
            path = self._locate(file.path) if file.path else None
            try:
                size = path.stat().st_size if path else -1
            except OSError:
                size = -1
            if size < 0:
                return Refused(Cause.MALFORMED, f"{file.name} is not in the store")
            if size > self._max_upload:
                return Refused(
                    Cause.TOO_LARGE, f"{file.name} has {size} bytes, {self._max_upload} are allowed"
                )
            if not size:
                return Refused(Cause.MALFORMED, f"{file.name} is empty")
            is_large = file.kind == "photo" and size > MAX_PHOTO
            examined.append(replace(file, path=str(path), kind="document" if is_large else file.kind))
        return tuple(examined)


def _instead(step: Step, failure: Failure) -> Step | None:
    """Another form of a refused step that Telegram may take; None when there is none."""
    if step.reply_to and lost_its_reply(failure):
        return replace(step, reply_to=None)
    if lost_its_file(failure) and any(file.reference and file.path for file in step.files):
        return replace(
            step, files=tuple(replace(file, reference=None) if file.path else file for file in step.files)
        )
    if step.files and wants_a_document(failure) and all(file.path for file in step.files):
        return as_documents(step)
    return None


def _concluded(
    outcome: Refused | Postponed | Moved | Uncertain, added: tuple[str, ...], number: int, total: int
) -> Outcome:
    """The outcome of a message whose part `number` failed, some before it having arrived."""
    where = f" (part {number} of {total})" if total > 1 else ""
    match outcome:
        case Postponed():
            return replace(outcome, reason=outcome.reason + where, delivered=added)
        case Refused(Cause.ACCOUNT, reason) if added:
            # The next attempt hears it again; what has arrived must not be forgotten meanwhile.
            return Postponed(reason + where, whole_account=True, delivered=added)
        case Refused() | Uncertain():
            return replace(outcome, reason=outcome.reason + where, delivered=added)
    return outcome


def _not_fetched(failure: Failure) -> Refused | Postponed:
    outcome = outcome_of(failure)
    if isinstance(failure, ApiError) and failure.code in (400, 404) and isinstance(outcome, Refused):
        said = failure.description.lower()
        if "temporarily" in said:
            return Postponed(failure.description)
        if outcome.cause is not Cause.TOO_LARGE and "file" in said:
            return Refused(Cause.NOT_FOUND, failure.description)
    match outcome:
        case Refused() | Postponed():
            return outcome
        case Uncertain(reason):
            return Postponed(reason)  # reading twice does no harm
    return Refused(Cause.NOT_FOUND, "the file has moved")


def _message_ids(result: object) -> list[str]:
    sent = result if isinstance(result, list) else [result]
    ids = [message.get("message_id") for message in sent if isinstance(message, dict)]
    return [str(number) for number in ids if isinstance(number, int)]
