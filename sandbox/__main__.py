"""`python -m sandbox --port 8081`: the sandbox by itself, for a bot that runs beside it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys

from sandbox.telegram import TelegramSandbox


def main() -> None:
    """Serve until interrupted. Prints the address first, then what to do with it."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A Telegram Bot API on this machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--token", default="1000001:SANDBOX", help="the bot's token (default: %(default)s)")
    parser.add_argument("--username", default="sandbox_bot", help="the bot's name (default: %(default)s)")
    parser.add_argument(
        "--person",
        type=int,
        action="append",
        default=[],
        metavar="ID",
        help="somebody who has started the bot",
    )
    parser.add_argument("--forget", action="store_true", help="keep no messages: for load tests")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    sandbox = TelegramSandbox(
        host=options.host,
        port=options.port,
        keep_messages=not options.forget,
        keep_calls=100 if options.forget else 10_000,
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            telegram = await stack.enter_async_context(sandbox)
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None) or 0
            why = os.strerror(number) if number > 0 else str(error)
            sys.exit(f"sandbox: {options.host}:{options.port} cannot be listened on: {why}")
        bot = telegram.add_bot(options.token, options.username)
        for person_id in options.person:
            await telegram.person(person_id, f"Person {person_id}").starts(bot)
        print(telegram.url, flush=True)
        print(f"@{bot.username} answers at {telegram.url}/bot{bot.token}/getMe", flush=True)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()


if __name__ == "__main__":
    main()
