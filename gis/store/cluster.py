"""The embedded PostGIS: a private cluster in the state folder, on a Unix socket only.

`Cluster(home).start()` goes from nothing to a database that answers, in one call; it may be
called by several processes at once and after any crash. The server outlives us on purpose:
the next command finds it running.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.sql import Identifier

from gis.errors import ConfigError, StoreError, Unreachable
from gis.store.queries import query
from gis.store.server import Account, Binaries, find_binaries
from gis.store.translate import pg_errors

DATABASE = "onemap"
SUPERUSER = "postgres"
PORT = 5432  # names the socket file; nothing listens on TCP
LONGEST_SOCKET = 100  # bytes; the kernel's limit is 107
ATTEMPTS = 5

SETTINGS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "'192MB'",
    "effective_cache_size": "'1GB'",
    "work_mem": "'24MB'",
    "maintenance_work_mem": "'128MB'",
    "temp_buffers": "'32MB'",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than any of our queries
    "max_parallel_workers_per_gather": "0",  # one request, one core: others are waiting
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_duration_statement": "'5s'",
    "logging_collector": "on",
    "log_directory": "'../log'",
    "log_filename": "'postgresql-%a.log'",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1440",
}
# Losing the machine may lose the data: for test clusters only.
VOLATILE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Cluster:
    """A PostgreSQL cluster under `home/pg`, run by ourselves or, where we are root, `postgres`.

    `durable=False` drops fsync (test clusters). All methods raise ConfigError where the machine
    lacks something, Unreachable where the server does not come up.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.absolute()
        self.folder = self.home / "pg"
        self.data = self.folder / "data"
        self.durable = durable

    @cached_property
    def account(self) -> Account:
        """Who runs the server. Raises ConfigError where the cluster is another user's."""
        if not self.folder.exists():
            return Account.current()
        owner = self.folder.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise ConfigError(
                zh=f"{self.folder} 属于用户 {owner}。请用该用户运行，或另设 GIS_HOME",
                en=f"{self.folder} belongs to user {owner}. Run as that user, or set GIS_HOME",
                folder=str(self.folder),
            )
        return Account.current() if owner == 0 else Account.of(owner)

    @cached_property
    def binaries(self) -> Binaries:
        mark = self.data / "PG_VERSION"
        return find_binaries(int(mark.read_text()) if mark.exists() else None)

    @cached_property
    def socket_folder(self) -> Path:
        """Where the socket lies: in the state folder, or under the temp folder if too long."""
        inside = self.folder / "run"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}.lock")) <= LONGEST_SOCKET:
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"onemap-{digest}"

    @property
    def url(self) -> str:
        """Address of our database; valid while the cluster runs."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        folder = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{SUPERUSER}@/{database}?host={folder}&port={PORT}"

    def psql_command(self) -> list[str]:
        """The command that opens a psql shell on our database."""
        return [self.binaries / "psql", self.url]

    def start(self) -> str:
        """Bring the cluster up if it is not, and return its address. Safe to call any time."""
        if self.account and self._answers():
            return self.url
        with self._locked():
            if not self._answers("postgres"):
                if not (self.data / "PG_VERSION").exists():
                    self._create()
                self._own_socket_folder()
                self._launch()
            self._ensure_database()
        return self.url

    def stop(self) -> bool:
        """Stop the cluster, ending its connections; False if it was not running."""
        if not (self.account and self.data.exists()):
            return False
        with self._locked():
            if self.postmaster() is None:
                return False
            done = self.account.run(
                [self.binaries / "pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop"]
            )
            if done.returncode != 0:
                raise StoreError(
                    zh=f"数据库没有停下：{done.stderr.strip()}",
                    en=f"the database did not stop: {done.stderr.strip()}",
                )
        return True

    def postmaster(self) -> int | None:
        """Process id of our running server; None if none runs, whatever postmaster.pid says."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        ours = os.path.basename(command[0]) in (b"postgres", b"postmaster")
        return pid if ours and os.fsencode(self.data) in command else None

    # --- steps -----------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        created = not self.home.exists()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if created:
                self.home.chmod(0o755)
            self.folder.mkdir(exist_ok=True)
            lock = open(self.home / "pg.lock", "a")  # noqa: SIM115  # closed by the with below
        except OSError as exc:
            raise ConfigError(
                zh=f"不能写入状态目录 {self.home}：{exc.strerror}。请改 GIS_HOME",
                en=f"can't write to the state folder {self.home}: {exc.strerror}. Change GIS_HOME",
                folder=str(self.home),
            ) from exc
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _create(self) -> None:
        """initdb beside the final folder, then one rename: a kill leaves nothing half made."""
        self.account.check_reach(self.home)
        self.account.own(self.folder, 0o700)
        making = self.folder / "data.new"
        shutil.rmtree(making, ignore_errors=True)
        done = self.account.run(
            [
                *(self.binaries / "initdb", "-D", str(making), "-U", SUPERUSER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
                *(() if self.durable else ("--no-sync",)),
            ]
        )
        if done.returncode != 0:
            raise ConfigError(
                zh=f"不能在 {self.folder} 建立数据库：{done.stderr.strip()}",
                en=f"can't create the database in {self.folder}: {done.stderr.strip()}",
                folder=str(self.folder),
            )
        with open(making / "postgresql.conf", "a") as conf:
            conf.write("\ninclude = 'onemap.conf'\n")
        making.rename(self.data)

    def _own_socket_folder(self) -> None:
        """A folder only the server's account enters: that is what guards the database."""
        folder = self.socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self.account.uid):
            raise ConfigError(
                zh=f"{folder} 属于别人。请删除它，或改用更短的 GIS_HOME",
                en=f"{folder} belongs to someone else. Remove it, or use a shorter GIS_HOME",
                folder=str(folder),
            )
        self.account.own(folder, 0o700)

    def _launch(self) -> None:
        self.account.check_reach(self.home)
        values = SETTINGS | ({} if self.durable else VOLATILE)
        values["unix_socket_directories"] = (
            f"'{str(self.socket_folder).replace(chr(39), chr(39) * 2)}'"
        )
        values["unix_socket_permissions"] = "0700"
        conf = self.data / "onemap.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        self.account.own(conf, 0o600)
        log = self.folder / "start.log"
        command = [self.binaries / "pg_ctl", "-D", str(self.data), "-l", str(log)]
        for attempt in range(ATTEMPTS):
            if self.postmaster() is None:  # left behind by kill -9 or a power cut
                for stale in (self.data / "postmaster.pid", self._socket_lock()):
                    stale.unlink(missing_ok=True)
            done = self.account.run([*command, "-w", "-t", "300", "start"])
            if done.returncode == 0 or self._answers("postgres"):
                return
            # Orphans of a killed server hold its shared memory until they notice.
            time.sleep(0.5 * 2**attempt)
        raise Unreachable(
            zh=f"内置数据库没有启动。原因见 {log} 和 {self.folder / 'log'}",
            en=f"the embedded database did not start. See {log} and {self.folder / 'log'}",
            log=str(log),
        )

    def _socket_lock(self) -> Path:
        return self.socket_folder / f".s.PGSQL.{PORT}.lock"

    def _answers(self, database: str = DATABASE) -> bool:
        if self.postmaster() is None:
            return False
        try:
            psycopg.connect(self.url_of(database), connect_timeout=5).close()
        except psycopg.Error:
            return False
        return True

    def _ensure_database(self) -> None:
        doing = pg_errors("建立数据库", "create the database")
        with doing, psycopg.connect(self.url_of("postgres"), autocommit=True) as conn:
            found = conn.execute(query("database_exists"), {"name": DATABASE}).fetchone()
            if found is None or not found[0]:
                conn.execute(query("create_database", name=Identifier(DATABASE)))
