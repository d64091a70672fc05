"""`qianshao city`: look at, check, convert and populate a city's tables."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from city.city import City

city_app = typer.Typer(help="The city as data: check, convert, populate.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="Folder of the city; the one of the settings if left out.")]


@city_app.command()
def check(folder: Folder = None) -> None:
    """Read a city's folder and say what is wrong, with file, line and remedy. Exit code 1 if something is."""
    from alerts.deadlines import load_policy
    from city.errors import ConfigErrors
    from city.tables import read_city
    from qianshao.settings import Settings

    source = folder or Settings().city
    try:
        city = read_city(source)
        load_policy(source)
    except ConfigErrors as errors:
        typer.echo(str(errors), err=True)
        raise typer.Exit(1) from None
    counts = {
        "classes": len(city.catalogue.classes),
        "indicators": len(city.catalogue.indicators),
        "areas": len(city.areas),
        "grids": len(city.grids),
        "officers": len(city.officers),
        "devices": len(city.devices),
    }
    typer.echo(f"{city.name}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


@city_app.command()
def export(
    target: Annotated[Path, typer.Argument(help="Folder to write.")],
    folder: Annotated[
        Path | None, typer.Option("--from", help="Folder of the city; the settings' if left out.")
    ] = None,
    form: Annotated[Literal["csv", "yaml"], typer.Option("--format", help="Format of the tables.")] = "csv",
) -> None:
    """Write a city's folder with its tables in one format. What is read from either format is the same."""
    from city.tables import read_city
    from qianshao.settings import Settings

    source = folder or Settings().city
    _write(read_city(source), source, target, form)
    typer.echo(f"written to {target}")


@city_app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder with tables to lay over the city, e.g. devices.csv.")],
    target: Annotated[Path, typer.Argument(help="Folder to write the joined city to.")],
    folder: Annotated[
        Path | None, typer.Option("--into", help="Folder of the city; the settings' if left out.")
    ] = None,
) -> None:
    """Check tables against a city and write both, joined, as one city. Nothing is written if anything is wrong."""
    from city.tables import overlay, read_city
    from qianshao.settings import Settings

    base = folder or Settings().city
    joined = overlay(read_city(base), source)
    _write(joined, base, target, "csv")
    typer.echo(f"{len(joined.devices)} devices, written to {target}")


@city_app.command()
def fleet(
    target: Annotated[Path, typer.Argument(help="Folder to write sites, parents, devices and contacts to.")],
    devices: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="How many devices, in a realistic mix; 2000 if left out.")
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(help="YAML file that counts devices by sort, and stations by type, in place of a mix."),
    ] = None,
    upstream: Annotated[
        bool, typer.Option("--upstream", help="With sources of upstream signals, and their points in every street.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same fleet.")] = 1,
    folder: Annotated[Path | None, typer.Option("--for", help="Folder of the city; the settings' if left out.")] = None,
) -> None:
    """Generate a fleet for a city: up to a million devices with sites, parents and contacts, marked illustrative."""
    import msgspec

    from city.generate import FleetRequest, generate_fleet
    from city.tables import read_city, write_tables
    from city.yamlfile import load_yaml
    from qianshao.settings import Settings

    if request and devices:
        raise typer.BadParameter("give --devices or --request, not both")
    wanted = load_yaml(request, FleetRequest).value if request else FleetRequest.of_size(devices or 2000)
    if upstream:
        wanted = msgspec.structs.replace(wanted, upstream=True)
    made = generate_fleet(read_city(folder or Settings().city), wanted, seed)
    write_tables(made, target, ["sites", "parents", "devices", "contacts"])
    typer.echo(f"{len(made.devices)} devices at {len(made.sites)} sites, written to {target}")


@city_app.command()
def divide(parts: Annotated[int, typer.Argument(min=1, help="How many ingest processes.")]) -> None:
    """Divide the streets between ingest processes, by how often their devices report. Prints a line for each, as
    docker-compose.yml takes it from the environment or from `.env`."""
    from ingest.filters import divide as divided
    from qianshao.city_files import load_city
    from qianshao.settings import Settings

    for number, filters in enumerate(divided(load_city(Settings()), parts), 1):
        typer.echo(f"QIANSHAO_INGEST_{number}='{json.dumps(filters)}'")


def _write(city: "City", base: Path, target: Path, form: Literal["csv", "yaml"]) -> None:
    """A folder that can take the place of `base`: the tables of a city, and the ticketing policy as it stands there."""
    from alerts.deadlines import POLICY_FILE, load_policy
    from city.tables import write_city

    load_policy(base)
    policy = (base / POLICY_FILE).read_text(encoding="utf-8")
    write_city(city, target, form)
    (target / POLICY_FILE).write_text(policy, encoding="utf-8")
