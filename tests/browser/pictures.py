"""The pictures of the page in docs/images: `python -m tests.browser.pictures` takes them of a made-up storm night."""

import base64
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace
from selenium.webdriver.support.ui import WebDriverWait

from alerts.console.app import create_app
from alerts.store.rules import RuleStore
from tests.browser.conftest import DESKTOP, PHONE, Browser, chromium_at, look_like
from tests.browser.night import played, serving, storm_night
from tests.browser.rulebook import night_rules
from tests.browser.versions import published, version

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SCREENS = {
    "page-desktop.png": ("/", DESKTOP, 1),
    "page-phone.png": ("/", PHONE, 2),
    "page-rules.png": ("/rules", DESKTOP, 1),
}
COLOURS = 256
PIXELS = """
const [png, done] = arguments, image = new Image();
image.onload = () => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  [canvas.width, canvas.height] = [image.width, image.height];
  pen.drawImage(image, 0, 0);
  const pixels = pen.getImageData(0, 0, image.width, image.height).data, url = new FileReader();
  url.onload = () => done([image.width, image.height, url.result.split(",")[1]]);
  url.readAsDataURL(new Blob([pixels]));
};
image.src = "data:image/png;base64," + png;
"""


def take() -> None:
    """Takes all pictures anew."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, chromium_at(Path(folder) / "profile") as browser:
        night, rules = storm_night(Path(folder)), replace(night_rules(), pack="baoan", title="宝安区规则包")
        night.judged_by(rules.pack, rules.version, rules.meaning)
        store = RuleStore(night.database)
        published(store, "王工", "李工", "汛期前收紧积水门槛", minutes=300)
        store.propose(version("赵工", "沙井老墟一带误报多, 黄色门槛提到 18 cm", minutes=20))
        with serving(create_app(night.database, night.city, played(20), "embedded", rules)) as address:
            for name, (path, size, scale) in SCREENS.items():
                look_like(browser, *size, scale)
                browser.get(address + path)
                if path == "/":
                    WebDriverWait(browser, 20).until(lambda b: "更新于" in b.find_element("id", "link").text)
                (IMAGES / name).write_bytes(small_png(screen(browser)))


def screen(browser: Browser) -> npt.NDArray[np.uint8]:
    """What the browser shows: (height, width, 3)."""
    png = browser.get_screenshot_as_base64()
    browser.get("about:blank")
    width, height, pixels = browser.execute_async_script(PIXELS, png)
    return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]


def small_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of the most frequent colours; a pixel of another takes the nearest of them. pixels: (height, width, 3)."""
    height, width, _ = pixels.shape
    found, place, count = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = found[np.argsort(-count)[:COLOURS]]
    nearest = np.array([np.abs(palette.astype(int) - colour).sum(axis=1).argmin() for colour in found], np.uint8)
    rows = np.pad(nearest[place.ravel()].reshape(height, width), ((0, 0), (1, 0)))  # each row begins with its filter: 0
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = {b"IHDR": head, b"PLTE": palette.tobytes(), b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )


if __name__ == "__main__":
    take()
