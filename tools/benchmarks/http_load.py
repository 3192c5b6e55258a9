"""HTTP clients in a process of their own: ``python -m tools.benchmarks.http_load PORT CONNECTIONS EVENTS SECONDS``.

Each connection sends one request after the other: an event as JSON, or several as NDJSON. Prints JSON.
"""

import asyncio
import json
import sys
import time
from random import getrandbits

import uvloop

from tools.benchmarks.report import percentile

EVENT = (
    '{{"event_id":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","event_type":"page_view","user_id":{},'
    '"event_data":{{"path":"/products/blue-lamp","referrer":"https://example.com/","device":"mobile"}}}}'
)


async def send(port: int, events: int, end: float, times: list[float]) -> None:
    """Send requests over one connection until ``end``; ends the process if one is not accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    kind = "json" if events == 1 else "x-ndjson"
    head = f"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/{kind}\r\nContent-Length: "
    while (began := time.monotonic()) < end:
        body = "\n".join(EVENT.format(*map(getrandbits, (32, 16, 12, 12, 48, 16))) for _ in range(events))
        writer.write(f"{head}{len(body)}\r\n\r\n{body}".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        answer += await reader.readexactly(int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        if answer[9:12] != b"202":
            sys.exit(f"a request was not accepted: {answer[:500]!r}")
        times.append(time.monotonic() - began)
    writer.close()


async def load(port: int, connections: int, events: int, seconds: float) -> dict[str, float]:
    """Send requests for so many seconds."""
    times: list[float] = []
    began = time.monotonic()
    await asyncio.gather(*(send(port, events, began + seconds, times) for _ in range(connections)))
    latencies = {f"p{percent} ms": percentile(times, percent) * 1e3 for percent in (50, 99)}
    return {"accepted": len(times) * events, "seconds": time.monotonic() - began} | latencies


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(load(*map(int, sys.argv[1:])))) + "\n")
