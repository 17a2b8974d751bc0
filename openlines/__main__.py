"""The command line. `openlines --help` answers at once: whatever is slow is imported by the command that needs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date

PARTS = ("web", "bot", "mail", "worker")
EXPORTS = ("leads", "contacts", "messages", "deliveries", "ledger")
INPUTS = ("telegram", "email", "reply", "form", "phone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, 0 only when it worked."""
    given = parser().parse_args(arguments)
    if not hasattr(given, "module"):
        parser().print_help()
        return 0
    from core.errors import Misconfigured, OpenLinesError  # not for --help
    from openlines.importing import load

    try:
        if arguments is None:  # the process is ours, and so is its log: standard output is for what was asked
            load("openlines.logs").set_up("text")
        code = int(load(given.module).command(given) or 0)
        sys.stdout.flush()  # whoever has stopped reading is noticed here, and not when the interpreter ends
    except Misconfigured as error:
        for one in getattr(error, "wrong", (error,)):
            print(f"openlines: {one.setting}: {one.remedy}", file=sys.stderr)
        return 2
    except OpenLinesError as error:
        print(f"openlines: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output (`| head`) has gone; the interpreter would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(
        prog="openlines",
        description="A company's open line: every message becomes a lead, managers work it from Telegram.",
        epilog="Settings are read from the environment; the README lists them, `openlines doctor` checks them.",
    )
    commands = top.add_subparsers(metavar="COMMAND", title="commands")

    def add(name: str, words: str, module: str | None = None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        command.set_defaults(module=module or f"openlines.{name}")
        return command

    run = add("run", "serve customers and managers until told to stop")
    run.add_argument(
        "--only",
        metavar="PARTS",
        type=_parts,
        default=PARTS,
        help="run just these parts of it, separated by commas: web, bot, mail, worker (PostgreSQL only)",
    )
    run.add_argument(
        "--since",
        metavar="DATE",
        type=_day,
        help="first start with a mailbox: also take the letters since this day (2026-03-16)",
    )
    demo = add("demo", "show the whole thing in a browser, with phones made of pixels and no token")
    demo.add_argument(
        "--port", type=_port, default=8080, help="port of the page (default 8080; 0 takes a free one)"
    )
    demo.add_argument(
        "--script", action="store_true", help="play a whole day unattended, print it, and check it"
    )
    add("migrate", "bring the database up to date (`run` does so by itself)")
    move = add("move", "take everything along from another database, as from SQLite to PostgreSQL")
    move.add_argument(
        "source",
        metavar="FROM",
        help="the database used so far: an SQLite file, or an address like DATABASE_URL",
    )
    add("doctor", "check every setting and connection, and say what to mend")
    managers = add("managers", "the people who work here", "openlines.people")
    deeds = managers.add_subparsers(metavar="COMMAND", dest="deed", required=True)
    deeds.add_parser("list", help="who they are")
    invite = deeds.add_parser("invite", help="make a one-time link by which somebody comes in")
    invite.add_argument("--admin", action="store_true", help="as an admin")
    invite.add_argument("--name", help="whom it is for, as a reminder")
    export = add("export", "write everything of one kind, one object per line")
    export.add_argument("what", choices=EXPORTS)
    export.add_argument(
        "--format",
        choices=("jsonl", "csv"),
        default="jsonl",
        help="JSON, an object a line (default), or a table for a spreadsheet",
    )
    export.add_argument("--output", metavar="FILE", help="write here instead of to standard output")
    inspect = add("inspect", "print what the system understands of a raw input, without storing it")
    inspect.add_argument("kind", choices=INPUTS)
    inspect.add_argument("files", nargs="+", metavar="FILE")
    replay = add("replay", "take parked input again")
    replay.add_argument(
        "ids", nargs="*", type=int, metavar="ID", help="ledger ids; default: everything parked"
    )
    add("version", "print the version")
    return top


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: a day is written 2026-03-16") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text}: a port is a number from 0 to 65535")
    return int(text)


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts or (unknown := [part for part in parts if part not in PARTS]):
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) if parts else 'nothing'}: choose from {', '.join(PARTS)}"
        )
    return parts


if __name__ == "__main__":
    sys.exit(main())
