"""What all boards have: a stable uid, the city's time, places for their panels, links to each other, and what happened
marked on every curve."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import dashboard as model

from city.city import City
from city.series import Measurement
from dashboards import palette
from dashboards.flux import Flux
from dashboards.ground import Ground
from dashboards.panels.dress import PanelBuilder
from dashboards.source import REF, Query
from dashboards.store import Store

WIDTH = 24
TAG = "qianshao"


class Folder(Enum):
    """Where boards lie in Grafana, and who may look: `viewers` are duty staff, `editors` those who run the system."""

    WATCH = ("watch", "值守", True)
    THEMES = ("themes", "专题", True)
    PLACES = ("places", "属地", True)
    SYSTEM = ("system", "运维", False)

    def __init__(self, slug: str, title: str, for_viewers: bool) -> None:
        self.slug, self.title, self.for_viewers = slug, title, for_viewers

    def uid(self, city: City) -> str:
        return f"qs-{city.id}-folder-{self.slug}"  # Grafana counts folders and boards together


@dataclass(frozen=True)
class Wall:
    """What boards are about. `ground`: what lies under the map."""

    city: City
    store: Store
    ground: Ground

    def uid(self, name: str) -> str:
        """Of a board: the same for ever, since links and bookmarks hold it."""
        return f"qs-{self.city.id}-{name}"

    def address(self, name: str, **variables: str) -> str:
        """Of a board, with variables set and the range kept."""
        chosen = "&".join(f"var-{variable}={value}" for variable, value in variables.items())
        return f"/d/{self.uid(name)}?${{__url_time_range}}" + (f"&{chosen}" if chosen else "")

    @property
    def street_names(self) -> dict[str, str]:
        return {street.code: street.short for street in self.city.streets}

    @property
    def class_names(self) -> dict[str, str]:
        return {each.slug: each.name for each in self.city.catalogue.classes}

    @property
    def area_names(self) -> dict[str, str]:
        return {area.id: area.name for area in self.city.areas.values()}


@dataclass(frozen=True)
class Placed:
    """A panel, or a heading, and where it is: columns of 24, rows of 30 pixels or so."""

    what: PanelBuilder | str
    x: int
    y: int
    width: int
    height: int

    @property
    def position(self) -> model.GridPos:
        return model.GridPos(h=self.height, w=self.width, x=self.x, y=self.y)


@dataclass(frozen=True)
class Board:
    """One dashboard and its folder."""

    folder: Folder
    content: model.Dashboard

    @property
    def uid(self) -> str:
        return self.content.uid or ""

    @property
    def title(self) -> str:
        return self.content.title or ""


@dataclass
class Layout:
    """Puts panels in rows from the top down. `y`: where the next row begins."""

    y: int = 0
    placed: list[Placed] = field(default_factory=list)

    def heading(self, words: str) -> "Layout":
        """A line over what follows."""
        return self._put(words, 0, self.y, WIDTH, 1)

    def row(self, height: int, *panels: tuple[PanelBuilder, int]) -> "Layout":
        """Panels side by side, each with its width."""
        x, y = 0, self.y
        for panel, width in panels:
            self._put(panel, x, y, width, height)
            x += width
        return self

    def even(self, height: int, panels: Sequence[PanelBuilder], each: int) -> "Layout":
        """Panels of one width, as many in a row as there is room for."""
        at_once = WIDTH // each
        for start in range(0, len(panels), at_once):
            self.row(height, *((panel, each) for panel in panels[start : start + at_once]))
        return self

    def beside(self, left: PanelBuilder, width: int, *right: tuple[PanelBuilder, int]) -> "Layout":
        """One panel on the left, and on the right others below each other, each with its height."""
        top = self.y
        for panel, height in right:
            self._put(panel, width, self.y, WIDTH - width, height)
        return self._put(left, 0, top, width, self.y - top)

    def _put(self, what: PanelBuilder | str, x: int, y: int, width: int, height: int) -> "Layout":
        self.placed.append(Placed(what, x, y, width, height))
        self.y = max(self.y, y + height)
        return self


def board(
    wall: Wall,
    folder: Folder,
    name: str,
    title: str,
    layout: Layout,
    variables: Sequence[builder.Builder[model.VariableModel]] = (),
    refresh: str = "30s",
    span: str = "now-6h",
) -> Board:
    """A board of placed panels. `name`: of its uid; `span`: what is shown at first."""
    found = build.Dashboard(f"{wall.city.name} · {title}").uid(wall.uid(name)).tags([TAG, folder.slug])
    found.timezone(wall.city.time_zone).refresh(refresh).time(span, "now").readonly()
    found.tooltip(model.DashboardCursorSync.CROSSHAIR).week_start("monday")
    found.variables(list(variables)).links(_links(wall)).annotations(_annotations(wall))
    for number, place in enumerate(layout.placed, 1):
        if isinstance(place.what, str):
            found.with_row(build.Row(place.what).id(number).grid_pos(place.position))
        else:
            found.with_panel(place.what.id(number).grid_pos(place.position))
    return Board(folder, found.build())


def _links(wall: Wall) -> list[builder.Builder[model.DashboardLink]]:
    def to(title: str, name: str) -> build.DashboardLink:
        address = f"/d/{wall.uid(name)}"
        return build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(address).keep_time(True)

    def list_of(title: str, folder: Folder) -> build.DashboardLink:
        link = build.DashboardLink(title).type(model.DashboardLinkType.DASHBOARDS).tags([TAG, folder.slug])
        return link.as_dropdown(True).keep_time(True)

    streets = wall.city.street_kind
    return [
        *(to("总览", "overview"), to("工单督办", "tickets"), list_of("专题", Folder.THEMES)),
        *(to(streets, "street"), to("系统自身", "system")),
    ]


class _Marks(model.AnnotationTarget, builder.Builder[model.AnnotationTarget]):
    """What an annotation asks, as Grafana keeps it for a source like ours."""

    def __init__(self, flux: Flux) -> None:
        super().__init__()
        self._question = Query(flux, "Anno")

    def build(self) -> model.AnnotationTarget:
        return self

    def to_json(self) -> dict[str, object]:
        return self._question.to_json()


def _annotations(wall: Wall) -> list[builder.Builder[model.AnnotationQuery]]:
    store = wall.store
    incidents = store.lately(Measurement.INCIDENT, {"nature": "hazard"}).fields_as_columns().group()
    told = incidents.map(time="r._time", title="r.title", text="r.area").keep(
        "time", "title", "text", "peak", "exercise"
    )
    packs = store.points(Measurement.RULES).fields_as_columns().group()
    named = packs.map(time="r._time", title='"规则发布 " + r.pack', text='"版本 " + r.version')
    return [
        _annotation("红色事件", told.then("filter(fn: (r) => r.peak == 4 and r.exercise == 0)"), palette.BAD),
        _annotation("演练", told.then("filter(fn: (r) => r.exercise == 1)"), palette.BLIND),
        _annotation("规则发布", named.keep("time", "title", "text"), "#5aa9e6"),
    ]


def _annotation(name: str, question: Flux, colour: str) -> build.AnnotationQuery:
    found = build.AnnotationQuery().name(name).datasource(REF).enable(True).icon_color(colour)
    return found.target(_Marks(question))
