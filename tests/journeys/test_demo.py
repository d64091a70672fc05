"""The demo, as it is typed: on embedded brokers, with every process, to the end."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.environment import plain_environment
from tests.servers.places import HOST, free_port
from tests.waiting import until

WAIT_S = 120.0
OVER = "页面仍在"
SHORT = ("--for", "15")


def test_without_a_terminal_it_ends_by_itself_with_its_account_in_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [*command(tmp_path, *SHORT), "--json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["messages_published"] > 0 and said["lost"] == 0
    assert (said["caught"], said["missed"], said["false"]) == (said["expected"], 0, 0)
    assert said["tickets"] == said["incidents"] == said["expected"] > 0


def test_after_the_play_the_page_stays_says_so_and_calls_nothing_that_ended_with_it_a_failure(tmp_path: Path) -> None:
    port = free_port()
    with playing(tmp_path, port, *SHORT) as demo:
        until(lambda: OVER in (tmp_path / "said").read_text(errors="replace"), WAIT_S, "the play is over")
        state = page_of(port)
        assert state["over"] and not state["alarms"]
        assert state["counts"]["shards_dark"] == 0 and state["counts"]["tickets_open"] > 0
        assert "与本页一致" in rules_of(port), "the rules shown are those that judged"
        assert list(demo_processes(tmp_path)) == ["web"]
        demo.send_signal(signal.SIGINT)
        assert demo.wait(WAIT_S) == 0
    assert not list(demo_processes(tmp_path))


def test_a_play_that_is_broken_off_is_drained_and_not_scored(tmp_path: Path) -> None:
    port = free_port()
    with playing(tmp_path, port, "--speed", "60") as demo:
        until(lambda: judged(port), WAIT_S, "readings are judged")
        demo.send_signal(signal.SIGINT)
        assert demo.wait(WAIT_S) == 0  # else something was lost
    said = (tmp_path / "said").read_text()
    assert "不评分" in said and "missed" not in said
    assert not list(demo_processes(tmp_path))


def command(folder: Path, *pace: str) -> list[str]:
    """Sentries whose back end is down."""
    return [sys.executable, "-m", "qianshao", "demo", "--scenario", "s06", "--data", str(folder / "data"), *pace]


def environment(page_port: int | None = None) -> dict[str, str]:
    return plain_environment() | {"QIANSHAO_WEB__PORT": str(page_port or free_port())}


@contextmanager
def playing(folder: Path, page_port: int, *pace: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "said").open("wb") as said:
        demo = subprocess.Popen(
            command(folder, *pace), cwd=folder, env=environment(page_port), stdout=said, stderr=said
        )
    try:
        yield demo
    finally:
        demo.terminate()  # takes its processes with it
        demo.wait(WAIT_S)


def page_of(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{HOST}:{port}/api/state", timeout=WAIT_S) as answer:
        state: dict[str, Any] = json.load(answer)
        return state


def rules_of(port: int) -> str:
    """The page of the rules."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/rules", timeout=WAIT_S) as answer:
        html: str = answer.read().decode()
        return html


def judged(port: int) -> int:
    """Readings so far, by what the page says."""
    try:
        return sum(sum(shard["outcomes"].values()) for shard in page_of(port)["shards"])
    except OSError:
        return 0  # it is not up yet


def demo_processes(folder: Path) -> Iterator[str]:
    """Commands of the processes of ours that run on a demo's data."""
    mine = f"QIANSHAO_DATA={folder / 'data'}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ, words = (process / "environ").read_bytes(), (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or is not ours to read
        if mine in environ.split(b"\0") and b"qianshao" in words:
            yield words[words.index(b"qianshao") + 1].decode()
