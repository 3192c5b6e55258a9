"""What a request's text says about its client: browser or bot, the referrer's domain, and whether it wants an asset."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from ua_parser import parse

_ASSET = re.compile(
    r"[^?]*\.(?:avif|bmp|css|eot|gif|ico|jpe?g|m?js|map|mp[34]|ogg|otf|png|svg|ttf|txt|web[mp]|webmanifest|woff2?|xml)"
    r"(?:\?.*)?",
    re.IGNORECASE | re.DOTALL,
)


class Agent(NamedTuple):
    """The family of a browser, or the name of a bot; None if it is the other or unknown."""

    browser: str | None
    bot: str | None


@lru_cache(maxsize=20_000)
def agent_of(text: str | None) -> Agent:
    """Returns what a ``User-Agent`` is, as the ua-parser project knows it."""
    found = parse(text) if text else None
    if found is None or found.user_agent is None:
        is_bot = found is not None and found.device is not None and found.device.family == "Spider"
        return Agent(None, "Other" if is_bot else None)
    if found.device is not None and found.device.family == "Spider":
        return Agent(None, found.user_agent.family)
    return Agent(found.user_agent.family, None)


@lru_cache(maxsize=20_000)
def domain_of(referrer: str | None) -> str | None:
    """Returns the host of a referrer without ``www.``; None if it has none."""
    try:
        host = urlsplit(referrer).hostname if referrer else None
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def is_asset(path: str | None) -> bool:
    """Returns whether a path is a file that pages load, by its suffix."""
    return path is not None and _ASSET.fullmatch(path) is not None
