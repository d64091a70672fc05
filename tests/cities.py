"""A city small enough to hold in one's head: one street, two areas, and as many devices as a test asks for."""

from city.catalogue import Catalogue, DeviceType, Domain, Indicator, RiskClass
from city.city import City, by_id
from city.registry import AdminUnit, Area, Device, Grid, Parent, ParentKind, Site, Zone

WATER_DEPTH, BEAT, REGISTERED, QUEUE = 1001, 1, 1003, 1002

CATALOGUE = Catalogue(
    domains=[Domain(slug="natural", name="自然灾害")],
    classes=[
        RiskClass(code="R01", slug="waterlogging", name="积水", domain="natural", lead="水务", ticket_category="积水"),
        RiskClass(code="R15", slug="video", name="视频", domain="natural", lead="公安", ticket_category="设施"),
    ],
    device_types=[
        DeviceType(slug="gauge", name="水尺", feed="waterlogging", interval_s=60),
        DeviceType(slug="camera", name="摄像机", feed="video", interval_s=60),
    ],
    indicators=[
        Indicator(number=BEAT, risk_class="common", id="beat", name="心跳", unit="1", valid_min=0, valid_max=1),
        Indicator(
            number=WATER_DEPTH,
            risk_class="waterlogging",
            id="water_depth",
            name="积水深度",
            unit="cm",
            valid_min=-2,
            valid_max=300,
            max_step_per_min=15,
        ),
        Indicator(
            number=QUEUE, risk_class="waterlogging", id="queue", name="排队", unit="1", valid_min=0, valid_max=999
        ),
        Indicator(
            number=REGISTERED, risk_class="video", id="registered", name="注册", unit="1", valid_min=0, valid_max=1
        ),
    ],
)


def small_city(devices: list[Device], parents: list[Parent] | None = None) -> City:
    """A city with these devices, standing at sites `S-W` (waterlogging) and `S-V` (video)."""
    here = {"lat": 22.5, "lon": 113.9}
    return City(
        id="small",
        name="小城",
        time_zone="Asia/Shanghai",
        admin_kinds=("区", "街道", "社区"),
        grid_pattern=r"\d+",
        catalogue=CATALOGUE,
        admin=by_id(
            [
                AdminUnit(code="1", name="区", kind="区"),
                AdminUnit(code="11", name="街道", kind="街道", parent="1"),
                AdminUnit(code="111", name="社区", kind="社区", parent="11"),
            ],
            "code",
        ),
        grids=by_id([Grid(code="1111", name="网格", parent="111")], "code"),
        zones=by_id([Zone(id="Z", name="片区")]),
        areas=by_id(
            [
                Area(id="A-W", name="低洼", risk_class="waterlogging", admin="11", zone="Z", **here),
                Area(id="A-V", name="视频区", risk_class="video", admin="11", zone="Z", **here),
            ]
        ),
        sites=by_id(
            [
                Site(id="S-W", name="点位", area="A-W", grid="1111", **here),
                Site(id="S-V", name="机位", area="A-V", grid="1111", **here),
            ]
        ),
        parents=by_id(parents or []),
        devices=by_id(devices),
        units={},
        officers={},
        contacts={},
    )


def gauges(n: int, first: int = 1, **common: str) -> list[Device]:
    return [Device(number=i, id=f"G{i}", type="gauge", site="S-W", **common) for i in range(first, first + n)]


def cameras(n: int, first: int = 101, **common: str) -> list[Device]:
    return [Device(number=i, id=f"C{i}", type="camera", site="S-V", **common) for i in range(first, first + n)]


def gateway(parent_id: str = "GW", kind: ParentKind = ParentKind.GATEWAY) -> Parent:
    return Parent(id=parent_id, kind=kind, name=parent_id, admin="11")
