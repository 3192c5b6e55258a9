"""The outermost layer of every service: refuses foreign web pages, and requests without the right key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.errors import LogUnavailableError
from runtime.access.foreign_pages import PagePolicy
from runtime.access.keys import Key, KeyRing, Kind, question_of
from runtime.access.login import LOGIN_HEADERS, login_page
from runtime.access.refusals import Refusal, send_refusal
from runtime.access.sessions import COOKIE, SESSION_LIFETIME, TICKET_LIFETIME, Tickets, key_of_session, new_session
from runtime.budget import Budget
from runtime.health import ANONYMOUS

OPEN_PATHS = ("/health", "/health/", "/docs", "/docs/", "/asyncapi", "/asyncapi.json", "/openapi.json")
"""Paths of every service that need no key: they show no events."""
KEY = "tailrace.key"
"""The id of the key that opened a request, in its ``scope["state"]``."""
_MAX_LOGIN = 1024
_MAX_KNOWN_HOSTS = 100


@dataclass(frozen=True)
class Rules:
    """Which kind of key a path needs. A path in ``open`` (or below one that ends in /) needs none.

    Web pages of any origin may load a path in ``public``, and show one in ``embeddable`` in a frame or as an image.
    """

    default: Kind
    paths: Mapping[str, Kind] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    embeddable: tuple[str, ...] = ()
    has_page: bool = False
    """Whether the service has a web page to log in to."""

    def kind_of(self, path: str) -> Kind | None:
        """Returns the kind of key that a path needs; None if it needs none."""
        if path in self.paths:
            return self.paths[path]
        if path in self.open:
            return None
        below = any(one != "/" and one.endswith("/") and path.startswith(one) for one in self.open)
        return None if below and ".." not in path else self.default


@dataclass
class Access:
    """How a service lets requests in. Without ``ring`` it needs no keys."""

    pages: PagePolicy
    rules: Rules
    ring: KeyRing | None = None
    tickets: Tickets | None = None

    @property
    def key_origins(self) -> frozenset[str]:
        """The origins that keys are bound to."""
        return self.ring.origins if self.ring is not None else frozenset()


class AccessGuard:
    """ASGI middleware for HTTP and WebSockets."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._access = access
        self._app = app
        self._cors = _Cors(app, access)
        self._known_hosts: set[bytes] = set()
        self._budgets: dict[str, Budget] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes an allowed request on, and answers any other."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in self._access.rules.public:
            await self._app(scope, receive, send)
            return
        is_plain = self._is_plain(scope)
        if is_plain and self._access.ring is None:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = None
        if not is_plain:
            embedded = scope["path"] in self._access.rules.embeddable
            if embedded:
                scope["frame_ancestors"] = tuple(sorted(self._access.pages.origins))
            method = scope.get("method", "")
            refusal = self._access.pages.refusal(method, headers, self._access.key_origins, embedded=embedded)
        if refusal is None and self._access.ring is not None and not _is_preflight(scope, headers):
            if (own := await self._own_route(scope, receive, headers)) is not None:
                await own(scope, receive, send)
                return
            refusal = await self._check_key(scope, headers, self._access.ring)
        if refusal is not None:
            await send_refusal(refusal, scope, receive, send)
        else:
            await (self._cors if "origin" in headers else self._app)(scope, receive, send)

    def _is_plain(self, scope: Scope) -> bool:
        """Whether a request has a known host, and none of the headers that only browsers send."""
        # servers send thousands of requests a second to one host
        hosts = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin" or name == b"sec-fetch-site":
                return False
        if len(hosts) != 1:
            return False
        if hosts[0] not in self._known_hosts:
            refused = self._access.pages.refusal("GET", Headers(raw=[(b"host", hosts[0])]))
            if refused is not None or len(self._known_hosts) == _MAX_KNOWN_HOSTS:
                return False
            self._known_hosts.add(hosts[0])
        return True

    async def _check_key(self, scope: Scope, headers: Headers, ring: KeyRing) -> Refusal | None:
        kind = self._access.rules.kind_of(scope["path"])
        if kind is None:
            key = ring.find(text) if (text := _bearer(headers)) is not None else None
            if key is None or not key.permits("metrics"):
                scope.setdefault("state", {})[ANONYMOUS] = True
            return None
        if not ring.is_current:
            detail = "the keys are not known: the log does not answer"
            return Refusal(503, "Log unavailable", detail, {"Retry-After": "1"})
        text = _take(scope, "key") if scope["path"] in self._access.rules.embeddable else ""
        try:
            key = ring.find(text) if text else await self._key_of(scope, headers, ring)
        except LogUnavailableError as error:
            return Refusal(503, "Log unavailable", str(error), {"Retry-After": "1"})
        if key is None:
            detail = f"a valid {kind} key is needed: send the header Authorization: Bearer <key>"
            return Refusal(401, "Unauthorized", detail, {"WWW-Authenticate": "Bearer"})
        if key.kind == "embed" and key.question == _question(scope):
            scope["frame_ancestors"] = key.origins or ("*",)
        elif not key.permits(kind):
            return Refusal(403, "Forbidden", f"a {key.kind} key does not permit this: a {kind} key is needed")
        origin = headers.get("origin")
        if key.origins and origin is not None and origin not in key.origins:
            return Refusal(403, "Forbidden", "the key is bound to other origins")
        scope.setdefault("state", {})[KEY] = key.id
        return self._spend(key)

    async def _key_of(self, scope: Scope, headers: Headers, ring: KeyRing) -> Key | None:
        if (text := _bearer(headers)) is not None:
            return ring.find(text)
        if cookie := _cookie(headers):
            return key_of_session(cookie, ring)
        if self._access.tickets is not None and (ticket := _take(scope, "ticket")):
            return await self._access.tickets.redeem(ticket, ring)
        return None

    def _spend(self, key: Key) -> Refusal | None:
        if key.rate is None:
            return None
        budget = self._budgets.setdefault(key.id, Budget(key.rate))
        if wait := budget.spend():
            detail = f"the key permits {key.rate:g} requests a second"
            return Refusal(429, "Too many requests", detail, {"Retry-After": str(max(1, round(wait)))})
        return None

    async def _own_route(self, scope: Scope, receive: Receive, headers: Headers) -> Response | None:
        """Answers the login page, its form, and requests for tickets; None for any other path."""
        ring, rules = self._access.ring, self._access.rules
        assert ring is not None
        method, path = scope.get("method"), scope["path"]
        if rules.has_page and path == "/" and method == "GET" and self._session(headers, ring) is None:
            return HTMLResponse(login_page(), status_code=401, headers=LOGIN_HEADERS)
        if rules.has_page and path == "/session" and method == "POST":
            return await _log_in(Request(scope, receive), ring)
        if self._access.tickets is not None and path == "/tickets" and method == "POST":
            return await self._issue_ticket(headers, ring, self._access.tickets)
        return None

    def _session(self, headers: Headers, ring: KeyRing) -> Key | None:
        cookie = _cookie(headers)
        key = key_of_session(cookie, ring) if cookie else None
        text = _bearer(headers)
        return key or (ring.find(text) if text is not None else None)

    async def _issue_ticket(self, headers: Headers, ring: KeyRing, tickets: Tickets) -> Response | None:
        key = self._session(headers, ring)
        if key is None or not key.permits("read"):
            return None  # the check of the key refuses it
        try:
            ticket = await tickets.issue(key)
        except LogUnavailableError:
            return None
        body = msgspec.json.encode({"ticket": ticket, "expires_in": TICKET_LIFETIME})
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


