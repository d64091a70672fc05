"""The folder of secrets: all that docker-compose.yml asks for. What is there already stays as it is."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from city.errors import SettingError
from ingest.registry import Registry
from qianshao.secrets.accounts import HEALTH, INGEST, SIMULATOR, acl, read_accounts, write_accounts
from qianshao.secrets.certificates import Pair, new_authority, new_server
from qianshao.secrets.passwords import is_hash_of, new_hash, new_password

OWN_HOSTS = ("mosquitto", "localhost", "127.0.0.1")
"""What the broker is called by the program, and by its own health check."""
ONE_LINE = ("postgres-password", "influxdb-password", "influxdb-token", "grafana-password", "grafana-secret-key")
NOBODY, OWNER, EVERYBODY = 0o700, 0o600, 0o444
"""Other users of the machine stop at the folder. Users inside the containers, who have other numbers, see the files."""


@dataclass(frozen=True)
class Wishes:
    """`hosts`: further names and addresses by which devices call the broker. `devices`: who gets a new password;
    `all_devices`: whoever has none. `simulate`: there shall be a user who speaks for all devices."""

    hosts: Sequence[str] = ()
    simulate: bool = False
    devices: Sequence[str] = ()
    all_devices: bool = False


@dataclass
class Outcome:
    """What was done, a line each; and new passwords of devices, which are nowhere else in plain text."""

    done: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)


class Folder:
    """Files below `path`. A file is made whole or not at all."""

    def __init__(self, path: Path, outcome: Outcome) -> None:
        self._path, self._outcome = path, outcome
        (path / "mosquitto").mkdir(parents=True, exist_ok=True)
        path.chmod(NOBODY)
        (path / "mosquitto").chmod(0o755)

    def read(self, name: str) -> str:
        """Its text; empty where there is none."""
        file = self._path / name
        return file.read_text() if file.exists() else ""

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    def keep_or_make(self, name: str, make: Callable[[], str]) -> str:
        """The text of a file, made if there is none."""
        if not self.has(name):
            self.write(name, make())
            self.tell(f"made {name}")
        return self.read(name)

    def tell(self, line: str) -> None:
        self._outcome.done.append(line)

    def write(self, name: str, text: str, mode: int = EVERYBODY) -> None:
        file = self._path / name
        draft = file.with_name(f".{file.name}.draft")
        draft.unlink(missing_ok=True)
        draft.touch(OWNER)
        draft.write_text(text)
        draft.chmod(mode)
        draft.rename(file)


def init_secrets(path: Path, registry: Registry, wishes: Wishes, now: datetime) -> Outcome:
    """Make what is missing. Raises SettingError for a device that is not in the registry."""
    _check_registered(registry, wishes.devices)
    outcome = Outcome()
    folder = Folder(path, outcome)
    folder.keep_or_make("installation", lambda: uuid4().hex)
    for name in ONE_LINE:
        folder.keep_or_make(name, new_password)
    _make_certificates(folder, wishes.hosts, now)
    own = _own_users(folder, wishes.simulate)
    _make_accounts(folder, registry, own, wishes, outcome)
    return outcome


def _check_registered(registry: Registry, devices: Iterable[str]) -> None:
    for device in devices:
        if device not in registry.row_of:
            remedy = "register it first; QIANSHAO_FLEET names the folder of the devices"
            raise SettingError("--device", f"{device!r} is not in the registry, or not in service", remedy)


def _make_certificates(folder: Folder, hosts: Sequence[str], now: datetime) -> None:
    """A certificate from elsewhere, with its key and its authority's certificate, may stand in the place of ours."""
    if folder.has("mosquitto/server.crt"):
        if hosts:
            folder.tell("mosquitto/server.crt is there, for other names maybe: remove it to have one made for these")
        return
    authority = _authority(folder, now)
    server = new_server(authority, [*OWN_HOSTS, *hosts], now)
    folder.write("mosquitto/server.key", server.key_pem.decode())
    folder.keep_or_make("mosquitto/server.crt", server.certificate_pem.decode)


def _authority(folder: Folder, now: datetime) -> Pair:
    if not folder.has("ca.key"):
        if folder.has("ca.crt"):  # which devices trust
            raise SettingError(
                "ca.key", "is not beside ca.crt", "bring it back, or remove ca.crt to begin a new authority"
            )
        authority = new_authority(now)
        folder.write("ca.key", authority.key_pem.decode(), OWNER)
        folder.write("ca.crt", authority.certificate_pem.decode())
    return Pair.of_pem(folder.read("ca.crt").encode(), folder.read("ca.key").encode())


def _own_users(folder: Folder, simulate: bool) -> dict[str, str]:
    """The program's own users of the broker, and their passwords."""
    password = folder.keep_or_make("mosquitto/health-password", new_password)
    influx = f'\n[influx]\ntoken = "{folder.read("influxdb-token")}"\n'
    users = {INGEST: _settings_of(folder, "qianshao.toml", INGEST, influx), HEALTH: password}
    if simulate or folder.has("simulate.toml"):
        users[SIMULATOR] = _settings_of(folder, "simulate.toml", SIMULATOR)
    return users


def _settings_of(folder: Folder, name: str, user: str, more: str = "") -> str:
    """The settings file of the processes that are this user; its password."""
    text = folder.keep_or_make(name, lambda: _settings(folder, user) + more)
    return str(tomllib.loads(text)["mqtt"]["password"])


def _settings(folder: Folder, user: str) -> str:
    return f"""\
database = "postgresql+pg8000://qianshao:{folder.read("postgres-password")}@postgres/qianshao"

[mqtt]
username = "{user}"
password = "{new_password()}"
"""


def _make_accounts(folder: Folder, registry: Registry, own: dict[str, str], wishes: Wishes, outcome: Outcome) -> None:
    """The broker's users: our own, and devices of the registry that have a password. Who left the registry is kept
    aside, so that a wrong registry costs nobody his password."""
    before = read_accounts(folder.read("mosquitto/passwords"))
    known = read_accounts(folder.read("left-passwords")) | before
    accounts = {user: _kept_or_new(known.pop(user, ""), password) for user, password in own.items()}
    for device in _to_get_a_password(registry, known, wishes):
        outcome.passwords[device] = new_password()
        known[device] = new_hash(outcome.passwords[device])
    accounts |= {user: stored for user, stored in known.items() if user in registry.row_of}
    left = {user: stored for user, stored in known.items() if user not in accounts}
    outcome.done += [f"{user} is not in the registry: no access" for user in left if user in before]
    folder.write("left-passwords", write_accounts(left), OWNER)
    folder.write("mosquitto/passwords", write_accounts(accounts))
    folder.write("mosquitto/acl", acl(registry, accounts))
    outcome.done.append(f"{len(accounts) - len(own)} of {len(registry.row_of)} devices may connect")


def _kept_or_new(stored: str, password: str) -> str:
    return stored if is_hash_of(stored, password) else new_hash(password)


def _to_get_a_password(registry: Registry, known: dict[str, str], wishes: Wishes) -> Iterator[str]:
    yield from wishes.devices
    if wishes.all_devices:
        yield from (device for device in registry.row_of if device not in known and device not in wishes.devices)
