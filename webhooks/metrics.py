"""`/metrics`: what this process has served, and how the work stands in the database."""

from __future__ import annotations

import asyncio
from datetime import datetime
from math import nan

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from core import workload
from core.database import Database, DatabaseError

log = structlog.get_logger("http")


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "openlines_http_requests", "Requests served", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "openlines_http_seconds",
            "Time to answer",
            ["route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self._registry,
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._gauges: dict[str, Gauge] = {
            name: Gauge(f"openlines_{name}", words, registry=self._registry)
            for name, words in workload.MEANINGS.items()
        }

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one request. `route` is one of the application's own, never a stranger's path."""
        if (children := self._children.get((route, status))) is None:
            children = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[(route, status)] = children
        served, took = children
        served.inc()
        took.observe(seconds)

    async def text(self, now: datetime, patience: float) -> bytes:
        """Everything in Prometheus's text form, the gauges read now; they are NaN, nobody knows, when the database has
        not answered within `patience` seconds. What was served is told also then.
        """
        figures: dict[str, float] = {}
        try:
            async with asyncio.timeout(patience):
                figures = (await self._db.read(lambda c: workload.read(c, now))).figures()
        except (TimeoutError, OSError, DatabaseError) as error:
            log.warning("how the work stands cannot be read", why=type(error).__name__)
        for name, gauge in self._gauges.items():
            gauge.set(figures.get(name, nan))
        return generate_latest(self._registry)
