"""`/health/live`, `/health/ready` and `/metrics`: for whoever restarts, routes and alerts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from core import workload
from core.database import DatabaseError
from webhooks.answers import answer
from webhooks.metrics import Metrics

if TYPE_CHECKING:
    from webhooks.application import Edge

log = structlog.get_logger("http")

PATIENCE = 2.0  # seconds for the database to answer
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def add_routes(app: web.Application, edge: Edge, metrics: Metrics) -> None:
    """Routes that tell how things are; they show no data of people."""

    async def live(_: web.Request) -> web.Response:
        return answer({"live": True})

    async def ready(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(PATIENCE):
                age = await edge.db.transact(workload.oldest_due)
        except (TimeoutError, OSError, DatabaseError) as error:
            log.warning("not ready", why=type(error).__name__)
            return answer({"ready": False, "database": "away"}, status=503)
        late = age > edge.oldest_allowed.total_seconds()
        body = {
            "ready": not late,
            "database": "here",
            "parts": list(edge.parts),
            "leases": dict(edge.leases),
            "oldest_due_seconds": round(age, 1),
        }
        return answer(body, status=503 if late else 200)

    async def figures(_: web.Request) -> web.Response:
        body = await metrics.text(edge.clock.now(), PATIENCE)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", figures)
