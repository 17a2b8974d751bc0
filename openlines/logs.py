"""Log lines: events with ids as fields, never what people wrote, never a secret."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

log = structlog.get_logger("warnings")


def set_up(log_format: str) -> None:
    """Send every log line, ours and the libraries', to standard error as text or as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        # People read the clock on their wall, machines compare.
        structlog.processors.TimeStamper(fmt="iso", utc=True)
        if log_format == "json"
        else structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if log_format == "json":
        last: list[structlog.typing.Processor] = [
            # Without the values of local variables: they hold what people wrote, and secrets.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # Libraries that tell every request or statement at INFO; aiohttp's access lines hold addresses of people.
    for noisy in ("aiogram", "aiohttp.access", "alembic", "sqlalchemy.engine", "httpx", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # aiohttp warns of every damaged header in a form: that is the sender's affair, and Python would remember each
    # distinct text for ever.
    warnings.filterwarnings("ignore", module=r"aiohttp\.multipart")
    warnings.showwarning = _warned


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A library's warning: of what kind and where."""
    del message, file, line  # its text may hold what people wrote
    log.warning("a library warns", kind=category.__name__, where=f"{_shortened(filename)}:{lineno}")


def _shortened(filename: str) -> str:
    return "/".join(Path(filename).parts[-3:])
