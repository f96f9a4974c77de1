"""Reports of the HLS tools, in the form that their manuals document: read, and refused where they are cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.hls.bambu_reports import read_area, read_cycles, read_evaluation, read_version
from fpga_squeeze.verify.hls.loops import PlannedLoop
from fpga_squeeze.verify.hls.results import Area, Loop, Timing
from fpga_squeeze.verify.hls.vitis import match_loops
from fpga_squeeze.verify.hls.vitis_reports import (
    Cosimulation,
    ReportedLoop,
    read_cosimulation,
    read_loop_table,
    read_synthesis,
)

CSYNTH = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
  <ReportVersion>
    <Version>2023.1</Version>
  </ReportVersion>
  <UserAssignments>
    <unit>ns</unit>
    <ProductFamily>zynq</ProductFamily>
    <Part>xc7z020-clg400-1</Part>
    <TopModelName>fsq_top</TopModelName>
    <TargetClockPeriod>10.00</TargetClockPeriod>
    <ClockUncertainty>2.70</ClockUncertainty>
    <FlowTarget>vivado</FlowTarget>
  </UserAssignments>
  <PerformanceEstimates>
    <PipelineType>dataflow</PipelineType>
    <SummaryOfTimingAnalysis>
      <unit>ns</unit>
      <EstimatedClockPeriod>7.215</EstimatedClockPeriod>
    </SummaryOfTimingAnalysis>
    <SummaryOfOverallLatency>
      <unit>clock cycles</unit>
      <Best-caseLatency>5021</Best-caseLatency>
      <Average-caseLatency>5100</Average-caseLatency>
      <Worst-caseLatency>5230</Worst-caseLatency>
      <Best-caseRealTimeLatency>50.210 us</Best-caseRealTimeLatency>
      <Interval-min>2048</Interval-min>
      <Interval-max>2200</Interval-max>
    </SummaryOfOverallLatency>
  </PerformanceEstimates>
  <AreaEstimates>
    <Resources>
      <BRAM_18K>31</BRAM_18K>
      <DSP>64</DSP>
      <FF>12034</FF>
      <LUT>22871</LUT>
      <URAM>0</URAM>
    </Resources>
    <AvailableResources>
      <BRAM_18K>280</BRAM_18K>
      <DSP>220</DSP>
      <FF>106400</FF>
      <LUT>53200</LUT>
      <URAM>0</URAM>
    </AvailableResources>
  </AreaEstimates>
  <ModuleInformation>
    <Module>
      <Name>engine_conv1_plan_Pipeline_VITIS_LOOP_58_1</Name>
      <PerformanceEstimates>
        <SummaryOfLoopLatency>
          <VITIS_LOOP_58_1>
            <Name>VITIS_LOOP_58_1</Name>
            <Slack>7.30</Slack>
            <TripCount>2048</TripCount>
            <Latency>2059</Latency>
            <PipelineII>1</PipelineII>
            <PipelineDepth>12</PipelineDepth>
            <PipelineType>yes</PipelineType>
          </VITIS_LOOP_58_1>
        </SummaryOfLoopLatency>
      </PerformanceEstimates>
    </Module>
    <Module>
      <Name>input_image_plan_s</Name>
      <PerformanceEstimates>
        <SummaryOfLoopLatency>
          <VITIS_LOOP_19_1>
            <Name>VITIS_LOOP_19_1</Name>
            <TripCount>16</TripCount>
            <Latency>600 ~ 700</Latency>
            <IterationLatency>40</IterationLatency>
            <VITIS_LOOP_21_2>
              <Name>VITIS_LOOP_21_2</Name>
              <TripCount>undef</TripCount>
              <Latency>undef</Latency>
              <PipelineII>2</PipelineII>
              <PipelineDepth>3</PipelineDepth>
            </VITIS_LOOP_21_2>
          </VITIS_LOOP_19_1>
        </SummaryOfLoopLatency>
      </PerformanceEstimates>
    </Module>
  </ModuleInformation>
</profile>
"""

LOOP_TABLE = """
================================================================
== Vitis HLS Report for 'input_image_plan_s'
================================================================
* Date:           Mon Jan  6 10:00:00 2025

+ Latency:
    * Summary:
    +---------+---------+----------+----------+-----+-----+---------+
    |  Latency (cycles) |  Latency (absolute) |  Interval | Pipeline|
    |   min   |   max   |    min   |    max   | min | max |   Type  |
    +---------+---------+----------+----------+-----+-----+---------+
    |      600|      700|  6.000 us|  7.000 us|  600|  700|       no|
    +---------+---------+----------+----------+-----+-----+---------+

    + Detail:
        * Instance:
        N/A

        * Loop:
        +--------------------+---------+---------+----------+-----------+-----------+------+----------+
        |                    |  Latency (cycles) | Iteration|  Initiation Interval  | Trip |          |
        |      Loop Name     |   min   |   max   |  Latency |  achieved |   target  | Count| Pipelined|
        +--------------------+---------+---------+----------+-----------+-----------+------+----------+
        |- VITIS_LOOP_19_1   |      600|      700|        40|          -|          -|    16|        no|
        | + VITIS_LOOP_21_2  |        ?|        ?|         3|          2|          1|     ?|       yes|
        +--------------------+---------+---------+----------+-----------+-----------+------+----------+

================================================================
== Utilization Estimates
================================================================
"""

