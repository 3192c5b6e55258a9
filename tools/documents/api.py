"""docs/api: what the services serve at /asyncapi.json and /openapi.json, made without running them."""

import json
from typing import Any, cast

from command.service import CommandService
from contracts.upcasting import NO_UPCASTERS
from contracts.users import no_user_key
from query.app import make_app
from query.database import Pools
from query.live.asyncapi import asyncapi_document
from query.live.sending import LiveClients
from query.live.tail import Tail
from query.metrics import QueryMetrics
from runtime.settings import Settings


def api_documents() -> dict[str, str]:
    """The documents by their files' names."""
    settings = Settings.model_construct()
    command = CommandService(settings)
    return {
        "asyncapi.command.json": pretty(command.asyncapi),
        "asyncapi.query.json": pretty(asyncapi_document()),
        "openapi.command.json": pretty(command.openapi),
        "openapi.query.json": pretty(_query_openapi(settings)),
    }


def pretty(document: dict[str, Any]) -> str:
    """The same document always as the same text."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _query_openapi(settings: Settings) -> dict[str, Any]:
    # an app asks nothing of what it is made over until it is asked itself
    nothing = cast("Any", None)
    tail = Tail(nothing, 1, NO_UPCASTERS)
    clients = LiveClients(nothing, tail)
    metrics = QueryMetrics(nothing, tail, clients)
    return make_app(
        Pools(nothing, nothing, nothing),
        nothing,
        clients,
        no_user_key,
        metrics.registry,
        stats_timeout=settings.stats_timeout,
        command_port=settings.command_port,
    ).openapi()
