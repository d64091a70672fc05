"""The catalogue's units as people here read them."""

WORDS = {
    "1": "",
    "%": "%",
    "Cel": "°C",
    "cm": "厘米",
    "mm": "毫米",
    "m": "米",
    "min": "分钟",
    "s": "秒",
    "cm/(10.min)": "厘米/10分钟",
    "m/h": "米/小时",
    "mm/d": "毫米/天",
    "m/s": "米/秒",
    "m3/h": "立方米/小时",
    "deg": "度",
    "t": "吨",
    "V": "伏",
    "mA": "毫安",
    "kN": "千牛",
    "Pa": "帕",
    "hPa": "百帕",
    "kPa": "千帕",
    "MPa": "兆帕",
    "dB": "分贝",
    "dBm": "dBm",
    "mg/L": "毫克/升",
    "mg/m3": "毫克/立方米",
    "ug/m3": "微克/立方米",
    "%{LEL}": "%LEL",
    "{person}": "人",
    "{person}/min": "人/分钟",
    "{person}/m2": "人/平方米",
    "kbit/s": "千比特/秒",
    "1/s": "帧/秒",
    "[g]": "g",
    "[pH]": "",
}


def unit(written: str) -> str:
    """A unit for Grafana: the word behind the figure. One that has no word stays as it is written."""
    word = WORDS.get(written, written)
    return f"suffix: {word}" if word else "none"
