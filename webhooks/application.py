"""The HTTP edge: routes, limits, and answers that tell a web developer what to mend and a stranger nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from aiohttp import web

from channels.form.names import HONEYPOTS
from core.clock import Clock
from core.database import Database, DatabaseError
from core.errors import InvalidInput
from core.files import FileStore
from core.intake.edge import Intake
from core.lines.accounts import AccountRef
from webhooks import form, health, telegram, unsubscribe
from webhooks.answers import answer
from webhooks.connections import AT_WORK, BODY
from webhooks.metrics import Metrics
from webhooks.refusals import Network, Refusals, route_of

log = structlog.get_logger("http")

# Bytes. Multipart forms stream their files, everything else has limits of its own.
MAX_BODY = 256 * 1024 * 1024

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
    honeypots: frozenset[str] = HONEYPOTS  # names of fields that people do not see
    region: str = "RU"
    telegrams: Mapping[str, AccountRef] = field(default_factory=dict)  # line → its bot
    telegram_secret: bytes | None = None
    trusted_proxies: Sequence[Network] = ()
    letters_secret: bytes | None = None  # signs the links that stop follow-ups
    oldest_allowed: timedelta = timedelta(minutes=5)
    patience: float = BODY  # seconds for a body to come, see `in_time`
    parts: Sequence[str] = ()
    leases: Mapping[str, str] = field(default_factory=dict)  # name → "held" by this process, or "waiting"


def build(edge: Edge) -> web.Application:
    """The application with its routes. It knows no networks, only what the edge was given."""
    metrics, refusals = Metrics(edge.db), Refusals(edge.clock, edge.trusted_proxies)
    at_work: dict[web.RequestHandler, web.Request] = {}

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        connection = request.protocol
        at_work[connection] = request
        try:
            _check_encoding(request)
            response = await handler(request)
        except web.HTTPException as error:
            response = answer({"error": error.reason}, status=error.status, headers=_kept(error))
            if error.status in (401, 403):
                refusals.turned_away(request, error.status)
        except InvalidInput as error:
            refusals.refused(request, error)
            response = answer({"error": error.reason, "field": error.field}, status=error.status)
        except web.RequestPayloadError:
            response = answer({"error": "the body is broken: it cannot be read to its end"}, status=400)
            response.force_close()
        except (OSError, DatabaseError) as error:
            if isinstance(error, ConnectionError) and (
                not request.transport or request.transport.is_closing()
            ):
                raise  # whoever asked has hung up
            log.error("a request cannot be served", route=route_of(request), why=type(error).__name__)
            response = _later()
        except Exception:
            log.exception("a request failed", route=route_of(request))
            response = _later()
        finally:
            at_work.pop(connection, None)
        response.headers["Server"] = "openlines"  # which libraries, of which version, helps only attackers
        form.let_read(request, response, edge.form_origins)
        form.show(request, response, edge.form_origins)
        metrics.request(route_of(request), response.status, time.perf_counter() - started)
        return response

    app = web.Application(middlewares=[answered], client_max_size=MAX_BODY)
    app[AT_WORK] = at_work
    form.add_routes(app, edge)
    telegram.add_routes(app, edge)
    unsubscribe.add_routes(app, edge)
    health.add_routes(app, edge, metrics)
    return app


def _check_encoding(request: web.Request) -> None:
    """Browsers, site builders and Telegram send bodies as they are; unpacking a stranger's is a way to be buried."""
    encoding = request.headers.get("Content-Encoding")
    if encoding and encoding.strip().lower() != "identity":
        raise InvalidInput("Content-Encoding", "an encoded body is not read here: send it as it is", 415)


def _later() -> web.Response:
    return answer({"error": "try again later"}, status=503, headers={"Retry-After": "5"})


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
