"""``/badge.svg`` and ``/embed``: a number, or a number with a chart, for other web pages. Neither needs a script."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from query.errors import BadParameterError
from query.parameters import EventTypeFilter
from query.problems import documented
from query.stats.answer import answer
from query.stats.models import Stats
from query.stats.question import StatsQuestion
from runtime.log.client import LogClient

REFRESH = 30
"""Seconds after which an embedded answer is asked for again."""
_DIGIT = 6.6
"""Pixels of a character at 11 px, on average."""

_STYLE = (
    ":root{color-scheme:light dark;font:14px/1.4 system-ui,sans-serif}"
    ":root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark}"
    "body{margin:0;display:flex;flex-direction:column;gap:6px;height:100vh;box-sizing:border-box;padding:10px 12px}"
    "p{margin:0;color:light-dark(#52646a,#8fa3a9)}"
    "strong{font-size:28px;font-variant-numeric:tabular-nums}"
    "svg{flex:1;min-height:0;width:100%;fill:light-dark(#0b6a6d,#4bc7c1)}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<meta charset="utf-8">
<meta http-equiv="refresh" content="{refresh}">
<title>{label}</title>
<style>{style}</style>
<body>
<p>{label}</p>
<strong>{number}</strong>
<svg viewBox="0 0 {width} 100" preserveAspectRatio="none" role="img" aria-label="{label} per {bucket}">{bars}</svg>
"""
_BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{label}: {number}</title>
<rect width="{width}" height="20" rx="3" fill="#444d52"/>
<path d="M{left} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="#0b6a6d"/>
<g fill="#fff" font-family="system-ui,sans-serif" font-size="11" text-anchor="middle">
<text x="{label_at}" y="14">{label}</text>
<text x="{number_at}" y="14">{number}</text>
</g>
</svg>
"""


class EmbedQuestion(BaseModel):
    """What to show: a part of a question to ``GET /stats``, and how."""

    model_config = ConfigDict(extra="forbid")

    metric: Literal["events", "users"] = Field("events", description="Events, or unique users.")
    start: str | None = Field(None, alias="from", description="As in `/stats`.", examples=["-24h"])
    end: str | None = Field(None, alias="to", description="As in `/stats`.")
    bucket: str = Field("auto", description="As in `/stats`.")
    tz: str = Field("UTC", description="As in `/stats`.")
    event_type: EventTypeFilter = Field([], examples=[["order"]])
    label: str | None = Field(None, max_length=60, description="Default: the event types and the metric.")
    theme: Literal["auto", "light", "dark"] = "auto"

    @property
    def title(self) -> str:
        """The label, or one that says what is counted."""
        return self.label or " ".join([*self.event_type, self.metric])

    def stats(self, *, series: bool) -> StatsQuestion:
        """Returns the question to ``/stats``.

        Raises:
            BadParameterError: a parameter is not valid.
        """
        asked: dict[str, Any] = {"from": self.start, "to": self.end, "bucket": self.bucket, "tz": self.tz}
        asked = {name: value for name, value in asked.items() if value is not None}
        users = self.metric == "users" and ("series" if series else True)
        try:
            return StatsQuestion.model_validate({**asked, "event_type": self.event_type, "users": users})
        except ValidationError as error:
            first = error.errors()[0]
            raise BadParameterError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")) from None


def embed_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> APIRouter:
    """Returns the two routes; ``timeout`` limits the database time of one request, in seconds."""
    router = APIRouter(tags=["stats"])
    documentation = documented(422, 503, 504)

    async def ask(question: EmbedQuestion, *, series: bool) -> Stats:
        asked = question.stats(series=series)
        found = (await answer(pool, log, asked, timeout=timeout, salt="", if_none_match=None)).stats
        assert found is not None
        return found

    @router.get("/badge.svg", summary="A number as an image", responses=documentation, response_class=Response)
    async def badge(question: Annotated[EmbedQuestion, Query()]) -> Response:
        """Returns a small image with a label and a number."""
        found = await ask(question, series=False)
        headers = {"Cache-Control": f"max-age={REFRESH}", "Cross-Origin-Resource-Policy": "cross-origin"}
        image = _badge(question.title, f"{found['totals'][question.metric] or 0:,}")
        return Response(image, headers=headers, media_type="image/svg+xml")

    @router.get("/embed", summary="A number and a chart as a page", responses=documentation, response_class=Response)
    async def embed(question: Annotated[EmbedQuestion, Query()], request: Request) -> Response:
        """Returns a page for a frame. It shows the number and one bar per bucket, and refreshes itself."""
        found = await ask(question, series=True)
        ancestors = " ".join(["'self'", *request.scope.get("frame_ancestors", ())])
        policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors {ancestors}"
        headers = {"Cache-Control": f"max-age={REFRESH}", "Content-Security-Policy": policy}
        return Response(_page(question, found), headers=headers, media_type="text/html")

    return router


def _badge(label: str, number: str) -> str:
    left, right = (round(len(text) * _DIGIT) + 10 for text in (label, number))
    return _BADGE.format(
        width=left + right,
        left=left,
        right=right - 3,
        label_at=left / 2,
        number_at=left + right / 2,
        label=escape(label),
        number=number,
    )


def _page(question: EmbedQuestion, found: Stats) -> str:
    heights = found["users_per_bucket"] if question.metric == "users" else _events_per_bucket(found)
    highest = max(heights or [0], default=0) or 1
    bars = "".join(
        f'<rect x="{number}.1" y="{100 - height:g}" width=".8" height="{height:g}"/>'
        for number, value in enumerate(heights or [])
        if (height := round(100 * value / highest, 1))
    )
    return _PAGE.format(
        theme=question.theme,
        refresh=REFRESH,
        style=_STYLE,
        label=escape(question.title),
        number=f"{found['totals'][question.metric] or 0:,}",
        width=len(found["buckets"]) or 1,
        bucket=found["bucket"],
        bars=bars,
    )


def _events_per_bucket(found: Stats) -> list[int]:
    places = {bucket: number for number, bucket in enumerate(found["buckets"])}
    events = [0] * len(places)
    others = found["other_types"]
    for point in [*found["series"], *(others["series"] if others else ())]:
        events[places[point["bucket"]]] += point["events"]
    return events
