"""The streams: what they should be, making them, and bringing older ones up to date.

A reconcile only ever grows: it never shrinks a limit, changes the discard policy, or touches what it doesn't know.
Differences it will not touch come back as sentences to be shown. A user who may not make or change streams gets along
without, as long as there is nothing to make or change.
"""

import secrets
from typing import Any, NamedTuple

from contracts.errors import ConfigurationError, ConflictError, LogUnavailableError
from contracts.subjects import EVENTS, INBOX, INBOX_STREAM, LOG_STREAM, REJECTED, REJECTED_STREAM
from runtime.log.client import (
    EPOCH_KEY,
    JetStreamApiError,
    JetStreamUnavailableError,
    LogClient,
    StreamMissingError,
    epoch_of,
)
from runtime.settings import Settings

_NAME_IN_USE = 10058
_LIMITS = ("max_bytes", "max_msgs", "max_age", "max_msgs_per_subject")  # -1 or 0: unlimited
_GROWING = (*_LIMITS, "duplicate_window", "num_replicas")
_MANAGED = (*_GROWING, "subjects", "allow_direct", "deny_delete", "deny_purge")


class Reconciled(NamedTuple):
    """What was done (or would be), and what differs from the settings and was left alone: sentences."""

    done: list[str]
    left: list[str]


def stream_configs(settings: Settings) -> list[dict[str, Any]]:
    """The three streams as they should be, in JetStream's own JSON form (times in ns)."""
    seconds = 1_000_000_000
    common = {"storage": "file", "num_replicas": settings.replicas, "discard": "new", "allow_direct": True}
    return [
        {
            **common,
            "name": LOG_STREAM,
            "description": "Tailrace: the log. Every event, for ever, in order.",
            "subjects": [EVENTS],
            "retention": "limits",
            "max_bytes": settings.log_max_bytes,
            "max_age": 0,
            "deny_delete": True,
            "deny_purge": True,
            "duplicate_window": int(settings.dedupe_window * seconds),
        },
        {
            **common,
            "name": INBOX_STREAM,
            "description": "Tailrace: what clients published on the subject 'analytics' and is not in the log yet.",
            "subjects": [INBOX],
            "retention": "workqueue",
            "max_bytes": settings.inbox_max_bytes,
        },
        {
            **common,
            "name": REJECTED_STREAM,
            "description": "Tailrace: what validation refused from the inbox, with the reason.",
            "subjects": [REJECTED],
            "retention": "limits",
            "max_bytes": settings.rejected_max_bytes,
        },
    ]


async def ensure_streams(client: LogClient, settings: Settings, *, dry_run: bool = False) -> Reconciled:
    """Makes the streams that are missing and reconciles the others. Safe to run from several services at once.

    Raises:
        ConfigurationError: the server refuses what the settings ask for.
        ConflictError: a stream of that name exists and cannot be used.
        LogUnavailableError: the log does not answer, or not to this user when something has to be made or changed.
    """
    found = Reconciled([], [])
    for config in stream_configs(settings):
        name = config["name"]
        try:
            info = await _found(client, name)
            if info is None:
                found.done.append(f"the stream {name} is made")
                if dry_run:
                    continue
                info = await _made(client, config)
            update, left = _differences(config, info)
            found.left.extend(left)
            if update:
                found.done.append(f"the stream {name} gets {_shown(update)}")
            if update and not dry_run:
                await _change(client, f"STREAM.UPDATE.{name}", {**info["config"], **update})
        except JetStreamApiError as error:
            raise ConfigurationError(f"the stream {name} can't be set up: {error.description}") from None
    return found


async def _found(client: LogClient, name: str) -> dict[str, Any] | None:
    try:
        return await client.stream_info(name)
    except StreamMissingError:
        return None


async def _made(client: LogClient, config: dict[str, Any]) -> dict[str, Any]:
    made = {**config, "metadata": {EPOCH_KEY: secrets.token_hex(6)}}
    try:
        return await _change(client, f"STREAM.CREATE.{config['name']}", made)
    except JetStreamApiError as error:
        if error.err_code != _NAME_IN_USE:
            raise
        return await client.stream_info(config["name"])  # another service was faster; its epoch counts


async def _change(client: LogClient, endpoint: str, config: dict[str, Any]) -> dict[str, Any]:
    try:
        return await client.api(endpoint, config)
    except JetStreamUnavailableError:
        raise
    except LogUnavailableError as error:
        # a user without the permission gets no answer at all
        raise LogUnavailableError(
            f"the stream {config['name']} has to be made or changed, and the server does not answer that: if this user "
            f"may not, run `tailrace migrate` as one who may ({error})"
        ) from None


def _differences(wanted: dict[str, Any], info: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What to change of a stream, and sentences about what is left alone."""
    name, found = wanted["name"], info["config"]
    for key in ("retention", "storage", "discard"):
        if found.get(key) != wanted[key]:
            raise ConflictError(
                f"the stream {name} has {key} {found.get(key)!r}, but {wanted[key]!r} is needed; "
                "it is not changed, since that could lose events"
            )
    update: dict[str, Any] = {}
    left: list[str] = []
    for key in _MANAGED:
        if key not in wanted or found.get(key) == wanted[key] or (not found.get(key) and not wanted[key]):
            continue
        if key in _GROWING and not _grows(key, found.get(key, 0), wanted[key]):
            left.append(f"the stream {name} has {key} {found.get(key)}, the settings say {wanted[key]}; left as it is")
        else:
            update[key] = wanted[key]
    if not epoch_of(info):
        update["metadata"] = {**(found.get("metadata") or {}), EPOCH_KEY: secrets.token_hex(6)}
    return update, left


def _shown(update: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in update.items() if key != "metadata") or "an epoch"


def _grows(key: str, found: int, wanted: int) -> bool:
    if key in _LIMITS:
        return wanted <= 0 or 0 < found < wanted
    return wanted > found
