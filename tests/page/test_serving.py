"""The page over HTTP, built and not built."""

import re
from pathlib import Path

import httpx
from fastapi import FastAPI

from query.page.routes import page_routes
from tests.query.conftest import QueryService


async def test_the_page_is_served_whole_without_other_origins(page_tools: Path, query: QueryService) -> None:
    page = await query.http.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self';" in policy
    assert (await query.http.get("/stats/")).status_code == 404  # a redirect would repeat the Host header
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text)
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) > 5
    for path in parts:
        if path == "/stats":
            continue
        part = await query.http.get(path)
        assert part.status_code == 200, path
        for_ever = path.startswith("/assets/")
        assert part.headers["cache-control"] == ("public, max-age=31536000, immutable" if for_ever else "no-cache")
        assert part.headers["x-content-type-options"] == "nosniff"
        if path.endswith(("js", "css")):
            assert not re.search(r"(?:url\(|import\(?|fetch\()[\s\"'`]*(?:https?:)?//", part.text), path


async def test_a_missing_build_is_reported_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "failure.txt").write_text("its packages could not be installed: <npm>")
    app = FastAPI()
    app.include_router(page_routes(tmp_path))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://query") as http:
        page = await http.get("/")
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "its packages could not be installed: &lt;npm>" in page.text
        assert "./just page" in page.text
        assert 'href="/stats"' in page.text
        style = await http.get("/not_built.css")
        assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
