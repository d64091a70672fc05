"""Everything that is set, in one object: defaults are the embedded profile, a TOML file and the environment override.

`QIANSHAO_MQTT__HOST=broker` sets `mqtt.host`; QIANSHAO_CONFIG names the file, `qianshao.toml` here if it is there.
"""

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from city.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
WEAK_PASSWORDS = {"", "admin", "password", "qianshao", "changeme", "guest", "123456"}


class Section(BaseModel):
    """Settings of one part. A name that is not among them is a mistake."""

    model_config = ConfigDict(extra="forbid")


class MqttSettings(Section):
    host: str = "127.0.0.1"
    port: int = 18830
    port_v311: int = Field(18831, description="embedded broker only: its MQTT 3.1.1 port; production has one port")
    version: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = None
    tls_ca: Path | None = None
    receive_maximum: int = Field(8192, ge=1, le=65535)


class IngestSettings(Section):
    name: str = "ingest-1"
    filters: tuple[str, ...] = Field(("citysafety/#",), min_length=1)
    linger_ms: float = Field(25.0, ge=0, le=1000)
    tick_s: float = Field(1.0, gt=0, le=10)
    station_host: str = Field("127.0.0.1", description="address at which stations of HJ 212 and SL 651 find us")
    hj212_port: int = Field(0, ge=0, le=65535, description="0: none")
    sl651_port: int = Field(0, ge=0, le=65535, description="0: none")
    stations: int = Field(512, ge=1, description="most connections of each of the two")
    stations_per_address: int = Field(64, ge=1, description="most of one address: behind a carrier's are many")


class DetectSettings(Section):
    name: str = "detect-1"
    checkpoint_s: float = Field(2.0, gt=0)


class KafkaSettings(Section):
    servers: str = "127.0.0.1:19092"
    shards: int = Field(4, ge=1, le=1024)
    replicas: int = Field(1, ge=1)
    session_s: float = Field(6.0, ge=6, description="seconds without a heartbeat after which a worker counts as gone")
    fetch_wait_ms: int = Field(25, ge=1, description="longest an idle fetch waits; 500 on Apache Kafka, see streams")


class WebSettings(Section):
    host: str = "127.0.0.1"
    port: int = 8088
    rules_may_change: bool = Field(False, description="by whoever reaches the page, which asks for no password")


class InfluxSettings(Section):
    """Where the series go. Without a URL there are none, and `qianshao series` is not among the processes of `up`."""

    url: str | None = None
    token: str | None = None
    org: str = "qianshao"
    bucket: str = Field("qianshao", description="of raw points; those of minutes and hours are named after it")
    raw_days: int = Field(30, ge=0, description="how long raw points are kept; 0: for ever")
    minute_days: int = Field(400, ge=0, description="how long those of minutes are kept; 0: for ever")
    timeout_s: float = Field(30.0, gt=0)


class ArchiveSettings(Section):
    """Where readings, ticks, alerts and incidents are kept as Parquet. Without a folder they are not."""

    folder: str = Field("archive", description="in `data`, unless it is a whole path; empty: no archive")
    days: int = Field(400, ge=0, description="how long readings are kept; 0: for ever")
    flush_s: float = Field(60.0, gt=0, description="longest that what was read waits to be written")


class GrafanaSettings(Section):
    """The Grafana that `qianshao dashboards` writes to, as an administrator of its organisation: by the token of a
    service account, or by name and password."""

    url: str | None = None
    token: str | None = None
    username: str | None = None
    password: str | None = None
    influx_url: str | None = Field(None, description="InfluxDB as Grafana reaches it, if not at influx.url")
    influx_token: str | None = Field(None, description="what Grafana reads with, if not influx.token")


class MetricsSettings(Section):
    """Where a process offers what it counts, for Prometheus. Under `up` each has a port of its own: the first of
    qianshao/system.py's METRICS_PORTS this one, the others those after it."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65_530, description="0: not offered")
    instance: str | None = Field(None, description="name of this process among those of its kind")


class TracingSettings(Section):
    """Where traces go: an OTLP/HTTP endpoint. Without one there are none."""

    endpoint: str | None = None
    share: float = Field(0.1, ge=0, le=1, description="of all batches and ticks, so many are traced")


class ClockSettings(Section):
    """Played time, as the play's file says it; until the play begins the clock stands."""

    file: Path | None = None


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="QIANSHAO_", env_nested_delimiter="__", toml_file=os.environ.get("QIANSHAO_CONFIG", "qianshao.toml")
    )

    profile: Literal["embedded", "production"] = "embedded"
    data: Path = Path("var")
    city: Path = ROOT / "city" / "packs" / "baoan"
    fleet: Path | None = Field(None, description="folder with devices, sites, parents to lay over the city's")
    rules: Path = ROOT / "rules" / "packs" / "baoan"
    database: str = ""
    embedded_log_mb: int = Field(2048, description="memory of the embedded log at which it is begun anew")
    ready: Path | None = Field(None, description="file to write once this process does its work")
    mqtt: MqttSettings = MqttSettings()
    ingest: IngestSettings = IngestSettings()
    detect: DetectSettings = DetectSettings()
    kafka: KafkaSettings = KafkaSettings()
    web: WebSettings = WebSettings()
    influx: InfluxSettings = InfluxSettings()
    archive: ArchiveSettings = ArchiveSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    clock: ClockSettings = ClockSettings()

    @property
    def archive_folder(self) -> Path | None:
        """Where the archive is; None where there is none."""
        return self.data.absolute() / self.archive.folder if self.archive.folder else None

    @model_validator(mode="after")
    def _default_database(self) -> "Settings":
        if not self.database:
            self.database = f"sqlite:///{self.data.absolute() / 'qianshao.db'}"
        return self

    @model_validator(mode="after")
    def _production_is_guarded(self) -> "Settings":
        """Outside the embedded profile, anonymous MQTT and default passwords refuse to start."""
        if self.profile == "embedded":
            return self
        if not self.mqtt.username or (self.mqtt.password or "") in WEAK_PASSWORDS:
            raise ValueError("production needs mqtt.username and an mqtt.password that is not a default")
        if self.mqtt.tls_ca is None and self.mqtt.host not in ("127.0.0.1", "localhost", "mosquitto"):
            raise ValueError("production needs mqtt.tls_ca: MQTT over a network goes by TLS")
        if self.database.startswith("sqlite"):
            raise ValueError("production needs a PostgreSQL database, e.g. postgresql+pg8000://user:pass@host/qianshao")
        password = self.database.partition("@")[0].rpartition(":")[2]
        if "@" not in self.database or password in WEAK_PASSWORDS:
            raise ValueError("production needs a database password that is not a default")
        if self.influx.url is not None and (self.influx.token or "") in WEAK_PASSWORDS:
            raise ValueError("production needs an influx.token that is not a default")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (a file of its own is one way too many)
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        named = os.environ.get("QIANSHAO_CONFIG")
        if named and not Path(named).is_file():
            raise SettingError("QIANSHAO_CONFIG", f"there is no file {named}", "name one that is there, or none")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls), file_secret_settings)

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {
            f"QIANSHAO_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }
