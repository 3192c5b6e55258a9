"""TLS to NATS and Postgres, and credentials files of NATS, on real servers with an authority of the test."""

import asyncio
import base64
import hashlib
import json
import os
import signal
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]
import pytest
import trustme

from contracts.errors import ConfigurationError, LogUnavailableError
from runtime.log.connect import connect_log
from runtime.postgres import DatabaseUnavailableError, connect, connect_pool
from runtime.settings import Settings
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tests.support.command import running_command
from tests.support.waiting import until

SSL_REQUEST = struct.pack("!II", 8, 80877103)
EVENT = {"event_type": "page_view", "user_id": 1, "event_data": {}}


class Authority:
    """A certificate authority, and the files of a server's certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        made = trustme.CA()
        self.file, self.certificate, self.key = folder / "ca.pem", folder / "server.crt", folder / "server.key"
        made.cert_pem.write_to_path(self.file)
        issued = made.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.certificate)


@contextmanager
def running_server(folder: Path, scheme: str, **config: Any) -> Iterator[str]:
    """A NATS server with a configuration; yields its address."""
    port = free_port()
    file = folder / "nats.conf"
    file.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "jetstream": {"store_dir": str(folder)}, **config}))
    process = subprocess.Popen(
        [nats_binary(), "--config", str(file), "--log", str(folder / "log")],
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def stores_an_event(settings: Settings) -> None:
    """The command service and a reader use the server of the settings."""

    async def answers() -> bool:
        try:
            await (await connect_log(settings, "test")).close()
        except LogUnavailableError:
            return False
        return True

    await until(answers)
    async with running_command(settings) as command:
        assert (await command.http.post("/events", json=EVENT)).status_code == 202
        client = await connect_log(settings, "test")
        assert (await client.state()).last_seq == 1
        await client.close()


async def test_the_log_is_used_over_tls_if_its_authority_is_known(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "own"), Authority(tmp_path / "other")
    tls = {"cert_file": str(authority.certificate), "key_file": str(authority.key)}
    with running_server(tmp_path, "tls", tls=tls) as url:
        await stores_an_event(Settings(nats_url=url, nats_ca=str(authority.file), command_port=free_port()))
        with pytest.raises(LogUnavailableError):
            await connect_log(Settings(nats_url=url, nats_ca=str(other.file)), "test")


async def test_the_log_is_used_with_a_credentials_file(tmp_path: Path) -> None:
    operator, account, system, user = (
        new_key(kind)
        for kind in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    names = ("subs", "data", "payload", "imports", "exports", "conn", "leaf")
    limits = dict.fromkeys(names, -1) | {"wildcards": True}
    storage = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    accounts = {
        account.public_key.decode(): signed(account, operator, type="account", limits=limits | storage),
        system.public_key.decode(): signed(system, operator, type="account", limits=limits),
    }
    file = tmp_path / "user.creds"
    token = signed(user, account, type="user", subs=-1, data=-1, payload=-1)
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    with running_server(
        tmp_path,
        "nats",
        operator=signed(operator, operator, type="operator"),
        resolver="MEMORY",
        resolver_preload=accounts,
        system_account=system.public_key.decode(),
    ) as url:
        await stores_an_event(Settings(nats_url=url, nats_creds=str(file), command_port=free_port()))
        with pytest.raises(LogUnavailableError):
            await connect_log(Settings(nats_url=url), "test")


@pytest.mark.parametrize("name", ["nats_ca", "nats_creds"])
async def test_a_missing_file_is_a_wrong_setting(name: str) -> None:
    with pytest.raises(ConfigurationError, match="/nowhere/file"):
        await connect_log(Settings().model_copy(update={name: "/nowhere/file"}), "test")


async def test_postgres_is_used_over_tls_if_its_authority_is_known(tmp_path: Path, unwritten_database: str) -> None:
    authority, other = Authority(tmp_path / "own"), Authority(tmp_path / "other")
    async with tls_before(unwritten_database, authority) as dsn:
        verified = f"{dsn}?sslmode=verify-full&sslrootcert={authority.file}"
        connection = await connect(verified, name="test")
        assert await connection.fetchval("select 1") == 1
        await connection.close()
        async with await connect_pool(verified, name="test", size=1) as pool:
            assert await pool.fetchval("select 1") == 1
        with pytest.raises(ConfigurationError, match="certificate verify failed"):
            await connect(f"{dsn}?sslmode=verify-full&sslrootcert={other.file}", name="test")
        with pytest.raises(DatabaseUnavailableError):
            await connect(f"{dsn}?sslmode=disable", name="test")


@asynccontextmanager
async def tls_before(dsn: str, authority: Authority) -> AsyncIterator[str]:
    """Ends TLS in front of Postgres, since the embedded one is built without it; yields an address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate, authority.key)
    target = dsn.rpartition("@")[2].partition("/")[0]
    host, _, port = target.rpartition(":")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                behind, to_behind = await asyncio.open_connection(host, int(port))
                await asyncio.gather(forward(reader, to_behind), forward(behind, writer))
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield dsn.replace(target, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await source.read(65536):
            target.write(part)
            await target.drain()
        target.close()


def new_key(kind: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), kind)))


def signed(subject: Any, issuer: Any, **claims: Any) -> str:
    """A JWT of NATS about a key."""
    body = {
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "nats": {"version": 2, **claims},
    }
    body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).rstrip(b"=").decode()
    parts = ({"typ": "JWT", "alg": "ed25519-nkey"}, body)
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{text}.{encoded(issuer.sign(text.encode()))}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
