"""The data source of all boards, and a question to it as Grafana keeps it."""

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from dashboards.flux import Flux

UID, TYPE, NAME = "qianshao-influxdb", "influxdb", "前哨时序库"
REF = DataSourceRef(type_val=TYPE, uid=UID)


class Query(variants.Dataquery, builder.Builder[variants.Dataquery]):
    """A question in Flux. `ref`: A, B, and so on, as a panel counts them."""

    def __init__(self, flux: Flux, ref: str) -> None:
        self.flux, self.ref = flux, ref

    def build(self) -> "Query":
        return self

    def to_json(self) -> dict[str, object]:
        return {"refId": self.ref, "query": str(self.flux), "datasource": REF.to_json()}
