"""The page's modules that need no browser, tested in node; and that they agree with the service's own code."""

import json
import os
import random
import subprocess
from pathlib import Path

from contracts.patterns import TypePattern


def test_the_pages_modules_pass_their_own_tests_and_know_patterns_as_the_service_does(
    page_tools: Path, tmp_path: Path
) -> None:
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
