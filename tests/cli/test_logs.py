"""The log holds events and places, never what people wrote: not in a library's warning either."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

WARNING = """
import asyncio, sys, warnings
from channels.form.multipart import read_saved
from core.errors import InvalidInput
from openlines import logs

logs.set_up(sys.argv[1])
part = '--b\\r\\nContent-Disposition: form-data; name="f"; Пароль Анны; filename*=x%d\\r\\n\\r\\n\\r\\n--b--\\r\\n'
for number in range(300):
    try:
        asyncio.run(read_saved((part % number).encode(), "multipart/form-data; boundary=b"))
    except InvalidInput:
        pass
import aiohttp.multipart
assert len(getattr(aiohttp.multipart, "__warningregistry__", {})) < 10, "each text would be kept for ever"
warnings.warn("Пароль Анны", RuntimeWarning)
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_warning_names_its_kind_and_place_and_no_words_of_people(log_format: str) -> None:
    ran = subprocess.run(  # warnings and logging belong to the whole process
        [sys.executable, "-c", WARNING, log_format], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Пароль" not in ran.stderr
    (line,) = ran.stderr.splitlines()
    assert "RuntimeWarning" in line
    assert "a library warns" in line
    if log_format == "json":
        told = json.loads(line)
        assert (told["kind"], told["where"]) == ("RuntimeWarning", "<string>:16")


FAILURE = """
import logging, sys
import structlog
from openlines import logs

logs.set_up(sys.argv[1])

def answer(text, token):
    raise RuntimeError("nobody expected that")

for log in (structlog.get_logger("http"), logging.getLogger("aiohttp.server")):
    try:
        answer("Пароль" + " Анны", token="110201543" + ":AAH")
    except RuntimeError:
        log.exception("a request failed")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_failure_is_told_with_its_place_and_without_what_was_in_hand(log_format: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FAILURE, log_format], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr.count("nobody expected that") == 2
    assert "answer" in ran.stderr
    assert "Анны" not in ran.stderr
    assert "AAH" not in ran.stderr
