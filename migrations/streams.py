"""The streams of the log, the inbox, the rejected messages, the keys and the key of user ids.

They are defined, created and reconciled here. Reconciliation only raises limits. It never shrinks one, lets the log or
the inbox discard, or touches what it does not know; such differences are returned as sentences. A NATS user without the
right to create or change streams can run it as long as nothing has to change.
"""

import asyncio
import secrets
from typing import Any, NamedTuple

from contracts.errors import ConfigurationError, ConflictError, LogLostError, LogUnavailableError
from contracts.subjects import (
    ACCESS_BUCKET,
    ACCESS_STREAM,
    EVENTS,
    INBOX,
    INBOX_STREAM,
    LOG_STREAM,
    REJECTED,
    REJECTED_STREAM,
    USERS_BUCKET,
    USERS_STREAM,
)
from migrations.lost_log import require_no_position
from migrations.user_key import ensure_user_key
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError, JetStreamUnavailableError, StreamMissingError
from runtime.log.metadata import EPOCH_KEY, epoch_of, removed_from
from runtime.settings import Settings

_NAME_IN_USE = 10058
_NO_ROOM = {10023, 10047}
_LIMITS = ("max_bytes", "max_msgs", "max_age", "max_msgs_per_subject")  # -1 or 0: unlimited
_GROWING = (*_LIMITS, "duplicate_window", "num_replicas")
_MANAGED = (*_GROWING, "discard", "subjects", "allow_direct", "deny_delete", "deny_purge")

RECHECK = 2.0
"""Seconds until a missing log counts as lost."""
FULL = 0.95
"""Share of a stream's bytes from which on it is reported: early enough to act."""
_TITLES = {
    LOG_STREAM: ("the log", "TAILRACE_LOG_MAX_BYTES"),
    INBOX_STREAM: ("the inbox", "TAILRACE_INBOX_MAX_BYTES"),
    REJECTED_STREAM: ("the store of rejected messages", "TAILRACE_REJECTED_MAX_BYTES"),
}


class Reconciled(NamedTuple):
    """Sentences about the changes made (or pending), and about the differences left as they are."""

    done: list[str]
    left: list[str]


def stream_configs(settings: Settings) -> list[dict[str, Any]]:
    """Returns the definitions of the streams in JetStream's JSON form (times in ns)."""
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
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
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
            # a full store must not hold up the inbox's good messages
            "discard": "old",
            "max_bytes": settings.rejected_max_bytes,
        },
        {
            **common,
            "name": ACCESS_STREAM,
            "description": "Tailrace: hashes of keys, and tickets.",
            "subjects": [f"$KV.{ACCESS_BUCKET}.>"],
            "retention": "limits",
            "max_msgs_per_subject": 1,
            "allow_rollup_hdrs": True,
            "allow_msg_ttl": True,
            "deny_delete": True,
        },
        {
            **common,
            "name": USERS_STREAM,
            "description": "Tailrace: the key of user ids. Nobody but the command and query services may read it.",
            "subjects": [f"$KV.{USERS_BUCKET}.>"],
            "retention": "limits",
            "max_msgs_per_subject": 1,
            "deny_delete": True,
            "deny_purge": True,
        },
    ]


def stream_problems(info: dict[str, Any]) -> list[str]:
    """Returns a sentence if a stream is nearly full, and for each setting by which the log deletes entries."""
    config, state = info["config"], info["state"]
    title, setting = _TITLES[config["name"]]
    problems = []
    limit = config.get("max_bytes", -1)
    nearly_full = limit > 0 and state["bytes"] >= FULL * limit
    used = f"{title} uses {100 * state['bytes'] / limit:.0f} % of its {limit:,} bytes"
    if config["name"] == REJECTED_STREAM:
        dropped = state["last_seq"] - state["messages"] - removed_from(info)
        if dropped > 0 or nearly_full:
            lost = f" and has dropped its {dropped:,} oldest messages" if dropped > 0 else ""
            problems.append(
                f"{used}{lost}; it drops the oldest when it is full: retry or purge them (`tailrace rejected retry`, "
                f"`tailrace rejected purge`), or raise {setting} and run `tailrace migrate`"
            )
    elif nearly_full:
        problems.append(f"{used} and refuses messages when it is full: raise {setting} and run `tailrace migrate`")
    if config["name"] != LOG_STREAM:
        return problems
    for key, shown in (("max_age", "{:g} s"), ("max_msgs", "{}"), ("max_msgs_per_subject", "{}")):
        value = config.get(key, 0)
        if value > 0:
            value = value / 1e9 if key == "max_age" else value
            problems.append(
                f"the log deletes entries: its stream has {key} {shown.format(value)}; `tailrace migrate` removes "
                "that limit"
            )
    if config.get("discard") != "new":
        problems.append(
            f"the log deletes entries: its stream has discard {config.get('discard')!r}; set it back with "
            f"`nats stream edit {LOG_STREAM} --discard=new`"
        )
    return problems