class _Cors(CORSMiddleware):
    """Lets pages of allowed origins read the answers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        super().__init__(
            app,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["ETag", "Retry-After"],
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether an origin is listed, or a key is bound to it."""
        return origin in self._access.pages.origins or origin in self._access.key_origins


async def _log_in(request: Request, ring: KeyRing) -> Response:
    if int(request.headers.get("content-length", _MAX_LOGIN + 1)) > _MAX_LOGIN:
        return HTMLResponse(login_page("The key is too long."), status_code=413, headers=LOGIN_HEADERS)
    given = dict(parse_qsl((await request.body()).decode(errors="replace")))
    key = ring.find(given.get("key", "").strip())
    if key is None or not key.permits("read"):
        return HTMLResponse(login_page("This is not a valid read key."), status_code=401, headers=LOGIN_HEADERS)
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(
        COOKIE,
        new_session(key),
        max_age=SESSION_LIFETIME,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope.get("method") == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers


def _bearer(headers: Headers) -> str | None:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _cookie(headers: Headers) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _question(scope: Scope) -> str:
    return question_of(scope["path"], scope["query_string"].decode("latin-1"))


def _take(scope: Scope, parameter: str) -> str:
    """Removes a parameter from a request's query, since the routes do not know it."""
    if parameter.encode() + b"=" not in scope["query_string"]:
        return ""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode([pair for pair in pairs if pair[0] != parameter]).encode()
    return next((value for name, value in pairs if name == parameter), "")
