"""Checks the statements of a ``Sql`` by their words. The database checks the rest when the projection is built."""

import re
from collections.abc import Iterator

from tailrace.declared.errors import refuse

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|(?P<text>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r'|(?P<name>"(?:[^"]|"")*")|(?P<word>[A-Za-z_][\w$]*)|(?P<sign>\S)',
    re.DOTALL,
)
_VOLATILE = re.compile(
    "now|(clock|statement|transaction)_timestamp|timeofday|age|random(_normal)?|gen_random_(uuid|bytes)|uuidv[47]"
    "|uuid_generate_.*|(next|curr|last|set)val|current_setting|set_config|(pg|txid|dblink|lo)_.*|dblink"
)
"""Functions of clocks, random numbers, sequences, settings and other servers."""
_CLOCKS = re.compile("current_(timestamp|date|time)|local(time|timestamp)|tablesample|'(now|today|tomorrow|yesterday)'")
_STATEMENTS = ("insert", "update", "delete", "merge", "with")
_NOT_IN_TABLES = re.compile("unlogged|temp|temporary|sequence|(big|small)?serial[248]?|identity|trigger|inherits")


def check_apply(owner: str, statement: object) -> str:
    """Returns a statement of ``apply``.

    Raises:
        DefinitionError: it is more than one statement, of another kind, or depends on more than the batch.
    """
    if not isinstance(statement, str):
        refuse(owner, "apply", f"{statement!r} must be text")
    parts = list(_split(statement))
    if len(parts) != 1:
        refuse(owner, "apply", f"one text must be one statement, not {len(parts)}: use a list of statements")
    tokens = parts[0]
    if tokens[0] not in _STATEMENTS:
        refuse(owner, "apply", f"a statement must begin with {', '.join(_STATEMENTS)}; not {tokens[0]!r}")
    _check_deterministic(owner, "apply", tokens)
    return statement.strip().removesuffix(";")


def check_tables(owner: str, statements: str, name: str) -> str:
    """Returns the statements of ``tables``.

    Raises:
        DefinitionError: one is not a ``create table`` or ``create index``, or no table has the projection's name.
    """
    created = set()
    for tokens in _split(statements):
        words = [word for word in tokens if word not in ("unique", "if", "not", "exists")]
        if words[:2] not in (["create", "table"], ["create", "index"]) or len(words) < 3:
            refuse(owner, "tables", f"a statement must be create table or create index; not {' '.join(tokens[:3])!r}")
        if found := next(filter(_NOT_IN_TABLES.fullmatch, tokens), None):
            refuse(owner, "tables", f"{found!r} is not allowed: a replay could not give the same rows")
        _check_deterministic(owner, "tables", tokens)
        if words[1] == "table":
            if words[3:4] == ["."]:
                refuse(owner, "tables", f"{words[2]}.{words[4]}: a table's name must have no schema")
            created.add(words[2].strip('"'))
    if name not in created:
        refuse(owner, "tables", f"one table must be called {name!r}, which the view of that name shows")
    return statements.strip().removesuffix(";")


def _split(text: str) -> Iterator[list[str]]:
    """Yields the tokens of each statement: unquoted names in lower case, no comments."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["sign"] == ";":
            if tokens:
                yield tokens
            tokens = []
        elif match.lastgroup is not None:
            tokens.append(match["word"].lower() if match["word"] else match[0])
    if tokens:
        yield tokens


def _check_deterministic(owner: str, attribute: str, tokens: list[str]) -> None:
    reason = "is not allowed: a replay could not give the same rows; use created_at or logged_at of the batch"
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        called = following == "(" and _VOLATILE.fullmatch(token.strip('"'))
        if called or _CLOCKS.fullmatch(token.lower()):
            refuse(owner, attribute, f"{token + '()' if called else token} {reason}")
