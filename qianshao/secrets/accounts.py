"""Users of the MQTT broker: its password file, and its access control list, from the registry. Pure."""

from collections.abc import Iterable, Mapping

from ingest.registry import TOPIC_ROOT, Registry

INGEST, SIMULATOR, HEALTH = "_ingest", "_simulator", "_health"
"""The program's own. No device id may begin so (docs/mqtt.md)."""
MAY = {
    INGEST: f"topic read {TOPIC_ROOT}/#",
    SIMULATOR: f"topic write {TOPIC_ROOT}/#",
    HEALTH: "topic read $SYS/broker/#",
}
HEAD = """\
# Made by `qianshao init-secrets` from the registry: who may do what. Who is not named here may do nothing.
# A device speaks for itself alone, under the district, street and class where it is registered, and hears nothing.
"""


def read_accounts(text: str) -> dict[str, str]:
    """User to hash, from a password file."""
    return dict(line.split(":", 1) for line in text.splitlines() if line)


def write_accounts(accounts: Mapping[str, str]) -> str:
    """As a password file."""
    return "".join(f"{user}:{stored}\n" for user, stored in accounts.items())


def acl(registry: Registry, users: Iterable[str]) -> str:
    """The access control list for users: the program's own, and devices of the registry."""
    return "\n".join([HEAD, *(f"user {user}\n{MAY.get(user) or _own_topics(registry, user)}\n" for user in users)])


def _own_topics(registry: Registry, device: str) -> str:
    """`+` for up, hb, evt and will: what a device sends under another word it shall find among the dead letters."""
    return f"topic write {registry.topic_prefix[registry.row_of[device]].decode()}{device}/+"
