"""Debian's PostgreSQL binaries, and the account that may run them."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gis.errors import ConfigError

LIBRARIES = Path("/usr/lib/postgresql")
EXTENSIONS = Path("/usr/share/postgresql")
PACKAGES = "postgresql-15 postgresql-15-postgis-3"
OLDEST = 14


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installed PostgreSQL with PostGIS."""

    version: int
    folder: Path

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(
    version: int | None = None, *, libraries: Path = LIBRARIES, extensions: Path = EXTENSIONS
) -> Binaries:
    """The newest PostgreSQL (or exactly `version`) that has a server and PostGIS.

    Raises ConfigError that names the packages to install.
    """
    found = sorted(
        (int(folder.name) for folder in libraries.glob("*") if folder.name.isdigit()), reverse=True
    )
    servers = [v for v in found if v >= OLDEST and (libraries / f"{v}/bin/initdb").exists()]
    with_postgis = [v for v in servers if (extensions / f"{v}/extension/postgis.control").exists()]
    for candidate in with_postgis:
        if version in (None, candidate):
            return Binaries(candidate, libraries / f"{candidate}/bin")
    if version is not None and with_postgis:
        raise ConfigError(
            zh=f"数据由 PostgreSQL {version} 建立，本机只有 {with_postgis}。"
            f"请执行：apt-get install postgresql-{version} postgresql-{version}-postgis-3",
            en=f"the data was made by PostgreSQL {version}, this machine has {with_postgis}. "
            f"Run: apt-get install postgresql-{version} postgresql-{version}-postgis-3",
            version=version,
        )
    packages = PACKAGES if not servers else f"postgresql-{servers[0]}-postgis-3"
    missing = "PostgreSQL" if not servers else "PostGIS"
    raise ConfigError(
        zh=f"没有找到 {missing}（查找于 {libraries}）。请执行：apt-get install {packages}，"
        f"或用 GIS_DATABASE_URL 指定已有的 PostGIS",
        en=f"no {missing} found under {libraries}. Run: apt-get install {packages}, "
        f"or point GIS_DATABASE_URL at an existing PostGIS",
        missing=missing,
        packages=packages,
    )


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: ourselves, or a service account where we are root."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]
    switch: bool

    @classmethod
    def current(cls, service: str = "postgres") -> Account:
        """Ourselves; where we are root, `service`. Raises ConfigError if that is missing."""
        if os.geteuid() != 0:
            return cls.of(os.geteuid())
        try:
            return cls.of(pwd.getpwnam(service).pw_uid)
        except KeyError as exc:
            raise ConfigError(
                zh=f"PostgreSQL 不能以 root 运行，且没有账号 {service}。"
                f"请执行：apt-get install {PACKAGES}，或换普通用户运行",
                en=f"PostgreSQL may not run as root and there is no account {service}. "
                f"Run: apt-get install {PACKAGES}, or run as an ordinary user",
                account=service,
            ) from exc

    @classmethod
    def of(cls, uid: int) -> Account:
        """The account `uid`, also one without an entry in the password file (containers)."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            gid = os.getegid()
            return cls(str(uid), uid, gid, frozenset({gid}), uid != os.geteuid())
        groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
        return cls(entry.pw_name, uid, entry.pw_gid, groups, uid != os.geteuid())

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run to the end as this account, in a session of its own (Ctrl-C stays with us)."""
        return subprocess.run(
            command,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            check=False,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=sorted(self.groups) if self.switch else None,
        )

    def own(self, path: Path, mode: int) -> None:
        """Make `path` this account's, with `mode`."""
        if self.switch:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def check_reach(self, folder: Path) -> None:
        """Raise ConfigError where this account may not walk to `folder`."""
        for step in reversed([folder, *folder.parents]):
            info = step.stat()
            if info.st_uid == self.uid:
                allowed = info.st_mode & stat.S_IXUSR
            elif info.st_gid in self.groups:
                allowed = info.st_mode & stat.S_IXGRP
            else:
                allowed = info.st_mode & stat.S_IXOTH
            if not allowed:
                raise ConfigError(
                    zh=f"数据库账号 {self.name} 无权进入 {step}。请把 GIS_HOME 设到它能进入的目录"
                    f"（如 /var/lib/onemap），或执行：chmod o+x {step}",
                    en=f"the database account {self.name} may not enter {step}. Set GIS_HOME to a "
                    f"folder it can reach (such as /var/lib/onemap), or run: chmod o+x {step}",
                    account=self.name,
                    folder=str(step),
                )
