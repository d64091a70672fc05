"""Templates, and what they all know: the words, the city's time zone, the files beside them."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.console import words
from alerts.console.atlas import Atlas
from alerts.console.live import Look
from alerts.console.moment import Moment
from alerts.pending import STEPS
from alerts.tickets import TicketState
from city.city import City
from city.levels import LEVELS, Level

STATIC = Path(__file__).parent / "static"
REPLAY_MS = 3_600_000  # a clock this far from the wall's plays something
PIECES = ("counts", "map", "hazards", "faults", "feed")


class Pages:
    """Renders pages and pieces of them. All text is escaped unless a template says otherwise, and none does."""

    def __init__(self, city: City, atlas: Atlas, profile: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("alerts.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        zone = city.time_zone
        self._environment.filters |= {
            "shown": words.shown,
            "span": words.span,
            "ago": words.ago,
            "due": words.due,
            "unit": words.unit,
            "moment": lambda ms, now_ms: words.moment(ms, now_ms, zone),
        }
        self._environment.globals |= _words_of_all(city, atlas, profile)
        self._zone = zone
        self._rendered: dict[str, tuple[str, str]] = {}

    def page(self, name: str, at: Moment, **context: object) -> str:
        """A whole page, as it is at a moment."""
        date, time = words.clock_face(at.now_ms, self._zone)
        played = at.speed != 1.0 or abs(at.now_ms - at.wall_ms) > REPLAY_MS
        template = self._environment.get_template(name)
        return template.render(
            at=at, now_ms=at.now_ms, date=date, time=time, played=f"{at.speed:g}" if played else None, **context
        )

    def board(self, look: Look) -> str:
        """The first page."""
        return self.page("board.html", look.at, look=look, board=look.board)

    def piece(self, name: str, look: Look) -> str:
        """One piece of the first page, to take the place of an older one. Rendered once for all who ask: the page's
        script writes the relative times itself."""
        version, html = self._rendered.get(name, ("", ""))
        if version != look.versions[name]:
            template = self._environment.get_template(f"piece_{name}.html")
            html = template.render(at=look.at, now_ms=look.at.now_ms, look=look, board=look.board)
            self._rendered[name] = look.versions[name], html
        return html


def _words_of_all(city: City, atlas: Atlas, profile: str) -> dict[str, Any]:
    """What every template may say."""
    return {
        "city": city,
        "profile": profile,
        "map_width": round(atlas.width),
        "map_height": round(atlas.height),
        "levels": tuple(reversed(LEVELS)),
        "level_of": Level,
        "level_glyphs": words.SHORT_LEVELS,
        "natures": words.NATURES,
        "actions": words.ACTIONS,
        "outcomes": words.OUTCOMES,
        "refusal": words.refusal,
        "refusals": words.REFUSALS,
        "steps": STEPS,
        "per_words": words.PER,
        "group_words": words.GROUPS,
        "confidence_words": words.CONFIDENCE,
        "report_kinds": words.REPORTS,
        "difference_words": words.DIFFERENCES,
        "change_words": words.CHANGES,
        "level_named": Level.of,
        "state_word": lambda state: TicketState(state).zh,
        "assets": {path.name: _tag(path) for path in STATIC.iterdir()},
    }


def _tag(path: Path) -> str:
    """Address of a file beside the templates: a new one when its contents are new."""
    return f"/static/{path.name}?v={blake2b(path.read_bytes(), digest_size=5).hexdigest()}"
