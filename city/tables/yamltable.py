"""Tables as YAML: for the small ones that people write by hand."""

from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from city.tables.csvtable import default_of
from city.tables.rows import Complaints, Rows, Table
from city.yamlfile import dump_yaml, load_yaml


def read_yaml(path: Path, table: Table, complaints: Complaints) -> Rows:
    """The records of a YAML file, a list of mappings; keys given twice go to `complaints`.

    Raises ConfigErrors when the file or a record cannot be read (see `load_yaml`).
    """
    rows = Rows(table, complaints)
    file = load_yaml(path, list[table.record])  # type: ignore[name-defined]
    for i, record in enumerate(file.value):
        rows.admit(record, *file.mark((i,)))
    return rows


def write_yaml(path: Path, records: list[Any]) -> None:
    """Records as a YAML list, in their order, without the fields that hold their default."""
    path.write_text(dump_yaml([plain(record) for record in records]), encoding="utf-8")


def plain(record: msgspec.Struct) -> dict[str, Any]:
    """A record as plain data for YAML, without the fields that hold their default."""
    values = {f.name: getattr(record, f.name) for f in msgspec.structs.fields(record) if _is_given(f, record)}
    return {name: _plain_value(value) for name, value in values.items()}


def _is_given(field: msgspec.structs.FieldInfo, record: msgspec.Struct) -> bool:
    return field.required or getattr(record, field.name) != default_of(field)


def _plain_value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return plain(value) if isinstance(value, msgspec.Struct) else value
