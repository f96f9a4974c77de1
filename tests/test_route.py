"""Place and route: a real run on an ECP5, and reports and tools that are stand-ins."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_timing import CHAIN

from fpga_squeeze.cli.timing import print_routed
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.timing.route import CHIPDB, Router, find_router, read_report, route

DEVICE = find_device("xc7z020")
ROUTER = Router("nextpnr", (), (), "", "a part")
REPORT: dict[str, Any] = {
    "fmax": {
        "$glbnet$clk": {"achieved": 125.5, "constraint": 100.0},
        "slow": {"achieved": 50.25, "constraint": 100},
    },
    "utilization": {"LUT": {"used": 12, "available": 100}, "DSP": {"used": 0, "available": 9}},
    "critical_paths": [
        {"from": "posedge $glbnet$clk", "to": "posedge $glbnet$clk", "path": []},
        {
            "from": "posedge slow",
            "to": "posedge slow",
            "path": [
                {"type": "clk-to-q", "delay": 0.5, "from": {"cell": "a_q"}, "to": {"cell": "a_q"}},
                {"type": "routing", "delay": 1.25, "from": {"cell": "a_q"}, "to": {"cell": "lut"}},
                {"type": "logic", "delay": 0.25, "from": {"cell": "lut"}, "to": {"cell": "lut"}},
                {"type": "routing", "delay": 2.0, "from": {"cell": "lut"}, "to": {"cell": "b_q"}},
                {"type": "setup", "delay": 0.125, "from": {"cell": "b_q"}, "to": {"cell": "b_q"}},
            ],
        },
    ],
}
"""A report as nextpnr writes it."""
FAKE = """#!{python}
import json, os, sys
from pathlib import Path
arguments = sys.argv[1:]
if os.environ.get("FAKE_MODE") == "full":
    print("ERROR: Unable to place cell 'x', no BELs remaining", file=sys.stderr)
    sys.exit(1)
value = dict(zip(arguments, arguments[1:]))
module = json.loads(Path(value["--json"]).read_text())["modules"]["mapped"]
if module["ports"]:
    print("ERROR: IO port is missing an IO buffer", file=sys.stderr)
    sys.exit(1)
cells = module["cells"]
report = json.loads('''{report}''')
report["utilization"]["LUT"]["used"] = sum(c["type"].startswith("LUT") for c in cells.values())
buffers = [c["connections"]["O"][0] for c in cells.values() if c["type"] == "BUFG"]
clocks = [c["connections"]["C"][0] for c in cells.values() if c["type"].startswith("FD")]
report["utilization"]["clocked"] = dict(used=sum(c in buffers for c in clocks), available=len(clocks))
Path(value["--report"]).write_text(json.dumps(report))
Path(os.environ["FAKE_SEEN"]).write_text(" ".join(arguments))
"""


def _rtl(folder: Path) -> Path:
    rtl = folder / "rtl"
    rtl.mkdir()
    (rtl / CHAIN.name).write_text(CHAIN.read_text())
    (rtl / "files.f").write_text(f"{CHAIN.name}\n")
    return rtl


@pytest.mark.slow
def test_small_design_on_an_ecp5(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of three small kernels, then one of them alone, whose ports are then those of the design."""
    rtl = _rtl(tmp_path)
    whole = route(rtl, tmp_path / "build", DEVICE, 100)
    assert whole.tool == "nextpnr-ecp5" and whole.part == "LFE5U-85F-6" and whole.kernel is None
    alone = route(rtl, tmp_path / "build", DEVICE, 100, "first")
    # registers: six of data, which are one where the data are the same, the last, and one in the middle of two kernels
    assert whole.use["TRELLIS_FF"][0] == (6 + 1) + 2 * (1 + 1 + 1) and alone.use["TRELLIS_FF"][0] == 7
    # four LUTs between registers, and the wires between them, take more than one ns and less than ten
    for one in (whole, alone):
        assert 100 < one.fmax_mhz < 1000 and one.start and one.end
        assert one.logic_ns + one.route_ns == pytest.approx(1000 / one.fmax_mhz, rel=0.01)
    print_routed(alone)
    assert f"first, Fmax {alone.fmax_mhz:.1f} MHz" in capsys.readouterr().out


@pytest.mark.slow
def test_router_with_a_chip_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nextpnr with the xilinx architecture goes before nextpnr-ecp5: its part, its database, its cells."""
    tool = tmp_path / "bin" / "nextpnr-himbaechel"
    tool.parent.mkdir()
    tool.write_text(FAKE.format(python=sys.executable, report=json.dumps(REPORT)))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    monkeypatch.setenv("FAKE_SEEN", str(tmp_path / "seen"))
    monkeypatch.delenv(CHIPDB, raising=False)
    with pytest.raises(
        FpgaSqueezeError, match=f"needs the chip database of XC7Z020: set {CHIPDB} to its file$"
    ):
        find_router(DEVICE)
    monkeypatch.setenv(CHIPDB, str(tmp_path / "none.bin"))
    with pytest.raises(FpgaSqueezeError, match=r"none\.bin is none"):
        find_router(DEVICE)
    database = tmp_path / "chip.bin"
    database.touch()
    monkeypatch.setenv(CHIPDB, str(database))
    routed = route(_rtl(tmp_path), tmp_path / "build", DEVICE, 100, "first")
    assert routed.tool == "nextpnr-himbaechel" and routed.part == DEVICE.part
    # four gates and the one behind the last register; registers whose clock has a driver, without pads
    assert routed.use == {"LUT": (5, 100), "clocked": (7, 7)}
    seen = (tmp_path / "seen").read_text()
    assert f"--device {DEVICE.part} --chipdb {database}" in seen and "--freq 100" in seen
    monkeypatch.setenv("FAKE_MODE", "full")
    with pytest.raises(FpgaSqueezeError, match="nextpnr-himbaechel failed: ERROR: Unable to place cell 'x'"):
        route(tmp_path / "rtl", tmp_path / "build", DEVICE, 100, "first")


def test_no_router_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        FpgaSqueezeError, match=r"nothing here places and routes: install .*\[route\].*FSQ_CHIPDB"
    ):
        find_router(DEVICE)


def test_report_is_read(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(REPORT))
    routed = read_report(file, ROUTER, "k")
    assert (routed.fmax_mhz, routed.logic_ns, routed.route_ns) == (50.25, 0.875, 3.25)
    assert (routed.start, routed.end, routed.use) == ("a_q", "b_q", {"LUT": (12, 100)})
    for broken in ("{", json.dumps(REPORT | {"fmax": {}}), json.dumps(REPORT | {"utilization": {"LUT": 3}})):
        file.write_text(broken)
        with pytest.raises(FpgaSqueezeError, match=r"report\.json: nextpnr reports no clock .*--report"):
            read_report(file, ROUTER, None)
    file.unlink()
    with pytest.raises(FpgaSqueezeError, match="reports no clock"):
        read_report(file, ROUTER, None)
