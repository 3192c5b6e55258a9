"""Reads a service's documentation pages in a real browser, as its users do."""

from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request

# a component's shadow root is not part of the body's own text
_TEXT = """() => {
    const viewer = document.querySelector("asyncapi-viewer");
    const parts = viewer ? [...viewer.shadowRoot.children] : [document.body];
    return parts.map((part) => part.innerText).join("\\n");
}"""


class DocsPage(NamedTuple):
    """A page's text, the hosts it made requests to, and what the browser reported (refused by the policy, errors)."""

    text: str
    hosts: set[str]
    complaints: list[str]


async def read_openapi_page(browser: Browser, url: str) -> DocsPage:
    """``/docs`` of the service at ``url`` with every operation expanded."""
    return await _read(browser, f"{url}/docs", ".opblock-summary-control[aria-expanded=false]", ".opblock")


async def read_asyncapi_page(browser: Browser, url: str) -> DocsPage:
    """``/asyncapi`` of the service at ``url``, with every message and schema expanded."""
    return await _read(
        browser,
        f"{url}/asyncapi",
        "[role=tab][aria-selected=false], [aria-expanded=false], details:not([open]) > summary",
        "asyncapi-viewer h2",
    )


async def _read(browser: Browser, url: str, folded: str, ready: str) -> DocsPage:
    page = await browser.new_page()
    hosts: set[str] = set()
    complaints: list[str] = []

    def requested(request: Request) -> None:
        if request.url.startswith(("http", "ws")):
            hosts.add(urlsplit(request.url).netloc)

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("request", requested)
    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(url)
        await page.locator(ready).first.wait_for()
        return DocsPage(await _text_with_everything_open(page, folded), hosts, complaints)
    finally:
        await page.close()


async def _text_with_everything_open(page: Page, folded: str) -> str:
    texts = [await _visible_text(page)]
    for part in await page.locator(folded).filter(visible=True).element_handles():
        await part.click()
        texts.append(await _visible_text(page))
    return "\n".join(texts)


async def _visible_text(page: Page) -> str:
    return str(await page.evaluate(_TEXT))
