"""The shipped rules with one more: a gauge that is always under water by it, for a hold."""

import shutil
from pathlib import Path

from city.city import City
from city.registry import Device
from qianshao.settings import Settings

HELD = "bench-hold"
RULE = f"""class: waterlogging
rules:
  - id: {HELD}
    title: 久淹
    indicator: water_depth
    device_types: [TYPE]
    levels: {{red: 250 cm}}
    hold: HOLDs
    evidence: {{min_samples: 2, max_gap: 1m}}
    clear: {{margin: 1 cm, for: 1m}}
    overrides:
      - {{sites: [SITE], levels: {{red: 3 cm}}, source: bench}}
    source: bench
"""


def rules_with_hold(folder: Path, city: City, hold_s: int) -> tuple[Path, Device]:
    """A pack's folder in `folder`, and the gauge: what `gauge` of bench/parts/load.py says of it is too deep."""
    pack = Path(shutil.copytree(Settings().rules, folder / "baoan"))
    device = next(d for d in city.devices.values() if d.type == "electronic-water-gauge")
    rule = RULE.replace("TYPE", device.type).replace("HOLD", str(hold_s)).replace("SITE", device.site)
    (pack / "bench.yaml").write_text(rule, "utf-8")
    return pack, device
