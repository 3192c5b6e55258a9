"""What each user of the log's server may do: streams are made and changed by ``admin`` only.

``deploy/nats/nats.conf`` gives the users of the containers the same permissions.
"""

from typing import Any

from contracts.subjects import (
    ACCESS_BUCKET,
    ACCESS_STREAM,
    EVENTS,
    INBOX,
    INBOX_STREAM,
    LOG_STREAM,
    REJECTED,
    REJECTED_STREAM,
    SUBMIT,
    USERS_STREAM,
)
from runtime.log.addresses import REPLIES

DELIVERIES = f"{REPLIES}.inbox"
"""Delivery subject of the inbox."""
_INFO = "$JS.API.STREAM.INFO."
_READ_LOG = [f"$JS.API.DIRECT.GET.{LOG_STREAM}", f"$JS.API.STREAM.MSG.GET.{LOG_STREAM}"]
_FOLLOW_LOG = [
    f"{_INFO}{LOG_STREAM}",
    f"$JS.API.CONSUMER.*.{LOG_STREAM}.>",
    f"$JS.API.CONSUMER.MSG.NEXT.{LOG_STREAM}.>",
    *_READ_LOG,
]
_READ_KEYS = [f"$JS.API.DIRECT.GET.{ACCESS_STREAM}"]
_READ_USER_KEY = [f"$JS.API.DIRECT.GET.{USERS_STREAM}"]
_STREAMS = (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM, ACCESS_STREAM, USERS_STREAM)
_ALL_INFO = [f"{_INFO}{stream}" for stream in _STREAMS]

PERMISSIONS: dict[str, dict[str, Any]] = {
    "admin": {"publish": [">"], "subscribe": [">"]},
    "command": {
        "publish": [
            EVENTS,
            REJECTED,
            *_ALL_INFO,
            f"$JS.API.CONSUMER.INFO.{INBOX_STREAM}.>",
            f"$JS.API.CONSUMER.CREATE.{INBOX_STREAM}.>",
            f"$JS.API.CONSUMER.DELETE.{INBOX_STREAM}.>",
            f"$JS.ACK.{INBOX_STREAM}.>",
            *_READ_LOG,
            *_READ_KEYS,
            *_READ_USER_KEY,
        ],
        "subscribe": [f"{REPLIES}.command.>", DELIVERIES, SUBMIT],
        "allow_responses": True,
    },
    "projection": {"publish": [*_ALL_INFO, *_FOLLOW_LOG, *_READ_KEYS], "subscribe": [f"{REPLIES}.projection.>"]},
    "query": {
        "publish": [*_FOLLOW_LOG, *_READ_KEYS, *_READ_USER_KEY, f"$KV.{ACCESS_BUCKET}.tickets.>"],
        "subscribe": [f"{REPLIES}.query.>"],
    },
    "producer": {"publish": [INBOX, SUBMIT], "subscribe": ["_INBOX.>"]},
}
"""The permissions by user, as nats-server's configuration has them. Clients that send events are ``producer``."""
