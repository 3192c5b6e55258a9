"""The HTTP app, composed of the routes of each feature."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from query.compression import CompressionMiddleware
from query.database import Pools
from query.events.routes import events_routes
from query.health import health_routes
from query.live.routes import live_routes
from query.live.sending import LiveClients
from query.page.routes import page_routes
from query.parameters import Identify
from query.problems import answer_problems, describe_problems
from query.projections.routes import projections_routes
from query.retention.routes import retention_routes
from query.stats.embed import embed_routes
from query.stats.routes import stats_routes
from runtime.access.guard import OPEN_PATHS, Rules
from runtime.access.keys import EMBEDDABLE
from runtime.docs_pages import docs_routes
from runtime.log.client import LogClient
from runtime.metrics import serve_metrics

DESCRIPTION = """
The read side of Tailrace: `/stats`, `/events` and `/projections` query read models, `/ws` and `/sse` stream the log.
All use the same cursors for positions of the log: `<epoch>:<sequence>:<fingerprint>`. Errors are problem+json (RFC
9457).
"""

RULES = Rules(
    default="read",
    paths={"/metrics": "metrics"},
    open=(*OPEN_PATHS, "/", "/assets/", "/icon.svg", "/theme.js", "/ping"),
    embeddable=EMBEDDABLE,
    has_page=True,
)
"""Which keys the paths need. The guard itself shows the login page at ``/``."""


_COMPRESSED_FROM = 1000
"""Bytes. A smaller answer fits into one packet; streams are never compressed."""


def make_app(
    pools: Pools,
    log: LogClient,
    clients: LiveClients,
    identify: Identify,
    registry: CollectorRegistry,
    *,
    stats_timeout: float,
    command_port: int,
) -> FastAPI:
    """Returns the app.

    ``stats_timeout`` limits the database time of one request, in seconds. The page shows ``command_port``; ``identify``
    returns the id of the user that a string names.
    """
    # FastAPI's default pages load their scripts from a CDN
    app = FastAPI(title="Tailrace query", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # a redirect repeats the request's Host
    answer_problems(app)
    describe_problems(app)
    app.include_router(page_routes(command_port=command_port))
    app.include_router(health_routes(pools.health, log, lambda: clients.count))
    app.include_router(stats_routes(pools, log, stats_timeout))
    app.include_router(embed_routes(pools.questions, log, stats_timeout))
    app.include_router(retention_routes(pools.questions, log, stats_timeout))
    app.include_router(events_routes(pools.questions, log, stats_timeout, identify))
    app.include_router(projections_routes(pools.questions, log, stats_timeout, identify))
    app.include_router(live_routes(clients))
    app.router.routes.extend(docs_routes("Tailrace query"))
    app.add_middleware(CompressionMiddleware, minimum_size=_COMPRESSED_FROM, compresslevel=6)
    serve_metrics(app, registry)
    return app
