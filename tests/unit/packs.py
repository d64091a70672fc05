"""Rule packs written in a test, as their authors write them."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from city.catalogue import Catalogue
from city.errors import ConfigError, ConfigErrors
from rules.language.load import load_pack
from rules.language.pack import Pack
from tests.cities import CATALOGUE

HEAD = "pack: small\nversion: '1'\ntitle: 小城规则包\n"

DEPTH = """
class: waterlogging
rules:
  - id: depth
    title: 积水深度
    indicator: water_depth
    levels: {blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}
    hold: {blue: 2m, yellow: 1m}
    evidence: {min_samples: 2, max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    step: ignore
    cause: ponding
    source: operator default
"""

GAUGE_OFF = """
class: waterlogging
rules:
  - id: gauge-offline
    title: 水尺失联
    nature: device
    device_types: [gauge]
    absence: {of: any, levels: {blue: 3 intervals, yellow: 10m}}
    clear: {for: 1m}
    cause: offline
    source: operator default
"""

CAMERA_OFF = """
class: video
rules:
  - id: camera-offline
    title: 视频点失联
    nature: device
    absence: {of: any, levels: {blue: 3 intervals, yellow: 10m, orange: 30m}}
    clear: {for: 1m}
    cause: offline
    source: operator default
"""

GATEWAY_DARK = """
parents:
  - kind: gateway
    title: 网关失联
    level: orange
    silent: 80%
    at_least: 3
    clear: {for: 1m}
    source: operator default
"""


def write_pack(folder: Path, *files: str, head: str = HEAD) -> Path:
    """A pack folder with these rules files: a.yaml, b.yaml and so on."""
    (folder / "pack.yaml").write_text(head, encoding="utf-8")
    for name, text in zip("abcdefghijklmnopqrstuvwxyz", files, strict=False):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@cache
def pack(*files: str) -> Pack:
    """What these rules files mean in the small city."""
    return load(CATALOGUE, *files)


def load(catalogue: Catalogue, *files: str) -> Pack:
    """What these rules files mean against a catalogue. Raises ConfigErrors."""
    with TemporaryDirectory() as folder:
        return load_pack(write_pack(Path(folder), *files), catalogue)


def refusals(catalogue: Catalogue, *files: str, head: str = HEAD) -> list[ConfigError]:
    """Everything that is wrong with these rules files; none when they load."""
    with TemporaryDirectory() as folder:
        try:
            load_pack(write_pack(Path(folder), *files, head=head), catalogue)
        except ConfigErrors as wrong:
            return wrong.errors
    return []
