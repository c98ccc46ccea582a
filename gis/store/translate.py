"""The one place where errors of the driver become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from gis.errors import Busy, Conflict, StoreError, Unreachable

# most special first: the first class that fits decides. Texts: what to do, zh and en.
MEANING: tuple[tuple[type[psycopg.Error], type[StoreError], str, str], ...] = (
    (
        errors.QueryCanceled,
        Busy,
        "超过时限，已取消。请缩小范围或稍后再试",
        "it took longer than allowed and was cancelled. Ask for less, or try again later",
    ),
    (
        errors.LockNotAvailable,
        Busy,
        "另一操作占用数据。请稍后再试",
        "another operation holds the data. Try again later",
    ),
    (
        errors.DeadlockDetected,
        Busy,
        "与另一操作互相等待。请重试",
        "it and another operation waited for each other. Try again",
    ),
    (
        errors.SerializationFailure,
        Busy,
        "与另一操作同时修改。请重试",
        "another operation changed the same data. Try again",
    ),
    (
        errors.DiskFull,
        StoreError,
        "数据库磁盘已满。请腾出空间",
        "the database's disk is full. Make room",
    ),
    (
        errors.InsufficientPrivilege,
        StoreError,
        "数据库账号权限不足。请让管理员授权",
        "the database account lacks a privilege. Ask the administrator to grant it",
    ),
    (
        errors.UndefinedTable,
        StoreError,
        "缺少数据表。请运行 gis init",
        "a table is missing. Run gis init",
    ),
    (
        errors.UndefinedColumn,
        StoreError,
        "数据表与图层定义不一致。请运行 gis init",
        "a table does not match its layer definition. Run gis init",
    ),
    (errors.IntegrityError, Conflict, "与已存数据冲突", "it contradicts what is stored"),
    (
        PoolTimeout,
        Unreachable,
        "没有空闲的数据库连接。请检查数据库是否运行（gis db start）",
        "no database connection became free. Check that the database runs (gis db start)",
    ),
    (TooManyRequests, Busy, "请求过多。请稍后再试", "too many requests. Try again later"),
    (PoolClosed, Unreachable, "数据库连接已关闭", "the store has been closed"),
    (
        psycopg.OperationalError,
        Unreachable,
        "数据库没有应答。请检查 GIS_DATABASE_URL，或运行 gis db start",
        "the database does not answer. Check GIS_DATABASE_URL, or run gis db start",
    ),
    (
        psycopg.InterfaceError,
        Unreachable,
        "数据库连接中断。请重试",
        "the database connection broke. Try again",
    ),
)
UNNAMED = (StoreError, "数据库报错", "the database reported an error")


def without_password(url: str) -> str:
    """The address as it may be shown and logged."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    netloc = parts.netloc.replace(f":{parts.password}@", ":***@", 1)
    return urlunsplit(parts._replace(netloc=netloc))


@contextmanager
def pg_errors(zh: str, en: str) -> Iterator[None]:
    """Translate what the driver raises inside; `zh` and `en` say what was being done.

    The message carries no SQL and no value; `sqlstate` is a fact, the cause stays chained.
    """
    try:
        yield
    except psycopg.Error as exc:
        kind, what_zh, what_en = next(
            (entry[1:] for entry in MEANING if isinstance(exc, entry[0])), UNNAMED
        )
        state = exc.sqlstate
        raise kind(
            zh=f"{zh}：{what_zh}" + (f"（SQLSTATE {state}）" if state else ""),
            en=f"{en}: {what_en}" + (f" (SQLSTATE {state})" if state else ""),
            doing=en,
            sqlstate=state,
        ) from exc
