"""Values of NATS key-value buckets, changed by compare-and-set."""

import msgspec

from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError, StreamMissingError

_WRONG_LAST_SEQUENCE = 10071


async def read_value(client: LogClient, bucket: str, key: str) -> tuple[bytes, int]:
    """Returns a value and its sequence; b"" and 0 if there is none.

    Raises:
        LogUnavailableError: the log's server does not answer.
        StreamMissingError: ``tailrace migrate`` has not created the bucket.
    """
    wanted = msgspec.json.encode({"last_by_subj": f"$KV.{bucket}.{key}"})
    reply = await client.request(f"$JS.API.DIRECT.GET.KV_{bucket}", wanted)
    if reply.status == 404:
        return b"", 0
    if reply.status:
        raise StreamMissingError(f"the bucket {bucket} does not answer: has `tailrace migrate` created it?")
    return reply.payload, int(reply.headers["Nats-Sequence"])


async def write_value(client: LogClient, bucket: str, key: str, value: bytes, last: int) -> bool:
    """Writes a value if its sequence still is ``last`` (0: there is none); returns whether it did.

    Raises:
        LogUnavailableError: the log's server does not answer.
        JetStreamApiError: it refuses.
    """
    headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
    reply = await client.request(f"$KV.{bucket}.{key}", value, headers)
    error = (msgspec.json.decode(reply.payload) if reply.payload else {}).get("error")
    if error and error.get("err_code") != _WRONG_LAST_SEQUENCE:
        raise JetStreamApiError(error.get("err_code", 0), error.get("description", "unknown"))
    return not error
