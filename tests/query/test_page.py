"""The page at /: served whole, and in agreement with its script."""

from query.conftest import QueryService


async def test_the_page_and_its_parts_are_served_and_need_nothing_from_elsewhere(query: QueryService) -> None:
    page = await query.http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    texts = [page.text]
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        assert f'"/{name}"' in page.text
        part = await query.http.get(f"/{name}")
        assert (part.status_code, part.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        texts.append(part.text.replace("http://www.w3.org/2000/svg", ""))
    assert not any("http://" in text or "https://" in text for text in texts)


async def test_the_script_finds_every_element_it_asks_for(query: QueryService) -> None:
    page, script = (await query.http.get("/")).text, (await query.http.get("/page.js")).text
    wanted = {part.split('"')[0] for part in script.split('$("')[1:]} | {
        part.split('"')[0] for part in script.split('fill("')[1:]
    }
    assert len(wanted) > 8
    assert {name for name in wanted if f'id="{name}"' not in page} == set()
