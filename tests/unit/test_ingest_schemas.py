"""docs/schemas are made from the code, and say what each field means."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest import schemas
from ingest.contract import FEEDS

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


def test_the_committed_schemas_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == schemas.texts(), "run: python -m ingest.schemas docs/schemas"


def test_they_are_written_where_one_says(tmp_path: Path) -> None:
    schemas.write(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {f"{name}.json" for name in [*FEEDS, "will"]}


@pytest.mark.parametrize("name", schemas.KINDS)
def test_every_field_has_a_title_and_a_description(name: str) -> None:
    schema = schemas.schema(name)
    assert schema["title"]
    assert schema["description"]
    for field, what in schema["properties"].items():
        assert (what["title"], what["description"]) == schemas.FIELDS[field]
        assert {"type", "enum", "anyOf", "const"} & set(what), field


def test_no_description_is_left_of_a_field_that_is_gone() -> None:
    fields = {field for name in schemas.KINDS for field in schemas.schema(name)["properties"]}
    assert fields == set(schemas.FIELDS)


def test_references_between_the_files_lead_to_files() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [value["$ref"]] if "$ref" in value else [r for v in value.values() for r in references(v)]
        return [r for v in value for r in references(v)] if isinstance(value, list) else []

    found = {r for text in schemas.texts().values() for r in references(json.loads(text))}
    assert found == {f"{feed}.json" for feed in FEEDS if feed != "gateway"} | {"#/$defs/Reference"}
