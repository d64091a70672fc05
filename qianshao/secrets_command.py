"""`qianshao init-secrets`: what production must not have by default."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def init_secrets(
    folder: Annotated[
        Path, typer.Option(envvar="QIANSHAO_SECRETS", help="Where they are; docker-compose.yml is told the same.")
    ] = Path("deploy/secrets"),
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name or address by which devices call the broker. Repeatable."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A new password for this device of the registry. Repeatable."),
    ] = None,
    all_devices: Annotated[
        bool, typer.Option("--all-devices", help="A password for every device without one.")
    ] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="A user who speaks for all devices, for trying.")
    ] = False,
) -> None:
    """Make passwords, certificates and tokens for docker-compose.yml, and the broker's users and what each may do.

    What is there already stays as it is. The registry is that of the settings: name its devices with QIANSHAO_FLEET,
    and run it again when they change. Passwords of devices are printed, ID:PASSWORD, and kept as hashes only.
    """
    from ingest.registry import Registry
    from qianshao.city_files import load_city
    from qianshao.secrets.folder import Wishes
    from qianshao.secrets.folder import init_secrets as init
    from qianshao.settings import Settings

    registry = Registry(load_city(Settings()), shards=1)
    wishes = Wishes(host or (), simulate, device or (), all_devices)
    outcome = init(folder, registry, wishes, datetime.now(UTC))
    for name, password in outcome.passwords.items():
        typer.echo(f"{name}:{password}")
    for line in outcome.done:
        typer.echo(line, err=True)
    typer.echo(f"in {folder}; if the broker runs: docker compose kill -s HUP mosquitto", err=True)
