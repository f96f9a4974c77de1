"""The page about a project: its numbers are the plan's, it says what is old, a browser shows it without complaint."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import kept_results
import numpy as np
import pytest
from browser import DARK, probe, show
from PIL import Image
from random_graphs import random_graph_qmodel

from fpga_squeeze import api, load_project
from fpga_squeeze.cli import main
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_model_path
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.flow.report import palette
from fpga_squeeze.flow.report.finn import finn_reports
from fpga_squeeze.flow.report.page import page
from fpga_squeeze.flow.report.timeline import joined, nice_step
from fpga_squeeze.project.results import keep_result
from fpga_squeeze.verify.compare import Comparison, KernelResult
from fpga_squeeze.verify.timing.kept import keep_clock

Capture = pytest.CaptureFixture[str]
Table = list[dict[str, str]]


class _Page(HTMLParser):
    """Tables of a page by their id, each row by its headings; text by the id of the element around it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, Table] = {}
        self.ids: list[str] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self._heads: list[str] = []
        self._cells: list[str] = []
        self._table = self._text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs).get("id") or ""
        self.ids += [own] * bool(own)
        if tag == "table":
            self._table, self._heads, self.tables[own] = own, [], []
        elif tag in ("th", "td"):
            self._text = ""
        elif tag == "tr":
            self._cells = []
        if tag not in ("meta", "link", "br"):
            self._open.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag in ("th", "td"):
            self._cells.append(self._text.strip())
        elif tag == "thead":
            self._heads = self._cells
        elif tag == "tr" and self._heads:
            self.tables[self._table].append(dict(zip(self._heads, self._cells, strict=True)))

    def handle_data(self, data: str) -> None:
        self._text += data
        for _, own in self._open:
            if own:
                self.texts[own] = self.texts.get(own, "") + data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design for a device, with a clock that was estimated, as the command line makes it."""
    path = tmp_path_factory.mktemp("report") / "p"
    assert main(["generate", "--lanes", "40", "--device", "XC7Z020", "-o", str(path)]) == 0
    project = load_project(path)
    assert project.device
    keep_clock(project, project.device, "estimated by timing", 123.4)
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "p")
    return tmp_path / "p"


def _cosim(path: Path, mismatches: int = 0) -> api.CosimRun:
    """A run as cosim gives it, kept as cosim keeps it."""
    project, planned = load_project(path), api.report(path).estimate
    cycles = (planned.cycles_per_frame, planned.latency_cycles)
    compared = Comparison(3, (KernelResult("conv1", 4321, mismatches),), None)
    run = api.CosimRun(
        "cosim", compared, api.Cycles(cycles[0], cycles[0], cycles[1], cycles[1], 0), planned.clock
    )
    keep_result(project, "cosim", {"images": None, "frames": 3, "stalls": 0}, run.to_json())
    return run


def _number(text: str) -> float:
    return float(text.replace(",", "") or 0)


def wrong_numbers(report: api.Report, text: str) -> list[str]:
    """What the tables of a page say otherwise than the plan."""
    shown, n, wrong = _Page(text).tables, report.estimate, []

    def same(what: str, told: str, true: float) -> None:
        if abs(_number(told) - true) > 1e-9:
            wrong.append(f"{what}: {told}, is {true}")

    plan = load_project(report.path).plan
    assert [row["kernel"] for row in shown["kernels"]] == [kernel.name for kernel in plan.kernels]
    for row, kernel in zip(shown["kernels"], plan.kernels, strict=True):
        same(kernel.name, row["cycles"], kernel.work_cycles)
        share = 100 * kernel.work_cycles / n.cycles_per_frame
        same(kernel.name, row["of interval"].removesuffix(" %"), round(share, 1))
    for row, cost in zip(shown["resources"], n.kernels, strict=True):
        same(cost.name, row["DSP"], cost.dsp)
        same(cost.name, row["LUTs"], cost.luts + cost.lutram_luts + cost.shift_luts)
    blocks = {m.name: m for kernel in plan.kernels for m in kernel.memories}
    for row in shown["memories"]:
        counts = {kind: number for number, kind in re.findall(r"(\d+) (RAMB36|RAMB18)", row["lies in"])}
        memory = blocks[row["memory"]]
        same(row["memory"], counts.get("RAMB36", ""), memory.ramb36)
        same(row["memory"], counts.get("RAMB18", ""), memory.ramb18)
    for row in shown["clocks"]:
        same(row["origin"], row["frames per second"], round(float(row["MHz"]) * 1e6 / n.cycles_per_frame, 1))
    if n.available:
        device = {row["resource"]: row for row in shown["device"]}
        same("LUTs", device["LUTs"]["used"], n.luts)
        same("RAMB36", device["RAMB36"]["used"], n.bram36)
        same("DSP", device["DSP slices"]["used"], sum(kernel.dsp for kernel in plan.kernels))
    return wrong


def test_numbers_of_the_page_are_those_of_the_plan(made: Path) -> None:
    report = api.report(made)
    text = page(report)
    assert wrong_numbers(report, text) == []
    cycles = f"{report.estimate.cycles_per_frame:,}"
    slowest = _Page(text).texts["slowest"]
    most = max(load_project(made).plan.kernels, key=lambda kernel: kernel.work_cycles)
    assert slowest.startswith(f"{most.name} is slowest: {most.work_cycles:,} cycles") and cycles in slowest
    changed = text.replace(f"{most.work_cycles:,}</td>", f"{most.work_cycles + 1:,}</td>")
    assert len(wrong_numbers(report, changed)) == 1
    blocks = [cell for one in report.memories for cell in [*one.tiles] * one.copies]
    assert sum(cell.kind == "RAMB18" for cell in blocks) == report.estimate.ramb18
    assert all(0 < cell.fill <= 1 for cell in blocks)
    for weights, conv in zip(report.weights, load_project(made).model.convs, strict=True):
        assert (weights.total, weights.zeros) == (conv.weight.size, int((conv.weight == 0).sum()))


def test_the_page_asks_for_nothing_and_names_everything_once(made: Path) -> None:
    text = page(api.report(made), ["fpga-squeeze generate"])
    assert len(text) < 1_000_000
    assert "<script" not in text and not re.findall(r"(?:src|href)=\"(?!#|data:,\")", text)
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    found = _Page(text)
    assert sorted(found.ids) == sorted(set(found.ids))
    leads = set(re.findall(r"href=\"#([^\"]+)\"", text))
    named = {name for names in re.findall(r"aria-labelledby=\"([^\"]+)\"", text) for name in names.split()}
    assert leads | named <= set(found.ids)
    assert text.count("<svg") == text.count('role="img" aria-labelledby=') == text.count("<desc")


def test_the_clock_and_where_it_comes_from(made: Path) -> None:
    report = api.report(made)
    assert [clock.origin for clock in report.clocks] == ["estimated by timing", "planned"]
    assert report.estimate.clock == report.clocks[0] == api.estimate(made).clock
    rows = _Page(page(report)).tables["clocks"]
    assert [(row["MHz"], row["origin"]) for row in rows] == [
        ("123.4", "estimated by timing"),
        ("100.0", "planned"),
    ]


def test_what_ran_and_of_which_design(copy: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "Has not run" in _Page(page(api.report(copy))).texts["cosim"]
    _cosim(copy)
    images, labels = embedded_accuracy_set()
    lines = ["file,label"]
    for number in range(6):
        Image.fromarray(images[number, :, :, 0]).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{labels[number]}")
    (tmp_path / "l.csv").write_text("\n".join(lines))
    given = ["--images", str(tmp_path), "--labels", str(tmp_path / "l.csv")]
    assert main(["evaluate", str(copy), *given, "--float", str(embedded_model_path()), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    kept = api.report(copy).result("evaluate")
    assert kept and kept.current and kept.result == printed
    assert main(["report", str(copy), "-o", str(tmp_path / "r.html")]) == 0
    assert "older" not in capsys.readouterr().out
    text = (tmp_path / "r.html").read_text()
    found = _Page(text)
    assert "all equal" in found.texts["cosim"] and "4,321" in found.texts["cosim"]
    top1 = printed["golden"]["top1_count"]
    assert found.tables["accuracy"][0]["top-1, images"] == f"{top1}"
    assert f"{6 - printed['golden']['agreement_count']} of 6 images" in found.texts["divergence"]
    assert f"fpga-squeeze cosim {copy} --frames 3\n" in html.unescape(text)
    assert f"fpga-squeeze evaluate {copy} --images {tmp_path}" in html.unescape(text)
    # the RTL changes: cosim is of another design, accuracy is not
    top = copy / "rtl" / "fsq_top.sv"
    top.write_text(top.read_text() + "// changed\n")
    report = api.report(copy)
    assert [(one.kind, one.current) for one in report.results] == [("cosim", False), ("evaluate", True)]
    assert "of an older design: all equal; run cosim again" in _Page(page(report)).texts["cosim"]
    assert main(["report", str(copy), "-o", str(tmp_path / "r.html")]) == 0
    assert "cosim ran on an older design" in capsys.readouterr().out


def test_mismatches_are_told(copy: Path) -> None:
    _cosim(copy, mismatches=7)
    text = _Page(page(api.report(copy))).texts["cosim"]
    assert "7 values differ" in text and "all equal" not in text


def test_what_synth_hls_timing_and_trace_found(copy: Path, tmp_path: Path) -> None:
    """Their figures in tables, and commands that find them again."""
    texts = _Page(page(api.report(copy))).texts
    assert all("Has not run" in texts[name] for name in ("mapped", "hls", "trace", "timed"))
    kept_results.everything(copy)
    report = api.report(copy)
    text = page(report)
    found = _Page(text)
    assert wrong_numbers(report, text) == []
    cells = {row["kernel"]: row for row in found.tables["cells"]}
    n = report.estimate
    for cost in n.kernels:
        both = f"{cost.dsp:,} / {cost.dsp:,}" if cost.dsp else ""
        assert cells[cost.name]["DSP"] == both, cost.name
    assert cells["total"]["DSP"] == f"{n.dsp:,} / {n.dsp:,}"
    assert "as estimated in every kernel; fits XC7Z020 as mapped" in found.texts["mapped"]
    assert sum(int(row["LUTs"].replace(",", "")) for row in found.tables["parts"]) == n.luts
    (row,) = found.tables["tool"]
    assert row["values"] == "640"
    assert (row["cycles"], row["LUTs"], row["RAMB18"]) == ("98,765 / 4,321", "1,234 / 999", "- / 2")
    assert "all 640 values equal" in found.texts["hls"] and "Bambu 9.9" in found.texts["hls"]
    paths = {row["kernel"]: row for row in found.tables["paths"]}
    assert (paths["fire2"]["ns"], paths["fire2"]["levels"], paths["fire2"]["MHz"]) == ("6.50", "5", "153.8")
    assert "153.8 MHz, meets 125 MHz" in found.texts["timed"] and paths["conv1"]["slack"] == "2.75"
    assert paths["between kernels"]["path"] == "conv1.out_q to fire2.in_q"
    trace = report.result("trace")
    assert trace and [row["tensor"] for row in found.tables["tensors"]] == [
        t["layer"] for t in trace.result["tensors"]
    ]
    worst = trace.result["worst"][0]
    (snr,) = [t["own_snr_db"] for t in trace.result["tensors"] if t["layer"] == worst]
    assert f"Most is lost by {worst} ({snr:.1f} dB)" in found.texts["trace"]
    assert main(["report", str(copy), "-o", str(tmp_path / "r.html")]) == 0
    written = html.unescape((tmp_path / "r.html").read_text())
    options = {
        "trace": " --frames 2",
        "synth": "",
        "timing": " --clock-mhz 125.0",
        "hls": " --kernel conv1 --frames 1",
    }
    for verb, given in options.items():
        assert f"fpga-squeeze {verb} {copy}{given}\n" in written

    # what is not as it should be is told
    kept_results.mapped(copy, more_dsp=1)
    kept_results.by_tool(copy, mismatches=3)
    texts = _Page(page(api.report(copy))).texts
    assert "conv1: DSP: estimated" in texts["mapped"] and "as estimated in every" not in texts["mapped"]
    assert "3 of 640 values differ" in texts["hls"]
    top = copy / "rtl" / "fsq_top.sv"
    top.write_text(top.read_text() + "// changed\n")
    texts = _Page(page(api.report(copy))).texts
    assert "run synth again" in texts["mapped"] and "run timing again" in texts["timed"]
    assert "older" not in texts["hls"] + texts["trace"]


def test_the_command_that_makes_it_again(made: Path, copy: Path, tmp_path: Path) -> None:
    written = tmp_path / "r.html"
    assert main(["report", str(made), "-o", str(written)]) == 0
    command = f"fpga-squeeze generate --device XC7Z020 --lanes 40 -o {made}\n"
    assert command in html.unescape(written.read_text())
    # a project that keeps none: the options of its plan, which lead to the same plan
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest.pop("command") == command.strip()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["report", str(copy), "-o", str(written)]) == 0
    (line,) = re.findall(r"fpga-squeeze generate .*", html.unescape(written.read_text()))
    again = tmp_path / "again"
    assert main([*line.split()[1:], "-o", str(again)]) == 0
    assert load_project(again).plan.kernels[1].work_cycles == load_project(made).plan.kernels[1].work_cycles
    assert load_project(again).manifest.foldings == load_project(made).manifest.foldings


def test_json_under_finns_names(made: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "new" / "json"
    assert (
        main(["report", str(made), "-o", str(tmp_path / "r.html"), "--json-dir", str(folder), "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["slowest"] == api.report(made).slowest.kernel and told["estimate"]["kernels"]
    numbers, plan = api.estimate(made), load_project(made).plan
    data = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert data == finn_reports(api.report(made))
    assert data["estimate_layer_cycles.json"] == {k.name: k.work_cycles for k in plan.kernels}
    speed = data["estimate_network_performance.json"]
    assert speed["max_cycles_node_name"] == told["slowest"]
    assert (
        speed["estimated_throughput_fps"] == numbers.fps
        and speed["critical_path_cycles"] == numbers.latency_cycles
    )
    layers = data["estimate_layer_resources.json"]
    total = layers.pop("total")
    assert (
        total["BRAM_18K"] == 2 * numbers.bram36
        and total["DSP"] == numbers.dsp
        and total["LUT"] == numbers.luts
    )
    for key in ("BRAM_18K", "LUT", "URAM", "DSP"):
        assert sum(layer[key] for layer in layers.values()) == total[key]


def test_bad_input_is_one_line(copy: Path, tmp_path: Path, capsys: Capture) -> None:
    def fails(*arguments: str | Path) -> str:
        assert main(["report", *map(str, arguments)]) == 2
        error = capsys.readouterr().err.splitlines()
        lines = [line for line in error if line.startswith("error:")]
        assert len(lines) == 1
        return lines[0]

    assert "no project folder" in fails(tmp_path / "no", "-o", tmp_path / "r.html")
    assert "is a folder" in fails(copy, "-o", tmp_path)
    before = (copy / "README.md").read_bytes()
    assert "would be lost" in fails(copy, "-o", copy / "README.md")
    assert (copy / "README.md").read_bytes() == before
    assert "cannot be written" in fails(copy, "-o", tmp_path / "no" / "r.html")
    (tmp_path / "file").write_text("")
    assert "cannot be made" in fails(copy, "-o", tmp_path / "r.html", "--json-dir", tmp_path / "file")
    _cosim(copy)
    (copy / "run" / "cosim" / "result.json").write_text("{")
    assert "run cosim again" in fails(copy, "-o", tmp_path / "r.html")


def test_names_are_text(made: Path) -> None:
    report = api.report(made)
    text = page(replace(report, manifest=replace(report.manifest, model="<b>&\"'")), ["x > y"])
    assert "<b>&" not in text and "&lt;b&gt;&amp;" in text and "x &gt; y" in text


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with forks, stores, sums and a concatenation, on no device."""
    folder = tmp_path_factory.mktemp("graph")
    write_qdq(random_graph_qmodel(np.random.default_rng(7)), folder / "q.onnx")
    return api.generate(folder / "q.onnx", folder / "p", api.DesignOptions(lanes=30)).path


