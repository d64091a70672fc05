"""Where the rules of a pack stand in its files."""

import re
from dataclasses import dataclass
from pathlib import Path

from city.misfits import Place
from city.yamlfile import YamlFile, load_yaml
from rules.language.load import pack_paths
from rules.language.schema import RulesFile

_ALLOW = re.compile(r"#.*\blint: allow ([\w-]+(?:, *[\w-]+)*)")


@dataclass(frozen=True)
class Spot:
    """A rule in its file. allowed: codes of remarks that its author does not want to hear, `# lint: allow CODE`."""

    file: YamlFile[RulesFile]
    place: Place
    allowed: frozenset[str]

    @property
    def path(self) -> Path:
        return self.file.path

    def mark(self, *keys: str) -> tuple[int, int]:
        """Line and column of the rule, or of what stands under a key of it."""
        return self.file.mark((*self.place, *keys))


def spots(folder: Path) -> dict[str, Spot]:
    """Every rule and parent rule of a pack that loads, by its id."""
    found: dict[str, Spot] = {}
    for path in pack_paths(folder):
        file = load_yaml(path, RulesFile)
        lines = path.read_text(encoding="utf-8").splitlines()
        ids = [(rule.id, ("rules", i)) for i, rule in enumerate(file.value.rules)]
        ids += [(f"{parent.kind}-dark", ("parents", i)) for i, parent in enumerate(file.value.parents)]
        starts = [file.mark(place)[0] for _, place in ids]
        for (id_, place), start, end in zip(ids, starts, [*starts[1:], len(lines) + 1], strict=True):
            allowed = {code for line in lines[start - 1 : end - 1] for code in _codes(line)}
            found[id_] = Spot(file, place, frozenset(allowed))
    return found


def _codes(line: str) -> list[str]:
    match = _ALLOW.search(line)
    return re.split(r", *", match[1]) if match else []
