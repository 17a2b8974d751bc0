"""The HTTP edge: routes, limits, and answers that tell a web developer what to mend and a stranger nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from aiohttp import web

from core.clock import Clock
from core.database import Database
from core.errors import InvalidInput
from core.files import FileStore
from core.intake.edge import Intake
from core.lines.accounts import AccountRef
from webhooks import form, health, telegram, unsubscribe
from webhooks.metrics import Metrics

log = structlog.get_logger("http")

MAX_BODY = (
    256 * 1024 * 1024
)  # bytes; multipart forms stream their files, everything else has limits of its own

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Edge:
    """Everything the routes need; built once by the assembly."""

    db: Database
    intake: Intake
    store: FileStore
    clock: Clock
    forms: Mapping[str, AccountRef] = field(default_factory=dict)  # line → its form
    form_key: bytes | None = None
    form_origins: frozenset[str] = frozenset()
    honeypots: frozenset[str] = frozenset()
    region: str = "RU"
    telegrams: Mapping[str, AccountRef] = field(default_factory=dict)  # line → its bot
    telegram_secret: bytes | None = None
    letters_secret: bytes | None = None  # signs the links that stop follow-ups
    oldest_allowed: timedelta = timedelta(minutes=5)
    parts: Sequence[str] = ()


def build(edge: Edge) -> web.Application:
    """The application with its routes. It knows no networks, only what the edge was given."""
    metrics = Metrics(edge.db)

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.json_response({"error": error.reason}, status=error.status, headers=_kept(error))
        except InvalidInput as error:
            response = web.json_response({"error": error.reason, "field": error.field}, status=error.status)
        except ConnectionError:
            raise
        except Exception:
            log.exception("a request failed", path=_route(request))
            response = web.json_response(
                {"error": "try again later"}, status=503, headers={"Retry-After": "5"}
            )
        metrics.request(_route(request), response.status, time.perf_counter() - started)
        return response

    app = web.Application(middlewares=[answered], client_max_size=MAX_BODY)
    form.add_routes(app, edge)
    telegram.add_routes(app, edge)
    unsubscribe.add_routes(app, edge)
    health.add_routes(app, edge, metrics)
    return app


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
