"""Importing what takes seconds, beside a program that may be told to stop meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_running: set[threading.Thread] = set()


def load(name: str) -> ModuleType:
    """A module, imported without collecting garbage: there is none, and looking for it takes an eighth of the time.

    What was imported is never looked through again either. Raises what importing it raises.
    """
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


async def imported(name: str) -> Any:
    """A module, imported by a thread that keeps nobody who wants to stop. Raises what importing it raises."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[ModuleType] = loop.create_future()

    def settle(module: ModuleType | None, error: Exception | None) -> None:
        if waiting.done():  # cancelled meanwhile
            return
        if module is not None:
            waiting.set_result(module)
        elif error is not None:
            waiting.set_exception(error)

    def work() -> None:
        found: tuple[ModuleType | None, Exception | None]
        try:
            found = load(name), None
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            found = None, error
        _running.discard(threading.current_thread())
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, *found)

    thread = threading.Thread(target=work, name=f"import {name}", daemon=True)
    _running.add(thread)
    thread.start()
    return await waiting


@contextmanager
def not_waited_for() -> Iterator[None]:
    """Around the whole life of a process: at its good end an import that still runs is cut off, with exit code 0.

    The interpreter would end its thread wherever it is, and within compiled modules that aborts the process. When
    there is a failure to tell, the import is waited for.
    """
    try:
        yield
    except BaseException:
        for thread in list(_running):
            thread.join()
        raise
    if _running:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
