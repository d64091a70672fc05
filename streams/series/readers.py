"""Tokens by which others read the series, and can do nothing else."""

from dataclasses import replace
from pathlib import Path

from influxdb_client import Authorization, Permission, PermissionResource
from influxdb_client.domain.bucket import Bucket

from city.errors import Unavailable
from streams.series.buckets import find_organisation
from streams.series.influx import Influx

DESCRIPTION = "reads the series"
EVERYBODY = 0o444
"""Who may read the folder may read the token: other users, in containers, have other numbers."""


def ensure_reader(influx: Influx, file: Path) -> str:
    """Have a file hold a token that may read the buckets, and only that. What was done, as a line. One that opens them
    no more is replaced. Raises Unavailable, or SettingError where there is no such organisation."""
    written = file.read_text() if file.exists() else ""
    if written and None not in _buckets_open_to(influx, written):
        return f"token in {file}: there"
    _forget_readers(influx)
    _write(file, _new_token(influx))
    return f"token in {file}: created"


def _buckets_open_to(influx: Influx, token: str) -> list[Bucket | None]:
    reader = Influx(replace(influx.options, token=token))
    try:
        return _buckets(reader)
    except Unavailable:  # to this token
        return [None]
    finally:
        reader.close()


def _buckets(influx: Influx) -> list[Bucket | None]:
    api = influx.client.buckets_api()
    return [
        influx.ask(lambda name=name: api.find_bucket_by_name(name)) for name in vars(influx.options.buckets).values()
    ]


def _forget_readers(influx: Influx) -> None:
    """A token that nobody holds shall open nothing."""
    api = influx.client.authorizations_api()
    for each in influx.ask(lambda: api.find_authorizations(org=influx.options.org)):
        if each.description == DESCRIPTION:
            influx.ask(lambda each=each: api.delete_authorization(each))


def _new_token(influx: Influx) -> str:
    org = find_organisation(influx)
    there = [bucket.id for bucket in _buckets(influx) if bucket]
    may = [Permission("read", PermissionResource(type="buckets", id=each, org_id=org.id)) for each in there]
    wanted = Authorization(org_id=org.id, permissions=may, description=DESCRIPTION)
    made = influx.ask(lambda: influx.client.authorizations_api().create_authorization(authorization=wanted))
    return str(made.token)


def _write(file: Path, token: str) -> None:
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.write_text(token)
    draft.chmod(EVERYBODY)
    draft.rename(file)
