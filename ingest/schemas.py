"""The contract's JSON Schemas, made from its structs: `python -m ingest.schemas docs/schemas` writes them.

They describe what a device should send. What reaches us is judged more kindly: fields that are not in a schema are
dropped, unless they mean a person (docs/mqtt.md).
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from ingest.contract import FEEDS, Gateway, Message, Will

DIALECT = "https://json-schema.org/draft/2020-12/schema"

KINDS: dict[str, tuple[type[Message | Will], str]] = {
    "waterlogging": (FEEDS["waterlogging"], "积水与雨量 Waterlogging"),
    "sentry": (FEEDS["sentry"], "电子哨兵 Electronic sentry"),
    "video": (FEEDS["video"], "视频点 Video point"),
    "telemetry": (FEEDS["telemetry"], "监测站 Monitoring station"),
    "signal": (FEEDS["signal"], "上级信号 Upstream signal"),
    "report": (FEEDS["report"], "群众上报 Citizen report"),
    "gateway": (Gateway, "网关 Gateway"),
    "will": (Will, "遗嘱 Last will"),
}
"""What each file describes, by the file's name, and its title."""

FIELDS: dict[str, tuple[str, str]] = {
    "v": ("版本", "version of this contract"),
    "device_id": ("设备编号", "as registered; the one in the topic"),
    "seq": ("序号", "the device's own count of messages, rising by one; it may begin anew at 0"),
    "ts": ("时间", "when it was measured; in a will, when the device had connected"),
    "site_id": ("点位编号", "for people; where the device stands, the registry knows"),
    "report": ("报类", "why it was sent; backfill 补传, test 测试 and exercise 演练 judge nothing"),
    "depth_cm": ("积水深度", "cm"),
    "raw_mm": ("原始读数", "mm; with ref_mm it proves the unit of depth_cm"),
    "ref_mm": ("基准读数", "mm; raw_mm on a dry road"),
    "rain_tip_mm": ("翻斗雨量", "mm since the message before"),
    "rain_acc_mm": ("累计雨量", "mm; a running total that does not begin anew with the day"),
    "batt_v": ("电源电压", "V"),
    "solar_v": ("太阳能板电压", "V"),
    "rssi_dbm": ("信号强度", "dBm, negative"),
    "temp_c": ("设备温度", "°C, of the device"),
    "immersed": ("浸水", "1: the device stands in water"),
    "flags": ("标志", "free words of the firmware; kept nowhere"),
    "kind": ("事件类型", "what the message tells: a passage, a refusal, the door, an alarm, statistics, a beat"),
    "lane": ("通道", "number of the lane; kept nowhere, since each lane is a device"),
    "dir": ("方向", "in or out; kept nowhere"),
    "result": ("核验结果", "of one passage, without saying whose; kept nowhere"),
    "method": ("核验方式", "what was shown, without saying by whom; kept nowhere"),
    "latency_ms": ("核验时延", "ms; of one passage, in a stat message the 95th percentile"),
    "queue_len": ("排队人数", "persons waiting; a count"),
    "pass_1m": ("通行速率", "passages in the last minute"),
    "deny_1m": ("拒绝速率", "refusals in the last minute"),
    "door_state": ("门状态", "open or closed"),
    "alarm": ("报警", "forced 强行闯入, tamper 防拆, fire 消防联动, held_open 门长开; in a beat: the one that stands"),
    "mode": ("运行模式", "online; offline_local: decides by itself; free: lets everybody pass"),
    "fw": ("固件版本", "kept nowhere"),
    "uptime_s": ("运行时长", "s since the last restart"),
    "event": ("事件", "beat 心跳, or register 注册"),
    "status": ("状态", "as in a GB/T 28181 Keepalive"),
    "class": ("视频点类别", "1: 一类, 2: 二类; the registry knows it, so it is kept nowhere"),
    "platform_id": ("平台编号", "20 digits of GB/T 28181; kept nowhere, the registry knows the platform"),
    "online": ("在线", "whether the platform reaches the point"),
    "stream_ok": ("取流正常", "whether a stream could be fetched"),
    "no_signal": ("信号丢失", "the picture is lost"),
    "black": ("黑屏", "the picture is black"),
    "frozen": ("画面冻结", "the picture stands still"),
    "occluded": ("遮挡", "the picture is covered, or the camera was moved"),
    "fps": ("帧率", "pictures a second"),
    "bitrate_kbps": ("码率", "kbit/s"),
    "loss_pct": ("丢包率", "%"),
    "rec_ok": ("录像正常", "whether it is being recorded"),
    "rec_integrity_pct": ("录像完整率", "%, of the last day"),
    "clock_offset_s": ("时钟偏差", "s between the point's clock and its platform's; its size is judged"),
    "faulty_children": ("故障子设备", "device ids of points below this platform that it reports as faulty"),
    "values": (
        "测值",
        "indicators (指标) that the device's type measures, in their units; true and false count as 1 and 0",
    ),
    "type": ("报文类型", "alert 发布, update 更新, cancel 解除, heartbeat 心跳"),
    "id": ("编号", "of the warning, as its sender numbers it; kept nowhere"),
    "sender": ("发布单位", "whose warning it is; one of signals.yaml, where that names any"),
    "hazard": ("灾种", "code or name of what is warned of, one of signals.yaml"),
    "level": ("级别", "colour or grade, one that signals.yaml has for this hazard"),
    "places": ("地点", "administrative codes (区划代码), or ids of monitoring areas"),
    "expires": ("失效时间", "when the warning ends; without it, after what signals.yaml says"),
    "references": ("引用", "what it changes or takes back: id, and when that was sent (ts)"),
    "category": ("类别", "what was seen, one of signals.yaml"),
    "lat": ("纬度", "degrees, WGS-84"),
    "lon": ("经度", "degrees, WGS-84"),
    "messages": ("报文", "messages of the devices behind the gateway, in the order in which it got them"),
}
"""What each field means: its Chinese name, and its unit or what there is to know."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a kind of message."""
    kind, title = KINDS[name]
    parts: dict[str, Any] = msgspec.json.schema(kind)["$defs"]
    made: dict[str, Any] = parts.pop(kind.__name__)
    properties = {
        field: _described(field, made["properties"][field]) for field in FIELDS if field in made["properties"]
    }
    if kind is Gateway:
        properties["messages"]["items"] = {"anyOf": [{"$ref": f"{feed}.json"} for feed in FEEDS if feed != name]}
    about = " ".join(made["description"].split())
    beside = {"$defs": parts} if parts else {}
    return {"$schema": DIALECT, "$id": f"{name}.json", **made, "title": title, "description": about} | {
        "properties": properties,
        **beside,
    }


def _described(field: str, what: dict[str, Any]) -> dict[str, Any]:
    title, about = FIELDS[field]
    return {"title": title, "description": about, **{key: value for key, value in what.items() if key != "description"}}


def texts() -> dict[str, str]:
    """Every schema as the text of its file, by the file's name."""
    return {f"{name}.json": json.dumps(schema(name), ensure_ascii=False, indent=2) + "\n" for name in KINDS}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
