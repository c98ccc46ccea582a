"""`gis serve`: API, tiles and map over HTTP."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gis.cli.console import Console, command
from gis.errors import ConfigError

if TYPE_CHECKING:
    from gis.api.policy import Policy
    from gis.settings import Settings
    from gis.store.access import AccessKey

APP = "gis.api.app:from_env"


@command("serve")
@click.option("--host", help="监听地址 / address to listen on (GIS_HOST)")
@click.option("--port", type=click.IntRange(1, 65535), help="端口 / port (GIS_PORT)")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="进程数 / processes",
)  # fmt: skip
def serve(console: Console, host: str | None, port: int | None, workers: int) -> None:
    """提供接口、瓦片与地图 / serve the API, the tiles and the map.

    \b
    示例 / example:  gis serve --host 0.0.0.0 --port 8080 --workers 2
    """
    settings = console.settings
    changed = replace(settings, host=host or settings.host, port=port or settings.port)
    run_server(Console(changed, console.json), workers)


def run_server(console: Console, workers: int = 1) -> None:
    """Serve until interrupted. What could stop it is found before it starts: a stale
    configuration, others let in without a key (ConfigError), no database (StoreError), a port in
    use (ConfigError)."""
    import uvicorn

    settings = console.settings
    _check(console)
    _check_address(settings)
    with ExitStack() as stack:
        if workers > 1:  # each process counts its requests in a file; /metrics adds them up
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gis-metrics-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        # each worker reads its own settings: where it listens decides who counts as local
        os.environ |= {"GIS_HOST": settings.host, "GIS_PORT": str(settings.port)}
        _say_addresses(console)
        # uvicorn ends its work and then repeats the signal: to us it is the ordinary way to stop
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        uvicorn.run(
            APP,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=workers,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )


def _check(console: Console) -> None:
    """Everything that must be right, before anything listens."""
    from gis.api.app import open_for_serving
    from gis.api.config import FILE, check_config
    from gis.api.policy import load_policy
    from gis.layers import load_registry
    from gis.store.access import list_keys

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    if not check_config(registry, settings):
        console.say(
            f"没有 {settings.config / FILE}，直接按图层定义服务（gis config write 可写出）",
            f"no {settings.config / FILE}: serving what the layer definitions give "
            f"(gis config write would write it)",
        )
    with open_for_serving(settings) as store:
        _check_access(console, load_policy(settings.config, registry), list_keys(store))


def _check_access(console: Console, policy: Policy, known: list[AccessKey]) -> None:
    """Raises ConfigError where others could reach a server that knows nobody."""
    from gis.api.gate import is_loopback

    settings, now = console.settings, datetime.now(UTC)
    configured = policy.issuer is not None or any(key.opens(now) for key in known)
    if configured:
        console.say("匿名访问只见公开图层", "without a key or a token: public layers only")
    elif not is_loopback(settings.host):
        raise ConfigError(
            zh=f"监听 {settings.host} 会向其他机器开放，但尚无任何密钥或登录。请先新建密钥："
            f"gis access keys add 名称 --role reader（或在 config/access.yml 配置 oidc），"
            f"也可只在本机监听",
            en=f"listening on {settings.host} lets other machines in, and there is no key or "
            f"login yet. Make a key first: gis access keys add NAME --role reader (or set oidc in "
            f"config/access.yml), or listen on this machine alone",
            host=settings.host,
        )
    elif settings.public_url is None:
        console.say(
            "尚无密钥：本机可见全部图层，代理转来的访问只见公开图层",
            "no key yet: whoever sits at this machine sees every layer; what comes through a "
            "proxy, public layers only",
        )


def _check_address(settings: Settings) -> None:
    """Raises ConfigError where nobody can listen there: uvicorn would say so less clearly."""
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                raise ConfigError(
                    zh=f"{where} 已被其他程序占用。请换端口，如 gis serve --port "
                    f"{settings.port + 1}",
                    en=f"{where} is in use by another program. Take another port, like "
                    f"gis serve --port {settings.port + 1}",
                    port=settings.port,
                ) from exc
            raise ConfigError(
                zh=f"无法在 {where} 监听：{exc.strerror}。请核对 --host 与 --port",
                en=f"can't listen on {where}: {exc.strerror}. Check --host and --port",
                host=settings.host,
            ) from exc


def _say_addresses(console: Console) -> None:
    settings = console.settings
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    if console.json:
        console.emit({"url": url, "map": f"{url}/map"})
    console.say(f"地图 {url}/map", "the map")
    console.say(f"接口 {url}/", "the API; Ctrl-C stops it")
