"""Stand-ins for Bambu and Vitis HLS: small programs that leave what the real ones leave, right or wrong.

They are written to a folder of a test; ``FAKE_MODE`` in the environment says what goes wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

COMMON = '''#!{python}
import os, re, sys, time
from pathlib import Path

MODE = os.environ.get("FAKE_MODE", "good")

def top(folder):
    """What the bench's header says of the top: its name, and channels, height and width of every tensor."""
    text = (folder / "fsq_bench_top.hpp").read_text()
    [name] = re.findall(r'#define FSQ_BENCH_KERNEL "(\\w+)"', text)
    sizes = re.findall(r'"\\w+", (\\d+), (\\d+), (\\d+), \\d+, \\d+, (?:true|false)', text)
    return name, [tuple(map(int, size)) for size in sizes]

def bench_lines(folder, frames, wrong):
    """Lines as our bench prints them."""
    name, sizes = top(folder)
    words = sum(channels * height for channels, height, _ in sizes)
    values = sum(channels * height * width for channels, height, width in sizes)
    out = []
    for frame in range(frames):
        bad = wrong and frame == 0
        if bad:
            out.append(f"FSQ first kernel={{name}} stream={{name}} frame=0 channel=1 row=2 column=3 expected=5 got=-7")
        out.append(
            f"FSQ kernel={{name}} frame={{frame}} words={{words}} values={{values}} mismatches={{int(bad)}} left=0"
        )
    return out
'''

BAMBU = """
assert "--generate-interface=INFER" in sys.argv
print(" Version: PandA 9.9-test - Revision 0123abcd")
if MODE == "crash":
    print("error -> Undefined reference to nothing")
    sys.exit(1)
if MODE == "hang":
    print("started", flush=True)
    Path("child.pid").write_text(str(os.getpid()))
    time.sleep(600)
bench = Path(next(a.split("=", 1)[1] for a in sys.argv if a.startswith("--generate-tb=")))
print("   Total number of flip-flops in function conv: 100")
print("   Total number of flip-flops in function top: 20")
for name, cells, dsp in (("conv_feed", 200, 0), ("conv", 1000.5, 3), ("_Z14fsq_kernel_top", 2000, 0)):
    print(f"   Module binding information for function {{name}}:")
    print(f"     Total estimated area: {{cells}}")
    print(f"     Estimated number of DSPs: {{dsp}}")
if MODE == "nothing":
    sys.exit(0)
Path("fsq_kernel_top.v").write_text(
    "module fsq_kernel_top(input clock, input d, output reg q); always @(posedge clock) q <= ~d; endmodule"
)
frames = 1 if MODE != "early" else 0
lines = bench_lines(bench.parent, frames, MODE == "mismatch")
script = "\\n".join(["echo 'a line of the simulator'", *(f"echo '{{line}}'" for line in lines)])
if MODE != "no times":
    script += "\\necho '100|2100,' > results.txt; echo 0 >> results.txt"
Path("simulate_fsq_kernel_top.sh").write_text(script + "\\nexit 0\\n")
"""

VITIS = """
script = Path(sys.argv[-1])
text = script.read_text()
source = Path(re.search(r"set source (.+)", text)[1])
name = re.search(r"set_top (\\w+)", text)[1]
assert "csim_design -argv" in text and "cosim_design -argv" in text
print("FSQ step=csim")
for line in bench_lines(source, 1, MODE == "csim"):
    print(line)
print("FSQ step=csynth")
if MODE == "crash":
    print("ERROR: [HLS 207-3776] use of undeclared identifier")
    sys.exit(1)
reports = Path("fsq_hls/solution/syn/report")
reports.mkdir(parents=True)
sim = Path("fsq_hls/solution/sim/report")
sim.mkdir(parents=True)
files = {{p.name: p.read_text().splitlines() for p in source.glob("*.hpp")}}
rows = []
for file in ("fsq_engine.hpp",):
    for number, line in enumerate(files[file], 1):
        if "while (" in line or "for (" in line:
            last = number
        if "FSQ_PIPELINE(1)" in line:
            rows.append(last)
interval = 3 if MODE == "interval" else 1
estimated = "9.9" if MODE == "timing" else "6.5"
items = "".join(
    f"<VITIS_LOOP_{{n}}_1><Name>VITIS_LOOP_{{n}}_1</Name><TripCount>100</TripCount><Latency>110</Latency>"
    f"<PipelineII>{{interval}}</PipelineII><PipelineDepth>11</PipelineDepth></VITIS_LOOP_{{n}}_1>"
    for n in rows
)
if MODE != "no report":
    (reports / "csynth.xml").write_text(
        "<profile><ReportVersion><Version>2023.2</Version></ReportVersion><UserAssignments><Part>xc7z020</Part>"
        f"<TopModelName>{{name}}</TopModelName><TargetClockPeriod>10.00</TargetClockPeriod>"
        "<ClockUncertainty>2.70</ClockUncertainty></UserAssignments>"
        "<PerformanceEstimates><SummaryOfTimingAnalysis>"
        f"<EstimatedClockPeriod>{{estimated}}</EstimatedClockPeriod></SummaryOfTimingAnalysis><SummaryOfOverallLatency>"
        "<Best-caseLatency>110</Best-caseLatency><Worst-caseLatency>120</Worst-caseLatency>"
        "<Interval-min>100</Interval-min><Interval-max>101</Interval-max></SummaryOfOverallLatency>"
        "</PerformanceEstimates><AreaEstimates><Resources><BRAM_18K>4</BRAM_18K><DSP>5</DSP><FF>60</FF><LUT>70</LUT>"
        "<URAM>0</URAM></Resources></AreaEstimates><ModuleInformation><Module><Name>conv</Name><PerformanceEstimates>"
        f"<SummaryOfLoopLatency>{{items}}</SummaryOfLoopLatency></PerformanceEstimates></Module></ModuleInformation>"
        "</profile>"
    )
print("FSQ step=cosim")
for line in bench_lines(source, 1, False) + bench_lines(source, 1, MODE == "mismatch"):
    print(line)
(sim / f"{{name}}_cosim.rpt").write_text(
    "| RTL | Status | min | avg | max | min | avg | max | total |\\n"
    "| VHDL | NA | NA | NA | NA | NA | NA | NA | NA |\\n"
    "| Verilog | Pass | 130 | 131 | 132 | NA | NA | NA | 132 |\\n"
)
print("FSQ step=done")
"""


def write_fake(folder: Path, name: str) -> Path:
    """A program called ``name``, bambu or vitis_hls, in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    body = BAMBU if name == "bambu" else VITIS
    path.write_text((COMMON + body).format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return path
