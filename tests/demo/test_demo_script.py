"""The scripted day: it ends well when all is well, and says so when something is not."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bot.callbacks import Action
from openlines import scenes
from openlines.day import Day
from openlines.script import played


@pytest.mark.timeout(280)  # two days of a line take half a minute of a machine that does nothing else
async def test_a_whole_day_is_as_it_should_be() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openlines", "demo", "--script",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed[-4000:]
    assert "Everything was as it should be" in printed
    assert "✗" not in printed
    for what in ("Анна → line", "[✋ Взять]", "Leads", "Deliveries to customers", "the book balances"):
        assert what in printed


async def test_what_is_not_as_it_should_be_is_named_and_the_day_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    played_after = False

    async def impossible(day: Day) -> None:
        """Somebody taps what is not there."""
        day.card("никто этого не писал", Action.TAKE)

    async def after(day: Day) -> None:
        """The next scene."""
        nonlocal played_after
        played_after = True
        day.expect(day.heard(day.cast.anna, "Мы получили") == 1, "Анна was answered")

    reason = "no manager has a message with 'никто этого не писал' and the button TAKE"
    failures = await played((scenes.coming_to_work, impossible, after))
    assert failures == [
        f"Somebody taps what is not there: the scene cannot be played: {reason}",
        "The next scene: Анна was answered",
    ]
    assert played_after
    assert "✗ NOT SO: Анна was answered" in capsys.readouterr().out
