"""`qianshao up`: the whole system on one machine until it is told to stop."""

import signal
import time
from types import FrameType

import typer

from qianshao.settings import Settings
from qianshao.system import LOOK_EVERY_S, System


def run_up(settings: Settings) -> None:
    """Start everything, watch over it, and on Ctrl-C or SIGTERM drain and stop it. Raises Unavailable."""
    stop = StopFlag()
    system = System(settings)
    try:
        system.start()
        typer.echo(f"page  http://{settings.web.host}:{settings.web.port}")
        typer.echo(f"MQTT  {settings.mqtt.host}:{settings.mqtt.port}   Ctrl-C drains and stops")
        while not stop.asked:
            time.sleep(LOOK_EVERY_S)
            system.look()
    finally:
        typer.echo("draining")
        system.stop()


class StopFlag:
    """Set by Ctrl-C or SIGTERM; a second Ctrl-C interrupts what is going on."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
