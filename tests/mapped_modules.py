"""A module of the RTL by itself as Yosys maps it, and its paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.paths import source_files
from fpga_squeeze.verify.timing.analysis import Arrivals, TimingGraph
from fpga_squeeze.verify.timing.mapping import synth_xilinx
from fpga_squeeze.verify.timing.netlist import Design, Instance, build_netlist, read_module
from fpga_squeeze.verify.timing.results import Path as Way
from fpga_squeeze.verify.timing.speed import speed_of
from fpga_squeeze.verify.yosys import run_yosys

ZYNQ = find_device("XC7Z020")


def mapped_graph(
    folder: Path, top: str, parameters: Mapping[str, object], changed: Mapping[str, str] | None = None
) -> TimingGraph:
    """Module ``top``, mapped flat for the 7 series; ``changed`` are texts by file name, instead of the project's.

    Parameters are written into the module as its defaults: Yosys' chparam takes no concatenations.
    """
    folder.mkdir()
    sources = {name: path.read_text() for name, path in source_files("rtl").items()} | dict(changed or {})
    for name, text in sources.items():
        (folder / name).write_text(text)
    text = sources[f"{top}.sv"]
    for name, value in parameters.items():
        default = re.compile(rf"(parameter[^=\n]*\b{name}\s*=\s*).+?(\s*,?\s*//)")
        text, count = default.subn(rf"\g<1>{value}\g<2>", text)
        assert count == 1, name
    (folder / f"{top}.sv").write_text(text)
    flatten = "setattr -mod -unset keep_hierarchy *; flatten; opt_clean"
    run_yosys(
        f"read_verilog -sv {' '.join(sources)}; hierarchy -check -top {top}; proc; "
        f"rename -top mapped; {synth_xilinx(ZYNQ.family)} -top mapped; {flatten}; select mapped; "
        "write_json -selected flat.json",
        folder,
        folder,
    )
    return TimingGraph(
        build_netlist(Design([Instance("one", read_module(folder / "flat.json"))]), "one"), "one"
    )


def deepest_path(graph: TimingGraph) -> Way:
    """The path of most levels, to and from ports too."""
    arrivals = Arrivals(graph, speed_of(ZYNQ), ports=True)
    deepest = arrivals.deepest()
    assert deepest
    return arrivals.path(deepest, by_levels=True)


def slowest_ns(graph: TimingGraph) -> float:
    """Delay of the slowest path, to and from ports too."""
    return max(delay for delay, _ in Arrivals(graph, speed_of(ZYNQ), ports=True).latest())
