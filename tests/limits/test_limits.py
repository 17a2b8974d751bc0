from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from channels.limits import KEYS, PATIENCE, ProcessLimits, Rate
from channels.telegram.pacing import BOT_BURST, BOT_GAP, GROUP_BURST, GROUP_GAP, PacedTelegram
from core.channel import (
    Fetched,
    FileSink,
    OutboundFile,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
    Screen,
    Sent,
)
from core.clock import ManualClock

START = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
BOT = Rate("bot", BOT_GAP, BOT_BURST)
CHAT = Rate("chat", timedelta(seconds=1), 3)
GROUP = Rate("group", GROUP_GAP, GROUP_BURST)


class HastyClock:
    """Whoever sleeps on it has slept: time passes without waiting."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    async def sleep_until(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)


class Network:
    """Takes what it is given and remembers when; says what it was told to say."""

    def __init__(self, clock: HastyClock, *says: Outcome) -> None:
        self.clock, self.says, self.sent = clock, list(says), list[datetime]()

    async def send(self, message: OutboundMessage) -> Outcome:
        self.sent += [self.clock.now()] * max(1, len(message.files))
        return self.says.pop(0) if self.says else Sent(("1",))

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        return await into.close()


def a_message(thread: str, files: int = 0) -> OutboundMessage:
    album = tuple(OutboundFile("photo", f"{number}.jpg") for number in range(files))
    return OutboundMessage(key="1", thread=thread, screen=Screen("Здравствуйте"), files=album)


def most_within(moments: list[datetime], span: timedelta) -> int:
    return max(sum(1 for other in moments if moment <= other < moment + span) for moment in moments)


async def send_until_taken(paced: PacedTelegram, clock: HastyClock, message: OutboundMessage) -> None:
    while isinstance(outcome := await paced.send(message), Postponed):
        assert outcome.retry_after is not None
        await clock.sleep_until(clock.now() + outcome.retry_after)


async def test_a_bot_sends_thirty_a_second_at_most_and_nearly_that() -> None:
    clock = HastyClock()
    network = Network(clock)
    paced = PacedTelegram(network, ProcessLimits(clock), clock, "1000")
    for number in range(300):
        await send_until_taken(paced, clock, a_message(str(number)))
    assert most_within(network.sent, timedelta(seconds=1)) <= 30
    assert network.sent[-1] - network.sent[0] < timedelta(seconds=11)


async def test_a_group_gets_twenty_a_minute_at_most_and_a_chat_one_a_second_after_a_short_burst() -> None:
    clock = HastyClock()
    network = Network(clock)
    paced = PacedTelegram(network, ProcessLimits(clock), clock, "1000")
    for _ in range(60):
        await send_until_taken(paced, clock, a_message("-100500"))
    assert most_within(network.sent, timedelta(minutes=1)) <= 20
    assert network.sent[-1] - network.sent[0] < timedelta(minutes=3.5)
    network.sent.clear()
    for _ in range(20):
        await send_until_taken(paced, clock, a_message("777"))
    assert most_within(network.sent, timedelta(seconds=1)) <= 4
    assert most_within(network.sent, timedelta(seconds=10)) <= 13


async def test_an_album_of_ten_leaves_for_a_group_and_what_comes_next_waits_for_all_of_it() -> None:
    clock = HastyClock()
    network = Network(clock)
    paced = PacedTelegram(network, ProcessLimits(clock), clock, "1000")
    assert isinstance(await paced.send(a_message("-100500", files=10)), Sent)
    second = await paced.send(a_message("-100500"))
    assert isinstance(second, Postponed)
    assert second.retry_after is not None
    assert second.retry_after > timedelta(seconds=20)
    assert not second.delivered


async def test_a_wait_that_telegram_asked_for_is_kept_to_the_second_whatever_burst_there_is() -> None:
    clock = HastyClock()
    network = Network(clock, Postponed("429", timedelta(seconds=30)))
    paced = PacedTelegram(network, ProcessLimits(clock), clock, "1000")
    assert isinstance(await paced.send(a_message("777")), Postponed)
    again = await paced.send(a_message("777"))
    assert again == Postponed("waiting for Telegram's limits", timedelta(seconds=30))
    assert isinstance(await paced.send(a_message("778")), Sent), "another chat does not wait"
    await clock.sleep_until(clock.now() + timedelta(seconds=29))
    await paced.send(a_message("777"))
    assert network.sent[-1] >= START + timedelta(seconds=30)


async def test_a_wait_for_the_whole_account_stops_every_chat() -> None:
    clock = HastyClock()
    network = Network(clock, Postponed("429", timedelta(seconds=30), whole_account=True))
    paced = PacedTelegram(network, ProcessLimits(clock), clock, "1000")
    await paced.send(a_message("777"))
    assert isinstance(await paced.send(a_message("778")), Postponed)
    assert len(network.sent) == 1


async def test_where_the_bot_has_no_room_its_account_waits_and_where_a_chat_has_none_only_that_chat() -> None:
    clock = HastyClock()
    limits = ProcessLimits(clock)
    paced = PacedTelegram(Network(clock), limits, clock, "1000")
    await limits.block("chat:1000:777", START + timedelta(minutes=1))
    of_chat = await paced.send(a_message("777"))
    assert of_chat == Postponed("waiting for Telegram's limits", timedelta(minutes=1))
    assert isinstance(await paced.send(a_message("778", files=100)), Sent)
    of_bot = await paced.send(a_message("779"))
    assert isinstance(of_bot, Postponed)
    assert of_bot.whole_account
    assert await paced.send(a_message("777")) == of_bot  # however long its chat has to wait
    await clock.sleep_until(clock.now() + (of_bot.retry_after or timedelta()))
    assert isinstance(await paced.send(a_message("779")), Sent)


async def test_a_refused_reservation_takes_no_slot_of_the_other_keys() -> None:
    clock = ManualClock(START)
    limits = ProcessLimits(clock)
    await limits.block("group", START + timedelta(minutes=1))
    for _ in range(50):
        assert await limits.reserve([BOT, GROUP]) == timedelta(minutes=1)
    assert await limits.reserve([BOT]) == timedelta(0)


async def test_chats_long_quiet_are_forgotten() -> None:
    clock = ManualClock(START)
    limits = ProcessLimits(clock)
    for number in range(KEYS + 2):
        await limits.reserve([Rate(f"chat:{number}", timedelta(seconds=1))])
        if number == KEYS:
            clock.advance(timedelta(seconds=5))
    assert len(limits._next) == 1


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3)), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(1, 2000),
)
async def test_never_more_than_the_rate_and_its_burst_whenever_they_come(
    arrivals: list[tuple[int, int]], burst: int, gap: int
) -> None:
    clock = HastyClock()
    limits = ProcessLimits(clock)
    rate = Rate("key", timedelta(milliseconds=gap), burst)
    taken: list[datetime] = []
    for pause, count in arrivals:
        clock.moment += timedelta(milliseconds=pause)
        wait = await limits.reserve([rate], count)
        if wait <= PATIENCE:
            taken += [clock.now() + wait] * count
    for span in (timedelta(milliseconds=gap * 3), timedelta(milliseconds=gap * 10)):
        # Whatever goes together is counted where it begins, so its own size comes on top.
        if taken:
            assert most_within(taken, span) <= span / rate.gap + burst + 3
