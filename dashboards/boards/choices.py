"""Variables: what a person chooses above a board."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from city.series import SAID, Measurement
from dashboards.boards.frame import Wall
from dashboards.flux import Flux, Like, Where
from dashboards.source import REF

SITE = {"site": "${site}"}
DEVICE = {"device": Like("${device}")}
FIRST_DEVICES = 12
"""So many at once can still be told apart; a bridge has hundreds."""


def listed(name: str, label: str, options: dict[str, str]) -> build.CustomVariable:
    """A variable with fixed values: value to word."""
    options_text = ",".join(f"{_plain(word)} : {_plain(value)}" for value, word in options.items())
    first, word = next(iter(options.items()), ("", ""))  # a class may have no areas yet
    current = model.VariableOption(selected=True, text=word, value=first)
    return build.CustomVariable(name).label(label).values(options_text).current(current).multi(False).include_all(False)


def asked(
    name: str, label: str, question: Flux, sort: model.VariableSort = model.VariableSort.ALPHABETICAL_ASC
) -> build.QueryVariable:
    """A variable whose values are asked for: rows of one column `_value`, each `word|value`."""
    variable = build.QueryVariable(name).label(label).datasource(REF).query({"query": str(question), "refId": "A"})
    variable.regex("/(?<text>[^|]+)\\|(?<value>.+)/").refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(sort).multi(False).include_all(False)


def street(wall: Wall) -> build.CustomVariable:
    """A variable `street`."""
    return listed("street", wall.city.street_kind, {unit.code: unit.name for unit in wall.city.streets})


def site(wall: Wall, where: Where) -> build.QueryVariable:
    """A variable `site`: the sites that this holds of."""
    sites = wall.store.told(Measurement.SITE, ("name",), ("site",), where)
    return asked("site", "点位", sites.map(_value='r.name + "|" + r.site').keep("_value"))


def device(wall: Wall) -> build.QueryVariable:
    """A variable `device`, a pattern: the first of those that speak at the chosen site together, or one of them."""
    spoken = wall.store.lately(SAID, SITE).keep("device").group().then('distinct(column: "device")')
    first = f'devices |> limit(n: {FIRST_DEVICES}) |> findColumn(fn: (key) => true, column: "_value")'
    before = [
        f"devices = {spoken.body}",
        f"first = {first}",
        f'all = "前 {FIRST_DEVICES} 台|(" + strings.joinStr(arr: first, v: "|") + ")"',
        "together = array.from(rows: [{order: 0, _value: all}])",
        'each = devices |> map(fn: (r) => ({order: 1, _value: r._value + "|" + r._value}))',
    ]
    options = Flux("union(tables: [together, each])").using("array", "strings", *spoken.imports)
    options = options.using(before=[*spoken.before, *before]).then('sort(columns: ["order", "_value"])')
    return asked("device", "设备", options.keep("_value"), model.VariableSort.DISABLED)


def _plain(text: str) -> str:
    """Without what separates options."""
    return text.replace(",", "，").replace(":", "：")
