"""Runs the steps of a Dockerfile in a folder instead of a container."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTIONS = ("FROM", "WORKDIR", "ENV", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD")


@dataclass
class Stage:
    """One stage: its base image, its name ("" for the last), and its instructions in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        """Returns the arguments of all steps of one kind."""
        return [text for kind, text in self.steps if kind == instruction]


def read_dockerfile(path: Path) -> list[Stage]:
    """Returns the stages of a file."""
    stages: list[Stage] = []
    for line in path.read_text().replace("\\\n", "").splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, text = line.partition(" ")
        assert instruction in INSTRUCTIONS, line
        if instruction == "FROM":
            base, _, name = text.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].steps.append((instruction, text))
    return stages


@dataclass
class Builder:
    """Runs a stage's steps in ``folder`` with files of ``context``. ``paths`` replaces the image's paths."""

    folder: Path
    context: Path
    paths: dict[str, str]
    environment: dict[str, str]

    def run(self, stage: Stage, copied: Mapping[str, Path]) -> None:
        """Runs every step; ``copied`` has the folders of earlier stages by name."""
        for kind, text in stage.steps:
            if kind == "RUN":
                self._shell(text)
            elif kind == "COPY":
                self._copy(text, copied)
            else:
                assert kind in ("ENV", "WORKDIR"), kind

    def own(self, text: str) -> str:
        """Replaces the image's paths. Cache mounts are left out, because this machine has its own caches."""
        for there, here in self.paths.items():
            text = text.replace(there, here)
        return " ".join(word for word in text.split() if not word.startswith("--mount=type=cache"))

    def _shell(self, text: str) -> None:
        done = subprocess.run(
            ["sh", "-c", self.own(text)],
            cwd=self.folder,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def _copy(self, text: str, copied: Mapping[str, Path]) -> None:
        *words, target = text.split()
        source = self.context
        if words[0].startswith("--from="):
            source = copied[words.pop(0).removeprefix("--from=")]
        for word in words:
            found = source / word.lstrip("/") if source is self.context else source / Path(word).name
            to = self.folder / target
            if found.is_dir():
                shutil.copytree(found, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("static", "__pycache__"))
            else:
                to.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, to)