def test_graphs_of_any_shape(graph: Path) -> None:
    report = api.report(graph)
    kinds = {kernel.kind for kernel in report.kernels}
    assert {"fork", "store", "add", "concat"} <= kinds and report.estimate.device is None
    text = page(report)
    assert wrong_numbers(report, text) == []
    streams = sum(len(set(kernel.sources)) for kernel in report.kernels)
    assert text.count('class="edge"') == 2 * streams
    assert {span.kernel for span in report.spans} == {kernel.name for kernel in report.kernels}


def test_bars_and_marks() -> None:
    assert joined([(5, 6), (0, 2), (2, 3), (9, 12), (10, 11)], 1) == [(0, 3), (5, 6), (9, 12)]
    assert [nice_step(most, 8) for most in (3, 100, 10_886, 3_339_655)] == [1, 20, 2000, 500_000]


# -------------------------------------------------------------------------------------------------- the browser


@pytest.fixture(scope="module")
def written(made: Path, graph: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    kept_results.everything(shutil.copytree(made, folder / "all"))
    for name, project in (("digits", made), ("graph", graph), ("all", folder / "all")):
        api.write_report(api.report(project), folder / f"{name}.html")
    return {path.stem: path for path in folder.glob("*.html")}


@pytest.mark.slow
def test_a_browser_has_nothing_to_complain_of(made: Path, written: dict[str, Path], tmp_path: Path) -> None:
    assert show(written["all"], tmp_path).console == ()
    shown = show(written["digits"], tmp_path)
    assert shown.console == ()
    report = api.report(made)
    assert wrong_numbers(report, shown.dom) == []
    assert shown.dom.count("<svg") == written["digits"].read_text().count("<svg")


@pytest.mark.slow
def test_complaints_of_a_browser_are_seen(written: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    text = written["digits"].read_text()
    broken.write_text(
        text.replace("</main>", '<img src="https://example.org/x.png"><script>no()</script></main>')
    )
    assert len(show(broken, tmp_path).console) == 2  # the page forbids both
    broken.write_text("<script>no()</script>")
    assert "no is not defined" in show(broken, tmp_path).console[0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme"), [("all", "light"), ("graph", "dark")])
def test_it_fits_where_it_is_shown(name: str, scheme: str, written: dict[str, Path], tmp_path: Path) -> None:
    flags = (DARK,) if scheme == "dark" else ()
    shown = show(probe(written[name], tmp_path, (1100, 360)), tmp_path, *flags)
    assert shown.console == ()
    text = re.search(r'<pre id="found">(.*)</pre>', shown.dom)
    assert text
    colour = tuple(int(palette.PAGE[scheme][i : i + 2], 16) for i in (1, 3, 5))
    for frame, wanted in zip(json.loads(html.unescape(text[1])), ("graph wide", "graph narrow"), strict=True):
        assert frame["scroll"] <= frame["width"], frame  # nothing hangs over the edge
        assert frame["graphs"] == [wanted]
        assert frame["out"] == [] and frame["unnamed"] == frame["scrolled"] == 0 < frame["svgs"]
        assert frame["page"] == f"rgb{colour}"


@pytest.mark.slow
def test_what_hangs_over_is_seen(written: dict[str, Path], tmp_path: Path) -> None:
    text = written["digits"].read_text()
    wide = tmp_path / "wide.html"
    wide.write_text(
        text.replace(".scroll { overflow-x: auto;", ".scroll {").replace(
            ">conv1</text>", f">{'conv1' * 9}</text>"
        )
    )
    found = re.search(r'<pre id="found">(.*)</pre>', show(probe(wide, tmp_path, (360,)), tmp_path).dom)
    assert found
    (frame,) = json.loads(html.unescape(found[1]))
    assert frame["scroll"] > frame["width"] and frame["out"]
