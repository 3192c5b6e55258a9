"""Names, messages and prose use the terms of docs/glossary.md, not the phrases that they replaced."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPED = re.compile(
    r"\.(png|lock)$|package-lock\.json$|^LICENSE$|^tests/test_words\.py$"
    r"|^migrations/database/"  # an applied migration never changes, its comments included
)
REPLACED = {
    "continue, resume": ["go on", "goes on", "going on", "gone on", "went on"],
    "cut over, cutover": ["go over", "goes over", "going over", "gone over", "went over"],
    "only": [r"(?<!let )(?<!leave )(?<!left )(?<!stand )(?<!stand-)alone"],
    "fix, repair": ["mend", "mends", "mended", "mending"],
    "maintenance": ["upkeep"],
    "range, interval": ["stretch", "stretches"],
    "timeout, poll interval": ["patience", "patient", "patiently"],
    "available": ["to be had", "can be had", "could be had"],
    "candidate model": ["the one beside", "models? beside", "tables? beside", "replay beside", "beside the live"],
    "if, when": ["where there (?:is|are) (?:no|none|one|any)", "where (?:somebody|nobody|one|none)"],
    "an active verb with its subject": [
        "(?:is|are|was|were|be|been|being|not) told",
        "asked (?:who|what|whether|how|where)",
        "tells? (?:what|who|how|where|whether)",
        "(?:says?|said) so",
        "hears?",
        "heard",
    ],
    "a noun, such as client, user or service": [
        "whoever",
        "(?:for|by|to|of|with|from|on|if|and|but) who",
        "somebody",
        "everybody",
        "nobody (?:else|is|has|had|asks|reads|waits|takes|knows|expects|gets|may|can|follows|listens)",
        "a person",
        "(?:another|foreign) hand",
    ],
    "pass, append, store": ["hand(?:s|ed)? (?:down|over|out|on|to|it|them)"],
    "active": ["at work"],
    "command side, ingest": ["doors?"],
    "time, timestamp": ["(?<!a )(?<!the )(?<!this )(?<!that )(?<!any )(?<!same )(?<!last )moments?"],
    "duplicate": ["repetitions?", "(?<=[\"'`=])repeated(?=[\"'`])"],
    "fingerprint": ["(?:cursor's|position's|entry's|its|their|of the) marks?", "marks? of"],
    "poll, check": ["(?:every|each|next|last|first) looks?", "looks? again", "looked (?:at )?again"],
    "again": ["anew"],
    "is not a": ["(?<!there )is no (?:event|setting|cursor|time|number|integer|json|uuid|zone|module|dependency)"],
    "its own": ["one's own"],
}
"""What to use, and expressions for the phrases that it replaced."""
ALLOWED = {"tests/migrations/test_runner.py": {"models_beside"}}
"""Matches that a file may contain: here the name of an applied migration."""

_GAP = r"[\s_#*/-]+"


def pattern(phrase: str) -> re.Pattern[str]:
    """Matches a phrase in prose, in a name with underscores, and across the lines of a comment."""
    words = re.split(r" (?![^(]*\))", phrase)  # not the spaces within a group
    return re.compile(rf"(?<![a-z])(?:{_GAP.join(words)})(?![a-z])")


def texts() -> Iterator[tuple[str, str]]:
    """Yields the name and the lower-case text of each file."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if not SKIPPED.search(name) and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(encoding="utf-8", errors="replace").lower()


def found() -> Iterator[tuple[str, int, str, str]]:
    """Yields each match: its file, its line, the phrase, and what to use."""
    patterns = [(use, pattern(phrase)) for use, phrases in REPLACED.items() for phrase in phrases]
    for name, text in texts():
        for use, phrase in patterns:
            for match in phrase.finditer(text):
                if match[0] not in ALLOWED.get(name, set()):
                    yield name, text.count("\n", 0, match.start()) + 1, match[0], use


def test_no_replaced_phrase_is_left() -> None:
    assert [f"{name}:{line}: {phrase!r}: use {use}" for name, line, phrase, use in found()] == []


def test_a_phrase_is_found_in_prose_in_names_and_across_lines() -> None:
    assert pattern("goes on").search("the reader goes\n# on")
    assert pattern("go over").search("test_they_go_over_to_it")
    assert pattern("doors?").search("two doors")
    assert pattern("where there (?:is|are) (?:no|none|one|any)").search("where there\n * is none")
    assert not pattern("mend").search("we recommend it")
    assert not pattern("(?<!left )alone").search("it is left alone")
