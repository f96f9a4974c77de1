"""Published weights: fetched whole and right, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fpga_squeeze.cli import main
from fpga_squeeze.datasets import download as module
from fpga_squeeze.datasets.download import MODELS, Published
from fpga_squeeze.frontend.deep_compression import is_deep_compression

NAME = "squeezenet-v1.0-deep-compression"
CONTENT = bytes(range(256)) * 1000
RELEASED = Path(__file__).parents[2] / "shared" / "models" / "compressed_SqueezeNet.net"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server on this machine, which MODELS says to expect CONTENT from."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "net.bin").write_bytes(CONTENT)
    (root / "cut.bin").write_bytes(CONTENT[:-1])
    (root / "long.bin").write_bytes(CONTENT * 9)
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        url = f"http://127.0.0.1:{http.server_port}"
        digest = hashlib.sha256(CONTENT).hexdigest()
        monkeypatch.setitem(MODELS, NAME, Published(f"{url}/net.bin", digest, len(CONTENT), "a test"))
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield url
        http.shutdown()
        thread.join()


def test_fetched_file_is_whole(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", NAME, "-o", str(tmp_path / "a.net")]) == 0
    assert (tmp_path / "a.net").read_bytes() == CONTENT
    assert f"{len(CONTENT):,} bytes" in capsys.readouterr().out
    # one that is there is not fetched again
    assert main(["download", NAME, "-o", str(tmp_path / "a.net"), "--url", f"{server}/lost"]) == 0


@pytest.mark.parametrize(
    ("file", "reason"), [("cut.bin", "255,999 bytes"), ("long.bin", "SHA-256 differs"), ("lost", "404")]
)
def test_other_bytes_leave_nothing(
    file: str, reason: str, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert main(["download", NAME, "-o", str(target), "--url", f"{server}/{file}"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error:") and reason in error and file in error
    assert list(target.iterdir()) == []


def test_no_server_and_no_such_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["download", NAME, "--url", "http://127.0.0.1:9/a.net"]) == 2
    assert "cannot be fetched" in capsys.readouterr().err
    assert main(["download", NAME, "--url", "nonsense"]) == 2
    assert main(["download", "resnet"]) == 2
    assert NAME in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download"]) == 0
    assert NAME in capsys.readouterr().out


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
def test_expected_bytes_are_those_of_the_released_file() -> None:
    model = MODELS[NAME]
    content = RELEASED.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (model.size, model.sha256)
    assert is_deep_compression(RELEASED) and module.MODELS[NAME].file == RELEASED.name
