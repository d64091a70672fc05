"""The wall's boards, and the Grafana that shows them, as the settings have it."""

from city.city import City
from city.errors import SettingError
from city.series import Buckets
from dashboards.boards.frame import Board
from dashboards.grafana import Grafana
from dashboards.lint import lint
from dashboards.store import Store
from dashboards.sync import InfluxSource, Sync
from dashboards.wall import boards
from qianshao.city_files import load_city
from qianshao.settings import Settings


def boards_of(settings: Settings) -> tuple[City, list[Board]]:
    """Raises SettingError where a board is not as it must be."""
    city, influx = load_city(settings), settings.influx
    found = boards(city, Store(Buckets.named(influx.bucket), influx.raw_days, influx.minute_days))
    if problems := lint(found):
        raise SettingError("city", "; ".join(problems), "mend the tables, or report it")
    return city, found


def grafana_of(settings: Settings) -> Grafana:
    """Raises SettingError where none is named."""
    grafana = settings.grafana
    if grafana.url is None:
        raise SettingError("grafana.url", "no Grafana is named", "name one, e.g. http://grafana:3000, with its token")
    login = (grafana.username, grafana.password) if grafana.username and grafana.password else None
    return Grafana(grafana.url, grafana.token, login)


def sync_of(settings: Settings, grafana: Grafana) -> Sync:
    """What keeps a Grafana like the code. Raises SettingError."""
    city, found = boards_of(settings)
    return Sync(grafana, city, found, source_of(settings))


def source_of(settings: Settings, token: str | None = None) -> InfluxSource:
    """InfluxDB as Grafana reaches it; `token`: what stands for its token. Raises SettingError where none is named."""
    grafana, influx = settings.grafana, settings.influx
    url = grafana.influx_url or influx.url
    if url is None:
        raise SettingError("influx.url", "no InfluxDB is named", "name the one that boards are to ask")
    return InfluxSource(url, token or grafana.influx_token or influx.token or "", influx.org, influx.bucket)
