"""`gis`: one file a command group, each loaded only when it is called."""

from __future__ import annotations

import importlib

import click

from gis import __version__

# command -> where it is; a command whose file is not imported costs nothing at start-up
COMMANDS = {
    "init": "gis.cli.database:init",
    "db": "gis.cli.database:db",
    "demo": "gis.cli.demo:demo",
    "ingest": "gis.cli.ingest:ingest",
    "layers": "gis.cli.layers:layers",
    "deliveries": "gis.cli.deliveries:deliveries",
    "documents": "gis.cli.documents:documents",
    "quarantine": "gis.cli.quarantine:quarantine",
    "coords": "gis.cli.coords:coords",
    "imagery": "gis.cli.imagery:imagery",
    "detect": "gis.cli.detect:detect",
    "alerts": "gis.cli.alerts:alerts",
    "site-check": "gis.cli.analysis:site_check",
    "plan-statistics": "gis.cli.analysis:plan_statistics",
    "plan-conflicts": "gis.cli.analysis:plan_conflicts",
    "tiles": "gis.cli.tiles:tiles",
    "iot": "gis.cli.iot:iot",
    "qgis-project": "gis.cli.qgis:qgis_project",
    "config": "gis.cli.config:config",
    "access": "gis.cli.access:access",
    "serve": "gis.cli.serve:serve",
    "status": "gis.cli.status:status",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gis")
def main() -> None:
    """一张图 One Map：城市时空地理信息服务 / the spatio-temporal GIS service of a city."""