COSIM = """
Report time       : Mon Jan  6 10:10:00 2025.
Solution          : solution.
Simulation tool   : xsim.

+----------+----------+-----------------------------+-----------------------------+-----------+
|          |          |    Latency(Clock Cycles)    |    Interval(Clock Cycles)   |   Total   |
+   RTL    +  Status  +---------+---------+---------+---------+---------+---------+           +
|          |          |   min   |   avg   |   max   |   min   |   avg   |   max   |           |
+----------+----------+---------+---------+---------+---------+---------+---------+-----------+
|      VHDL|        NA|       NA|       NA|       NA|       NA|       NA|       NA|         NA|
|   Verilog|      Pass|     5100|     5200|     5300|     2100|     2150|     2200|       9600|
+----------+----------+---------+---------+---------+---------+---------+---------+-----------+
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "csynth.xml"


# ------------------------------------------------------------------------------------------------- Vitis HLS


def test_csynth_xml(report: Path) -> None:
    report.write_text(CSYNTH)
    got = read_synthesis(report)
    assert (got.version, got.part) == ("2023.1", "xc7z020-clg400-1")
    assert (got.latency, got.interval) == ((5021, 5230), (2048, 2200))
    assert got.timing == Timing(10.0, 7.215, 2.7) and got.timing.met
    assert got.area == Area(luts=22871, flip_flops=12034, dsp=64, bram18=31, uram=0)
    assert got.loops == (
        ReportedLoop("engine_conv1_plan_Pipeline_VITIS_LOOP_58_1", "VITIS_LOOP_58_1", 1, None, 2048, 12),
        ReportedLoop("input_image_plan_s", "VITIS_LOOP_19_1", None, None, 16, 40),
        ReportedLoop("input_image_plan_s", "VITIS_LOOP_21_2", 2, None, None, 3),
    )


def test_csynth_xml_without_a_latency(report: Path) -> None:
    """Loops whose turns depend on data have no latency; the report says so, and it is no number here."""
    report.write_text(
        CSYNTH.replace(">5021<", ">undef<").replace(">2048</Interval-min>", ">?</Interval-min>")
    )
    got = read_synthesis(report)
    assert got.latency is None and got.interval is None


@pytest.mark.parametrize("end", range(100, len(CSYNTH) - 20, 149))
def test_truncated_csynth_xml_is_refused(end: int, report: Path) -> None:
    report.write_text(CSYNTH[:end])
    with pytest.raises(FpgaSqueezeError, match=r"csynth\.xml: is no XML .*cut short"):
        read_synthesis(report)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("AreaEstimates", "Areas", "AreaEstimates is missing"),
        ("<EstimatedClockPeriod>7.215</EstimatedClockPeriod>", "", "EstimatedClockPeriod is missing"),
        (">22871<", ">many<", "LUT is 'many'"),
        (">7.215<", ">fast<", "is no number"),
    ],
)
def test_damaged_csynth_xml_is_refused(old: str, new: str, message: str, report: Path) -> None:
    report.write_text(CSYNTH.replace(old, new))
    with pytest.raises(FpgaSqueezeError, match=message):
        read_synthesis(report)


def test_missing_reports(tmp_path: Path) -> None:
    for read in (read_synthesis, read_loop_table, read_cosimulation):
        with pytest.raises(FpgaSqueezeError, match=r"none\.rpt: no such report; the tool stopped before it"):
            read(tmp_path / "none.rpt")


def test_loop_table(tmp_path: Path) -> None:
    path = tmp_path / "input_csynth.rpt"
    path.write_text(LOOP_TABLE)
    assert read_loop_table(path) == [
        ReportedLoop("input_image_plan_s", "VITIS_LOOP_19_1", None, None, 16, 40),
        ReportedLoop("input_image_plan_s", "VITIS_LOOP_21_2", 2, 1, None, 3),
    ]
    for cut, message in (
        (LOOP_TABLE.index("* Loop"), "has no loop section"),
        (LOOP_TABLE.index("       yes"), "has 7 columns|ends within"),
        (LOOP_TABLE.index("== Utilization") - 70, "ends within its loop section"),
        (30, "has no heading"),
    ):
        path.write_text(LOOP_TABLE[:cut])
        with pytest.raises(FpgaSqueezeError, match=rf"input_csynth\.rpt: .*({message})"):
            read_loop_table(path)


def test_cosimulation(tmp_path: Path) -> None:
    path = tmp_path / "fsq_top_cosim.rpt"
    path.write_text(COSIM)
    assert read_cosimulation(path) == Cosimulation(True, (5100, 5300), (2100, 2200))
    path.write_text(COSIM.replace("Pass", "Fail").replace("2100", "NA"))
    assert read_cosimulation(path) == Cosimulation(False, (5100, 5300), None)
    path.write_text(COSIM[: COSIM.index("|   Verilog")])
    with pytest.raises(FpgaSqueezeError, match="lists no simulation"):
        read_cosimulation(path)
    path.write_text(COSIM[: COSIM.index("5200")])
    with pytest.raises(FpgaSqueezeError, match="columns, not 8"):
        read_cosimulation(path)


def test_loops_are_matched_with_the_sources() -> None:
    planned = [
        PlannedLoop("fsq_engine.hpp", 58, 1),
        PlannedLoop("fsq_input.hpp", 21, 1),
        PlannedLoop("fsq_avg_pool.hpp", 68, 1),
        PlannedLoop("fsq_max_pool.hpp", 21, 2),
    ]
    reported = [
        ReportedLoop("engine_conv1_plan_s", "VITIS_LOOP_58_1", 1, None, 2048, 12),
        ReportedLoop("input_image_plan_s", "VITIS_LOOP_21_2", 2, 1, None, 3),
        ReportedLoop("max_pool_pool1_plan_s", "VITIS_LOOP_21_1", 2, 2, 128, 5),
        ReportedLoop("other", "VITIS_LOOP_580_1", 9, None, 1, 1),
    ]
    got = match_loops(planned, reported)
    assert [(loop.place, loop.planned, loop.reached, loop.missed) for loop in got] == [
        ("fsq_engine.hpp:58", 1, 1, False),
        ("fsq_input.hpp:21", 1, 2, True),
        ("fsq_avg_pool.hpp:68", 1, None, False),
        ("fsq_max_pool.hpp:21", 2, 2, False),
    ]
    assert str(got[1]).endswith("(fsq_input.hpp:21): planned II 1, reached II 2")
    assert "is not in the report" in str(got[2])


def test_a_loop_that_was_not_pipelined_misses_its_interval() -> None:
    [loop] = match_loops(
        [PlannedLoop("fsq_input.hpp", 21, 1)], [ReportedLoop("m", "VITIS_LOOP_21_1", None, None, 9, 4)]
    )
    assert loop == Loop("m/VITIS_LOOP_21_1", "fsq_input.hpp:21", 1, 4, 9, 4) and loop.missed


def test_timing_counts_the_uncertainty() -> None:
    assert Timing(10.0, 7.3, 2.7).met and not Timing(10.0, 7.31, 2.7).met


# ------------------------------------------------------------------------------------------------- Bambu


def test_cycles_of_bambu(tmp_path: Path) -> None:
    path = tmp_path / "results.txt"
    path.write_text("22|2022,2042|4041,\n0\n")
    assert read_cycles(path) == [1000, 1000]
    for text, message in (
        ("", "lists no call"),
        ("22|X,\n", "did not end within"),
        ("22|2022,2042|A\n", "was aborted"),
        ("22,\n", "is no start and end"),
    ):
        path.write_text(text)
        with pytest.raises(FpgaSqueezeError, match=rf"results\.txt: .*{message}"):
            read_cycles(path)
    with pytest.raises(FpgaSqueezeError, match="the simulation did not end"):
        read_cycles(tmp_path / "none.txt")


def test_log_of_bambu() -> None:
    log = """
                         Version: PandA 2024.10 - Revision 683d87153f20f75687bfdb928fdd6256abcab09f
      Module binding information for function _ZN7kernels12pool1_kernelER10ac_channel:
        Number of modules instantiated: 34
        Estimated resources area (no Muxes and address logic): 1000
        Estimated area of MUX21: 412.5
        Total estimated area: 1412.5
        Estimated number of DSPs: 2
      Total number of flip-flops in function _ZN7kernels12pool1_kernelER10ac_channel: 812
      Module binding information for function _Z14fsq_kernel_topR10ac_channel:
        Estimated resources area (no Muxes and address logic): 2000
        Total estimated area: 2000
        Estimated number of DSPs: 0
      Total number of flip-flops in function _Z14fsq_kernel_topR10ac_channel: 3
    """
    assert read_area(log, "fsq_kernel_top") == Area(luts=1412, flip_flops=815, dsp=2)
    assert read_version(log).startswith("2024.10 - Revision 683d")
    assert read_area("nothing", "top") == Area() and read_version("nothing") == ""


def test_evaluation_of_bambu(tmp_path: Path) -> None:
    path = tmp_path / "bambu_results_0.xml"
    path.write_text(
        '<?xml version="1.0"?>\n<bambu_results bambu_version="PandA 2024.10" benchmark_name="fsq">\n'
        '  <AREA value="1234"/>\n  <SLICE_LUTS value="1234"/>\n  <REGISTERS value="567"/>\n'
        '  <DSPS value="8"/>\n  <BRAMS value="9"/>\n  <HLS_execution_time value="1.5"/>\n</bambu_results>\n'
    )
    assert read_evaluation(path) == Area(luts=1234, flip_flops=567, dsp=8, bram18=9)
    text = path.read_text()
    for broken, message in (
        (text[:-30], "is no report of Bambu"),
        (text.replace("bambu_results", "other"), "its root is other"),
        (text.replace('REGISTERS value="567"', "REGISTERS"), "REGISTERS has no number"),
    ):
        path.write_text(broken)
        with pytest.raises(FpgaSqueezeError, match=message):
            read_evaluation(path)
