"""Frames with anything in them: does a decoder ever fail in another way than by saying why?

    python bench/fuzz_frames.py                # a million frames
    python bench/fuzz_frames.py --quick

Three in four are frames of a station in which bytes were changed, doubled or cut out and the length and checksum put
right again, so that the decoders behind them are reached; the others are any bytes. They go through the splitter, the
decoder and the intake, as from a socket. `failed` counts what ended in any other way than readings or a reason, `lost`
what left neither; `pending_bytes` is the most that a splitter kept.
"""

import random
import time
from collections import Counter

from bench.parts.common import options, show
from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.tables import read_city, shipped_pack
from ingest.adapters.hj212 import HJ212
from ingest.adapters.sl651 import SL651
from ingest.adapters.wire import Splitter, UnreadableError, WireProtocol
from ingest.dead_letters import Reason
from ingest.intake import Intake
from ingest.stations import Stations
from simulators.wire import hj212, sl651

FRAMES, QUICK = 500_000, 20_000
"""Of each protocol."""
NOW_MS = 1_746_510_130_000
TYPES = ("river-level", "water-quality")


def _city() -> City:
    wanted = FleetRequest(telemetry=dict.fromkeys(TYPES, 1), addresses=True)
    return generate_fleet(read_city(shipped_pack("baoan")), wanted, seed=1)


def _seeds(protocol: WireProtocol, city: City) -> list[bytes]:
    """Sound frames of a station of ours."""
    address = {device.type: device.address or "" for device in city.devices.values()}
    if protocol is HJ212:
        values = {"w21003": 1.25, "w01001": 7.1, "w01009": 6.3}
        return [
            hj212.packet(address["water-quality"], values, NOW_MS, command=command, flags={"w01001": flag})
            for command in ("2011", "2051", "2061", "2031")
            for flag in "NDT"
        ]
    station, elements = address["river-level"], sl651.element(0x39, 3.42) + sl651.element(0x38, 12.6)
    return [
        sl651.packet(station, sl651.LINK, NOW_MS),
        sl651.packet(station, sl651.UNIFORM, NOW_MS, sl651.uniform(0x39, [3.1] * 12)),
        *(sl651.packet(station, function, NOW_MS, elements) for function in range(sl651.TEST, sl651.MANUAL + 1)),
        sl651.packet(station, sl651.HOURLY, NOW_MS, b"\xf4\x60" + bytes(range(12)) + elements),
    ]


def _spoilt(protocol: WireProtocol, frame: bytes, rng: random.Random) -> bytes:
    """A frame with other bytes in its text, and the right length and checksum."""
    text = bytearray(frame[6:-6] if protocol is HJ212 else frame[14:-3])
    for _ in range(rng.randint(1, 4)):
        begin = rng.randrange(len(text) + 1)
        end = min(len(text), begin + rng.choice((0, 1, 1, 2, 5)))
        text[begin:end] = rng.choice((rng.randbytes(end - begin), b"", text[begin:end] * 2, b"\xff", b";", b"="))
    if protocol is HJ212:
        data = bytes(text).replace(b"\r\n", b"")
        return f"##{len(data):04}".encode() + data + f"{hj212.crc(data):04X}\r\n".encode()
    function = rng.choice((frame[10], rng.randrange(256)))
    return sl651.framed(frame[3:8].hex(), function, bytes(text), rng.choice((0x03, 0x17)))


def fuzz(protocol: WireProtocol, frames: int, rng: random.Random) -> Counter[str]:
    """How many frames ended how."""
    city = _city()
    seeds, intake, splitter = _seeds(protocol, city), Intake(city, 4, "fuzz"), Splitter(protocol.cut)
    stations, counts = Stations(intake), Counter[str]()
    for name in ("read", "refused", "broken", "failed", "lost", "pending_bytes"):
        counts[name] = 0
    for number in range(frames):
        sound = number % 4
        sent = _spoilt(protocol, rng.choice(seeds), rng) if sound else rng.randbytes(rng.randint(1, 60))
        pieces = splitter.feed(sent)
        counts["pending_bytes"] = max(counts["pending_bytes"], len(splitter._pending))
        for piece in pieces:
            stations.accept(protocol, piece, "10.0.0.5:40122", NOW_MS)
            counts["failed"] += any(letter.reason is Reason.POISON for letter in intake.letters)
            counts["lost"] += not intake.letters and not intake.buffers.size
            counts[_ending(protocol, piece.data) if piece.wrong is None else "broken"] += 1
            intake.letters.clear()
            intake.buffers.cut()
    return counts


def _ending(protocol: WireProtocol, frame: bytes) -> str:
    try:
        protocol.read(frame)
    except UnreadableError:
        return "refused"
    return "read"


def main() -> None:
    arguments = options(__doc__).parse_args()
    frames = QUICK if arguments.quick else FRAMES
    figures: dict[str, dict[str, float]] = {}
    for protocol in (HJ212, SL651):
        began_s = time.perf_counter()
        counts = fuzz(protocol, frames, random.Random(1))
        figures[protocol.name] = {"frames": frames, **counts, "seconds": round(time.perf_counter() - began_s, 1)}
    show("fuzz_frames", **figures)


if __name__ == "__main__":
    main()
