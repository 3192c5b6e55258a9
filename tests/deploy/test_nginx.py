"""The reverse proxy of docs/production.md, on a real nginx, but for ports and files."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from runtime.access.keys import KeyStore, authorization
from runtime.access.sessions import COOKIE
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.ports import free_port
from tests.support.compose import ROOT
from tests.support.services import running_services
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
READERS, PRODUCERS = "analytics.example.com", "collect.example.com"
EVENT = {"event_type": "page_view", "user_id": 1, "event_data": {}}


def documented() -> tuple[str, dict[str, str]]:
    """Returns the page's configuration of nginx, and the settings that it asks for."""
    page = (ROOT / "docs" / "production.md").read_text()
    [nginx] = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    [settings] = re.findall(r"```\n(TAILRACE_REQUIRE_KEYS=.*?)```", page, re.DOTALL)
    return nginx, dict(line.split("=", 1) for line in settings.splitlines())


class Proxy(NamedTuple):
    """A running nginx in front of the services, and keys for them."""

    port: int
    context: ssl.SSLContext
    write: dict[str, str]
    read: dict[str, str]
    read_key: str

    def client(self, host: str) -> httpx.AsyncClient:
        """Returns a client that resolves ``host`` to the proxy."""

        async def name_server(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = host

        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": host},
            verify=self.context,
            event_hooks={"request": [name_server]},
            timeout=30,
            trust_env=False,
        )


@contextmanager
def running_nginx(folder: Path, port: int, settings: Settings) -> Iterator[ssl.SSLContext]:
    authority = trustme.CA()
    servers, _ = documented()
    for name, host in (("analytics", READERS), ("collect", PRODUCERS)):
        issued = authority.issue_cert(host)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    for original, own in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/", f"{folder}/"),
        (":8080", f":{settings.query_port}"),
        (":8081", f":{settings.command_port}"),
    ):
        assert original in servers
        servers = servers.replace(original, own)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""  # its workers reach the test's folder
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{servers}}}\n"
    )
    process = subprocess.Popen(
        ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")],
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        yield context
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def proxy(log: LogClient, settings: Settings, tmp_path: Path) -> AsyncIterator[Proxy]:
    _, variables = documented()
    own = settings.model_copy(update={"projection_port": free_port()})
    store = KeyStore(log)
    write, read = await store.create("write"), await store.create("read")
    port = free_port()
    async with running_services(own, **variables):
        with running_nginx(tmp_path, port, own) as context:
            proxy = Proxy(port, context, authorization(write.text), authorization(read.text), read.text)

            async def answers() -> bool:
                try:
                    async with proxy.client(READERS) as http:
                        return (await http.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers)
            yield proxy


async def test_events_pass_over_tls_up_to_the_limit_of_the_service(proxy: Proxy) -> None:
    async with proxy.client(PRODUCERS) as http:
        assert (await http.post("/events", json=EVENT)).status_code == 401
        large = json.dumps(EVENT | {"event_data": {"path": "x" * 1_000}}).encode()
        accepted = await http.post("/events", content=b"\n".join([large] * 2_500), headers=proxy.write | NDJSON)
        assert (accepted.status_code, accepted.json()["accepted"]) == (202, 2_500)
        refused = await http.post("/events", content=b" " * 5_000_000, headers=proxy.write)
        assert refused.status_code == 413
    async with proxy.client("other.example.com") as http:
        with pytest.raises(httpx.ConnectError):  # no certificate has this name
            await http.get("/health")


NDJSON = {"Content-Type": "application/x-ndjson"}


async def test_frames_of_ws_and_sse_pass_at_once(proxy: Proxy) -> None:
    address = f"wss://{READERS}:{proxy.port}/ws"
    common: dict[str, Any] = {"host": "127.0.0.1", "port": proxy.port, "ssl": proxy.context}
    with pytest.raises(InvalidStatus):
        await connect(address, **common)
    with pytest.raises(InvalidStatus):  # the keys' owner did not list this page
        await connect(address, **common, origin=Origin("https://evil.example"), additional_headers=proxy.read)
    async with (
        proxy.client(PRODUCERS) as sending,
        proxy.client(READERS) as reading,
        connect(address, **common, origin=Origin(f"https://{READERS}"), additional_headers=proxy.read) as socket,
        reading.stream("GET", "/sse", headers=proxy.read) as source,
    ):
        lines = source.aiter_lines()
        assert "hello" in await _line(lines)
        assert json.loads(await socket.recv())["kind"] == "hello"
        for _ in range(2):  # each arrives while the answer continues
            stored = (await sending.post("/events", json=EVENT, headers=proxy.write)).json()
            event_id = stored["items"][0]["event_id"]
            while event_id not in await _line(lines):
                pass
            while event_id not in str(await socket.recv()):
                pass


async def test_a_browser_logs_in_over_tls_with_a_secure_cookie(proxy: Proxy) -> None:
    async with proxy.client(READERS) as http:
        origin = {"Origin": f"https://{READERS}"}
        assert (await http.get("/", headers={"Accept": "text/html"})).status_code == 401
        answer = await http.post("/session", data={"key": proxy.read_key}, headers=origin)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert "; Secure" in cookie
        session = {"Cookie": cookie.partition(";")[0]}
        assert (await http.get("/stats", headers=session)).status_code == 200
        assert (await http.get("/stats", headers=session | {"Origin": "https://evil.example"})).status_code == 403


async def _line(lines: AsyncIterator[str]) -> str:
    return await anext(line async for line in lines if line.startswith("data: "))
