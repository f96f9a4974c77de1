"""A study on a real PostgreSQL server, which the test starts where one is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from explore_work import Toy

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.explore.objectives import KNOWN
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import SearchOptions, read_study

pytest.importorskip("optuna", reason="optuna, the extra explore, is not installed")
pytest.importorskip("psycopg", reason="psycopg, the driver of the extra postgresql, is not installed")
pytestmark = pytest.mark.slow
ACCOUNT = "nobody"
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))), None
    )
    if found is None:
        pytest.skip(f"no PostgreSQL server is installed: there is no {name}")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    initdb, postgres = _program("initdb"), _program("postgres")
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="fsq_postgres_"))  # a path that another account may pass, and short
    data, port = folder / "data", _free_port()
    account: dict[str, object] = {}
    if os.getuid() == 0:
        import pwd

        user = pwd.getpwnam(ACCOUNT)
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
        "env": {"LC_ALL": "C"},
    }
    made = [initdb, "-D", str(data), "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(made, check=True, **quiet, **account)  # type: ignore[call-overload]
    command = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    server = subprocess.Popen(command, **quiet, **account)  # type: ignore[call-overload]
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, "the server ended"
            time.sleep(0.05)
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def start(url: str, trials: int, wait: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("explore_work.py")), url, str(trials), str(wait)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)})


def test_processes_share_a_server_and_one_may_be_killed(url: str) -> None:
    first = search(Toy(), SearchOptions(url, 4, "tpe", 1, 0))
    killed, other = (start(url, 16, 0.2) for _ in range(2))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        at_work = [t for t in read_study(url, KNOWN).trials if t.state == "running"]
        if len(at_work) == 2:
            break
        time.sleep(0.02)
    killed.kill()
    assert killed.wait() != 0 and other.wait(120) == 0
    after = search(Toy(), SearchOptions(url, 18, "nsga2", 1, 0))
    ended = [t for t in after.trials if t.outcome]
    assert list(after.trials[:4]) == list(first.trials) and len(ended) == 18
    assert not any(t.state == "running" for t in after.trials)
    with pytest.raises(FpgaSqueezeError, match="another model"):
        search(Toy(model="other"), SearchOptions(url, 20))


def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(FpgaSqueezeError, match="the database answers") as told:
        read_study(f"postgresql+psycopg://me:secret@127.0.0.1:{_free_port()}/none", KNOWN)
    assert "secret" not in str(told.value) and "\n" not in str(told.value)
