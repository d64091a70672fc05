"""Video points (视频点) and what records them: health beats, never a picture.

A beat every 60 s and three missed are the defaults that wvp-GB28181-pro has (domain notes 3.3).
"""

from collections.abc import Iterator

from simulators.fleets.surroundings import Surroundings, Voice, every
from simulators.message import Body, Message
from simulators.words import Span

CLASS_OF_TYPE = {"ipc-class1": 1, "ipc-class2": 2}
MISSED_BEATS_MS = 180_000


def camera(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Health beats of a video point, as its platform tells them."""
    same: Body = {
        "class": CLASS_OF_TYPE.get(voice.device.type, 2),
        "status": "OK",
        "online": True,
        "stream_ok": True,
        "no_signal": False,
        "black": False,
        "frozen": False,
        "occluded": False,
        "fps": 25,
        "rec_ok": True,
    }
    if voice.device.platform is not None:
        same["platform_id"] = voice.device.platform
    rng, clock_s = voice.rng, 2 * voice.rng.random() - 1
    for now_ms in every(around.span, voice.phase_ms, voice.interval_ms):
        body = voice.head(now_ms) | same
        body["bitrate_kbps"] = round(3500 + 1000 * rng.random())
        body["loss_pct"] = round(0.08 * rng.random() ** 2, 3)
        body["rec_integrity_pct"] = 99.9
        body["clock_offset_s"] = round(clock_s, 1)
        yield voice.message("hb", now_ms, body)


def gateway_beats(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Beats of a gateway or NVR of its own. It names the channels that it has not heard for three beats."""
    children = around.dark.get(voice.device.id, [])
    for now_ms in every(around.span, voice.phase_ms, voice.interval_ms):
        body = voice.head(now_ms)
        if children:
            faulty = [child for child, spans in children if any(_missed(span, now_ms) for span in spans)]
            if faulty:
                body["faulty_children"] = faulty
        yield voice.message("hb", now_ms, body)


def platform_beats(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Keepalives of a video platform, GB/T 28181 in JSON. It says nothing of its points: they speak themselves."""
    for now_ms in every(around.span, voice.phase_ms, voice.interval_ms):
        number = voice.head(now_ms)["seq"]
        body = {"CmdType": "Keepalive", "SN": number, "DeviceID": voice.device.address, "Status": "OK"}
        yield voice.message("hb", now_ms, body)


def _missed(span: Span, now_ms: int) -> bool:
    return span.start_ms + MISSED_BEATS_MS <= now_ms < span.end_ms
