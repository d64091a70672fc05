"""A station that speaks to a port, and shows what it says and hears.

    python -m simulators.wire sl651 127.0.0.1:6510 0012345678 39=3.42 38=12.6 26=812.6
    python -m simulators.wire hj212 127.0.0.1:2120 010000A8900016F000169DC0 w21003=1.2 w01001=7.1 --every 60

Codes are the protocol's own: elements in hexadecimal digits, factors. Without codes SL 651 sends a link report (2F).
Exit code 1 where an answer fails to come.
"""

import argparse
import asyncio
import sys
import time

from simulators.wire import hj212, sl651

ANSWER_WITHIN_S = 10.0


def frame(protocol: str, station: str, values: dict[str, float], now_ms: int, serial: int) -> bytes:
    """What a station says now. KeyError, ValueError: of no form that is known."""
    if protocol == "hj212":
        return hj212.packet(station, values, now_ms)
    elements = b"".join(sl651.element(int(code, 16), value) for code, value in values.items())
    return sl651.packet(station, sl651.TIMED if values else sl651.LINK, now_ms, elements, serial)


async def speak(arguments: argparse.Namespace) -> bool:
    """Whether every frame was answered."""
    host, _, port = arguments.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    values = {code: float(value) for code, _, value in (pair.partition("=") for pair in arguments.values)}
    serial = 0
    while True:
        serial = serial % 65535 + 1
        sent = frame(arguments.protocol, arguments.station, values, round(time.time() * 1000), serial)
        print("sent    ", _shown(arguments.protocol, sent), flush=True)
        writer.write(sent)
        try:
            answer = await asyncio.wait_for(reader.read(4096), ANSWER_WITHIN_S)
        except TimeoutError:
            answer = b""
        print("answered", _shown(arguments.protocol, answer) or "nothing", flush=True)
        if not answer or not arguments.every:
            writer.close()
            return bool(answer)
        await asyncio.sleep(arguments.every)


def _shown(protocol: str, data: bytes) -> str:
    return data.decode("ascii", "replace").strip() if protocol == "hj212" else data.hex().upper()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=["hj212", "sl651"])
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("station", help="its address in the registry")
    parser.add_argument("values", nargs="*", metavar="CODE=VALUE")
    parser.add_argument("--every", type=float, default=0, metavar="SECONDS", help="go on, so often; otherwise once")
    sys.exit(0 if asyncio.run(speak(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
