"""Copies of the buckets as files, taken from a running InfluxDB and given to one: what `influx backup` and `influx
restore` do, bucket by bucket, over the same API.

A folder holds `buckets.json`, which names them with how long they keep what and of which shards they are made, and a
file for each shard.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx

from city.errors import SettingError, Unavailable
from streams.series.buckets import find_organisation
from streams.series.influx import Influx

HEAD = "buckets.json"
UNFINISHED = ".restored"
"""Behind the name of a bucket that is not whole yet."""
PATIENCE_S = 600.0
"""For one shard: of a day or a week."""
Bucket = dict[str, Any]


def save(influx: Influx, folder: Path) -> Iterator[str]:
    """Copy the buckets into an empty folder. What was done, a line each. Raises Unavailable."""
    with _api(influx) as api:
        buckets = [bucket for bucket in _manifest(api) if bucket["bucketName"] in vars(influx.options.buckets).values()]
        for bucket in buckets:
            numbers = _shards(bucket)
            for number in numbers:
                _download(api, number, folder)
            yield f"bucket {bucket['bucketName']}: {len(numbers)} shards"
    (folder / HEAD).write_text(json.dumps(buckets, indent=1))


def load(influx: Influx, folder: Path) -> Iterator[str]:
    """Put the buckets of a folder in the place of those that are there, each when its copy is whole. What was done, a
    line each. Raises Unavailable, or SettingError for a folder without copies of these buckets."""
    buckets = _read_head(influx, folder)
    with _api(influx) as api:
        for bucket in buckets:
            _remove(influx, bucket["bucketName"] + UNFINISHED)
            shards = _make_unfinished(influx, api, bucket)
            for old, new in shards.items():
                _upload(api, folder, old, new)
            _put_in_place(influx, bucket["bucketName"])
            yield f"bucket {bucket['bucketName']}: {len(shards)} shards"


@contextmanager
def _api(influx: Influx) -> Iterator[httpx.Client]:
    options = influx.options
    head = {"Authorization": f"Token {options.token}", "Accept-Encoding": "gzip"}
    try:
        with httpx.Client(base_url=f"{options.url}/api/v2", headers=head, timeout=PATIENCE_S) as client:
            yield client
    except httpx.HTTPError as error:
        raise Unavailable(f"InfluxDB at {options.url}", str(error) or repr(error)) from error


def _manifest(api: httpx.Client) -> list[Bucket]:
    """What there is, from an answer of several parts: the others are users and tokens, which the secrets stand for."""
    answer = api.get("backup/metadata").raise_for_status()
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    for part in message_from_bytes(head + answer.content).walk():
        if part.get_param("name", header="content-disposition") == "buckets":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return sorted(json.loads(payload), key=lambda bucket: str(bucket["bucketName"]))
    return []


def _shards(bucket: Bucket) -> list[int]:
    groups = [group for policy in bucket["retentionPolicies"] for group in policy["shardGroups"]]
    return [shard["id"] for group in groups if not group.get("deletedAt") for shard in group["shards"]]


def _file(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard}.tar.gz"


def _download(api: httpx.Client, shard: int, folder: Path) -> None:
    """As it comes, packed. One that InfluxDB has thrown away meanwhile, or has not written yet, is empty."""
    with api.stream("GET", f"backup/shards/{shard}") as answer, _file(folder, shard).open("wb") as file:
        if answer.status_code == httpx.codes.NOT_FOUND:
            return
        for part in answer.raise_for_status().iter_raw():
            file.write(part)


def _upload(api: httpx.Client, folder: Path, old: int, new: int) -> None:
    file = _file(folder, old)
    if file.stat().st_size == 0:
        return
    head = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
    with file.open("rb") as content:
        api.post(f"restore/shards/{new}", content=content, headers=head).raise_for_status()


def _read_head(influx: Influx, folder: Path) -> list[Bucket]:
    file, known = folder / HEAD, vars(influx.options.buckets).values()
    buckets: list[Bucket] = json.loads(file.read_text()) if file.exists() else []
    if not buckets or any(bucket["bucketName"] not in known for bucket in buckets):
        raise SettingError("influx.bucket", f"{folder} has no copies of {', '.join(known)}", "name another folder")
    return buckets


def _make_unfinished(influx: Influx, api: httpx.Client, bucket: Bucket) -> dict[int, int]:
    """An empty bucket for a copy. Returns the numbers of its shards, by those of the old ones."""
    here = {"organizationID": find_organisation(influx).id, "bucketName": bucket["bucketName"] + UNFINISHED}
    answer = api.post("restore/bucketMetadata", json=bucket | here).raise_for_status()
    return {shard["oldId"]: shard["newId"] for shard in answer.json()["shardMappings"] or []}


def _put_in_place(influx: Influx, name: str) -> None:
    api = influx.client.buckets_api()
    whole = influx.ask(lambda: api.find_bucket_by_name(name + UNFINISHED))
    _remove(influx, name)
    whole.name = name
    influx.ask(lambda: api.update_bucket(bucket=whole))


def _remove(influx: Influx, name: str) -> None:
    api = influx.client.buckets_api()
    there = influx.ask(lambda: api.find_bucket_by_name(name))
    if there is not None:
        influx.ask(lambda: api.delete_bucket(there))