async def ensure_streams(client: LogClient, settings: Settings, *, dry_run: bool = False) -> Reconciled:
    """Creates missing streams and reconciles the others. Several services may run it at once.

    Raises:
        ConfigurationError: the server refuses what the settings ask for.
        ConflictError: a stream of that name exists and cannot be used.
        LogLostError: the log does not exist, and the database was built from one.
        LogUnavailableError: the log does not answer, or does not let this user create or change a stream.
    """
    found = Reconciled([], [])
    for config in stream_configs(settings):
        name = config["name"]
        try:
            info = await _find(client, name)
            if info is None:
                found.done.append(f"the stream {name} is created")
                if dry_run:
                    continue
                info = await _create_unless_lost(client, settings, config)
            update, left = _differences(config, info)
            found.left.extend(left)
            if update:
                found.done.append(f"the stream {name} gets {_shown(update)}")
            if update and not dry_run:
                await _change(client, f"STREAM.UPDATE.{name}", {**info["config"], **update})
        except JetStreamUnavailableError as error:
            if error.err_code not in _NO_ROOM:
                raise
            raise ConfigurationError(
                f"NATS has no room to reserve {config['max_bytes']:,} bytes for the stream {name}: free disk space, or "
                f"lower {_TITLES[name][1]}"
            ) from None
        except JetStreamApiError as error:
            raise ConfigurationError(f"the stream {name} can't be set up: {error.description}") from None
    if not (dry_run and await _find(client, LOG_STREAM) is None):
        found.done.extend(await ensure_user_key(client, settings, dry_run=dry_run))
    return found


async def create_log(client: LogClient, settings: Settings) -> str:
    """Creates an empty log, whatever the database was built from, and returns its epoch.

    ``ensure_streams`` gives it a key of user ids.

    Raises:
        LogUnavailableError: the log does not answer, or does not let this user create a stream.
    """
    return epoch_of(await _create(client, stream_configs(settings)[0]))


async def return_streams(client: LogClient) -> None:
    """Gives the streams the settings without which the version of the previous generation does not start.

    Raises:
        LogUnavailableError: the log does not answer, or does not let this user change a stream.
    """
    info = await client.stream_info(REJECTED_STREAM)
    await _change(client, f"STREAM.UPDATE.{REJECTED_STREAM}", {**info["config"], "discard": "new"})


async def _find(client: LogClient, name: str) -> dict[str, Any] | None:
    try:
        return await client.stream_info(name)
    except StreamMissingError:
        return None


async def _create_unless_lost(client: LogClient, settings: Settings, config: dict[str, Any]) -> dict[str, Any]:
    if config["name"] == LOG_STREAM:
        try:
            await require_no_position(settings)
        except LogLostError:
            # a server that has just started may not know all of its streams yet
            await asyncio.sleep(RECHECK)
            if info := await _find(client, LOG_STREAM):
                return info
            raise
    return await _create(client, config)


async def _create(client: LogClient, config: dict[str, Any]) -> dict[str, Any]:
    created = {**config, "metadata": {EPOCH_KEY: secrets.token_hex(6)}}
    try:
        return await _change(client, f"STREAM.CREATE.{config['name']}", created)
    except JetStreamApiError as error:
        if error.err_code != _NAME_IN_USE:
            raise
        return await client.stream_info(config["name"])  # another service created it first; its epoch counts


async def _change(client: LogClient, endpoint: str, config: dict[str, Any]) -> dict[str, Any]:
    try:
        return await client.api(endpoint, config)
    except JetStreamUnavailableError:
        raise
    except LogUnavailableError as error:
        # a user without the permission gets no answer at all
        raise LogUnavailableError(
            f"the stream {config['name']} has to be created or changed, and the server does not answer: if this user "
            f"lacks the permission, run `tailrace migrate` as one that has it ({error})"
        ) from None


def _differences(wanted: dict[str, Any], info: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings of a stream to change, and sentences about those left as they are."""
    name, found = wanted["name"], info["config"]
    for key in ("retention", "storage", "discard"):
        if key == "discard" and wanted[key] == "old":
            continue
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
