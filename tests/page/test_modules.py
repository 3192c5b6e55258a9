"""The page's unit tests, run in node."""

import json
import os
import random
import subprocess
from pathlib import Path

from contracts.patterns import TypePattern


def test_the_unit_tests_pass_and_patterns_match_as_in_the_service(page_tools: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    tokens = ["a", "b", "*", ">", ""]
    texts = {".".join(chance.choices(tokens, k=chance.randint(1, 4))) for _ in range(400)} - {""}
    cases = [[one, other, TypePattern.parse(one).matches(other)] for one in sorted(texts) for other in sorted(texts)]
    assert {case[2] for case in cases} == {True, False}
    file = tmp_path / "patterns.json"
    file.write_text(json.dumps(cases))
    environment = {"TAILRACE_PATTERN_CASES": str(file), "TZ": "Europe/Berlin", "LC_ALL": "en_US.UTF-8"}
    ran = subprocess.run(
        [page_tools / "make", "run", "node", "--test", "test/*.test.ts"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
