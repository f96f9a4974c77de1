"""Drivers of a project on a simulated board: Python on a stand-in for pynq, C linked with the simulation.

What a driver gives are golden's logits; what goes wrong is told, and the next job is right.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driver_board import BASE, FRAMES, TESTS, Bench, make_bench
from pynq_stand_in import Board

from fpga_squeeze.emit.registers import REGISTERS, name_hash, register

pytestmark = pytest.mark.slow
KINDS = ("dma", "stream")
DONE = 2
"""Bits of status."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One simulation for all processes of a run."""
    folder = tmp_path_factory.mktemp("drivers")
    workers = "PYTEST_XDIST_WORKER" in os.environ
    shared = tmp_path_factory.getbasetemp().parent / "driver_board" if workers else folder / "board"
    shared.mkdir(exist_ok=True)
    return make_bench(folder, shared)


# ------------------------------------------------------------------------------------------------------ Python


@pytest.mark.parametrize("kind", KINDS)
def test_python_gives_the_logits_of_golden(bench: Bench, kind: str) -> None:
    with bench.python(kind) as (module, board):
        with module.Accelerator(str(bench.bitfile), batch=2) as accelerator:
            logits = accelerator.predict(bench.images)
            assert logits.dtype == np.int32 and logits.shape == bench.logits.shape
            assert np.array_equal(logits, bench.logits)
            assert np.array_equal(accelerator.predict(bench.images[3]), bench.logits[3:4])
            assert accelerator.predict(bench.images[:0]).shape == (0, bench.shell.classes)
            output = bench.plan.model.output
            worth = (bench.logits - output.zero) * output.scale
            assert np.array_equal(accelerator.values(logits), worth)
            told = accelerator.throughput_test(repeats=2)
            assert told["frames"] == 4 and told["frames_per_second"] > 0
            if kind == "dma":
                assert (
                    told["last_frame_cycles"] == told["planned_cycles_per_frame"] < told["cycles_per_frame"]
                )
            assert np.array_equal(accelerator.predict(bench.images), bench.logits)
        assert board.freed == 2 and board.downloads == 1
        if kind == "stream":  # a transfer per frame and direction
            size = bench.shell.frame_bytes
            frames = FRAMES + 1 + 4 + FRAMES
            assert sorted(board.transfers) == sorted(frames * [size, 4 * bench.shell.classes])
            assert not board.lib.sim_frame_error()


@pytest.mark.parametrize("kind", KINDS)
def test_python_refuses_images_that_are_none(bench: Bench, kind: str) -> None:
    with bench.python(kind) as (module, _):
        accelerator = module.Accelerator(str(bench.bitfile))
        with pytest.raises(TypeError, match="images are float32; give raw pixels, uint8"):
            accelerator.predict(bench.images.astype(np.float32))
        with pytest.raises(ValueError, match=r"takes \(N, 7, 7, 3\); channels come last"):
            accelerator.predict(bench.images.transpose(0, 3, 1, 2))
        for wrong in (bench.images[:, 1:], bench.images[0, 0], bench.images[None]):
            with pytest.raises(ValueError, match="images have shape"):
                accelerator.predict(wrong)
        with pytest.raises(ValueError, match="batch is 0"):
            module.Accelerator(str(bench.bitfile), batch=0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("id", 0, "register id reads 0x00000000 instead of 0x53515346: no accelerator"),
        ("version", 0x20003, r"register version reads 2\.3, the driver is for 1"),
        ("network", name_hash("other"), "another network than random"),
        ("classes", 10, "register classes reads 0xa instead of 0x5"),
        ("frame_bytes", 160, "register frame_bytes reads 0xa0"),
        ("config", 8, "register config reads 0x8"),
    ],
)
def test_python_tells_another_design(bench: Bench, name: str, value: int, message: str) -> None:
    with bench.python("dma") as (module, board):
        board.lies = {register(name).offset: value}
        with pytest.raises(module.AcceleratorError, match=message):
            module.Accelerator(str(bench.bitfile))
        if name == "version":  # a younger one of the same major
            board.lies = {register(name).offset: 0x10007}
            module.Accelerator(str(bench.bitfile))


def test_python_finds_the_accelerator(bench: Bench) -> None:
    file = str(bench.bitfile)
    with bench.python("dma") as (module, board):
        entry = board.ips.pop("fsq")
        with pytest.raises(
            module.AcceleratorError, match="has no ips that are accelerators; give ip, one of: dma"
        ):
            module.Accelerator(file)
        board.ips["a"] = entry | {"type": "xilinx.com:module_ref:fsq_ip:1.0"}
        assert np.array_equal(module.Accelerator(file).predict(bench.images[0]), bench.logits[:1])
        board.ips["b"] = entry
        with pytest.raises(
            module.AcceleratorError, match="has 2 ips that are acc.*; give ip, one of: dma, a, b"
        ):
            module.Accelerator(file)
        with pytest.raises(module.AcceleratorError, match="no ip called mine"):
            module.Accelerator(file, ip="mine")
        assert np.array_equal(module.Accelerator(file, ip="b").predict(bench.images[0]), bench.logits[:1])
    with bench.python("stream") as (module, board):
        with pytest.raises(
            module.AcceleratorError, match="no ip called axi_dma_0; give dma, one of: fsq, dma"
        ):
            module.Accelerator(file, dma="axi_dma_0")
        assert np.array_equal(module.Accelerator(file, dma="dma").predict(bench.images[0]), bench.logits[:1])


def again(bench: Bench, accelerator: Any) -> bool:
    return np.array_equal(accelerator.predict(bench.images), bench.logits)


@pytest.mark.parametrize(("fault", "side"), [(1, "read"), (2, "write")])
def test_python_tells_an_error_of_the_bus(bench: Bench, fault: int, side: str) -> None:
    with bench.python("dma") as (module, board):
        accelerator = module.Accelerator(str(bench.bitfile), batch=2)
        board.lib.sim_fault(fault)
        with pytest.raises(
            module.AcceleratorError, match=f"0 of 2 frames were done: the memory answered a {side}"
        ):
            accelerator.predict(bench.images)
        board.lib.sim_fault(0)
        assert again(bench, accelerator)


def test_python_tells_a_job_that_takes_too_long(bench: Bench) -> None:
    with bench.python("dma") as (module, board):
        accelerator = module.Accelerator(str(bench.bitfile), batch=5)
        with pytest.raises(TimeoutError, match="0 of 5 frames were done after 0 s; the job was ended"):
            accelerator.predict(bench.images, timeout=0)
        assert again(bench, accelerator)
        board.lib.sim_fault(3)
        module.PATIENCE = 0.01
        with pytest.raises(
            module.AcceleratorTimeout, match="its memory does not answer: load the bitstream again"
        ):
            accelerator.predict(bench.images, timeout=0.01)
        with pytest.raises(module.AcceleratorError, match="a job of before does not end"):
            module.Accelerator(str(bench.bitfile), download=False)
        assert again(bench, module.Accelerator(str(bench.bitfile), batch=5))
    with bench.python("stream") as (module, board):
        accelerator = module.Accelerator(str(bench.bitfile))
        board.lib.sim_fault(3)
        with pytest.raises(
            module.AcceleratorTimeout, match="0 of 5 frames were done after 0.01 s; call reset"
        ):
            accelerator.predict(bench.images, timeout=0.01)
        with pytest.raises(module.AcceleratorError, match="parts of it are left; call reset"):
            accelerator.predict(bench.images)
        accelerator.reset()
        assert board.downloads == 2 and again(bench, accelerator)


def test_python_tells_a_frame_of_wrong_length(bench: Bench) -> None:
    with bench.python("dma") as (module, board):
        accelerator = module.Accelerator(str(bench.bitfile), batch=2)
        board.lib.sim_write(register("frame_bytes").offset, bench.shell.frame_bytes + 8)
        with pytest.raises(module.AcceleratorError, match="a frame of wrong length"):
            accelerator.predict(bench.images)
        board.lib.sim_write(register("frame_bytes").offset, bench.shell.frame_bytes)
        assert again(bench, accelerator)
    sources = bench.sources("stream")
    for classes, why in (
        (4, "stopped with an error while it received frame 0"),
        (6, "frame 0 has 20 bytes of logits instead of 24"),
    ):
        text = sources["fsq_network.py"].replace("CLASSES = 5", f"CLASSES = {classes}")
        with bench.python("stream", sources | {"fsq_network.py": text}) as (module, _):
            accelerator = module.Accelerator(str(bench.bitfile))
            with pytest.raises(module.AcceleratorError, match=why):
                accelerator.predict(bench.images)


def test_python_runs_buffers_of_the_caller(bench: Bench) -> None:
    with bench.python("dma") as (module, board):
        accelerator = module.Accelerator(str(bench.bitfile))
        pixels, words = accelerator.allocate(FRAMES)
        pixels[:, : bench.images[0].size] = bench.images.reshape(FRAMES, -1)
        accelerator.run(pixels[1:], words, FRAMES - 1)
        assert np.array_equal(words[: FRAMES - 1, :5].view(np.int32), bench.logits[1:])
        flat, size = pixels.reshape(-1), bench.shell.frame_bytes
        far = board.allocate(size, np.uint8)
        far.device_address = (1 << 40) - 8
        for buffer, why in (
            (flat[4 : 4 + size], "no multiple of 8"),
            (pixels[:2], "is not 456 bytes in one piece"),
            (pixels[::2], "in one piece"),
            (far, "beyond the 40 bits"),
            (bench.images, "no buffer of pynq"),
        ):
            frames = 3 if buffer is not far and len(buffer) < 6 else 1
            with pytest.raises(module.AcceleratorError, match=why):
                accelerator.run(buffer, words, frames)
        # what the driver does not see, the shell tells
        module.Accelerator._check_buffer = lambda *_: None
        with pytest.raises(module.AcceleratorError, match="an address is not a multiple of 8, or"):
            accelerator.run(flat[4 : 4 + size], words, 1)
        assert again(bench, accelerator)


BROKEN = [
    ("dma", "accelerator.py", "source.flush()", "pass"),
    ("dma", "accelerator.py", "target.invalidate()", "pass"),
    ("dma", "accelerator.py", "address >> 32)", "0)"),
    ("dma", "accelerator.py", "images[start : start + batch]", "images[:batch][: len(images) - start]"),
    ("dma", "fsq_common.py", "words[:, : network.CLASSES]", "words[:, 1:]"),
    ("dma", "fsq_network.py", '"target": 0x3C', '"target": 0x34'),
    ("stream", "accelerator.py", "self._words[received,", "self._words[0,"),
    ("stream", "accelerator.py", "self._pixels[sent, :", "self._pixels[0, :"),
    ("stream", "accelerator.py", "receive.wait()", "pass"),
]


@pytest.mark.parametrize(("kind", "file", "old", "new"), BROKEN, ids=[f"{b[0]}-{b[2]}" for b in BROKEN])
def test_a_broken_driver_is_caught(bench: Bench, kind: str, file: str, old: str, new: str) -> None:
    sources = bench.sources(kind)
    assert sources[file].count(old) == 1
    with bench.python(kind, sources | {file: sources[file].replace(old, new)}) as (module, _):
        try:
            logits = module.Accelerator(str(bench.bitfile), batch=2, timeout=1).predict(bench.images)
        except module.AcceleratorError:
            return
        assert not np.array_equal(logits, bench.logits)


# ----------------------------------------------------------------------------------------------------------- C


@pytest.fixture(scope="module")
def objects(bench: Bench) -> dict[str, Path]:
    """Of the driver, and of the program around it."""
    sources = [bench.folder / "dma" / "c" / name for name in ("fsq.c", "fsq_linux.c", "fsq_bare.c")]
    return bench.compile_c([*sources, TESTS / "driver_main.c"], bench.folder / "objects")


@pytest.fixture(scope="module")
def program(bench: Bench, objects: dict[str, Path]) -> Path:
    return bench.link_c(objects, bench.folder / "driver")


def run(bench: Bench, program: Path, mode: str, folder: Path | None = None) -> tuple[list[list[str]], str]:
    """Blocks of what the program prints, each ended by a status; and what stands behind them."""
    images = bench.folder / "images.bin"
    images.write_bytes(bench.images.tobytes())
    done = subprocess.run(
        [str(program), mode, str(images), str(FRAMES)],
        cwd=folder or bench.rtl,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"code {done.returncode}: {done.stdout}{done.stderr}"
    blocks: list[list[str]] = [[]]
    for line in done.stdout.splitlines():
        blocks[-1].append(line)
        if re.match(r"\d+ [a-z]", line):
            blocks.append([])
    return blocks[:-1], "\n".join(blocks[-1])


def is_right(bench: Bench, block: list[str]) -> bool:
    """Whether a block has golden's logits, and what they are worth."""
    if block[-1] != "0 ok":
        return False
    rows = [line.split() for line in block[:-1]]
    output = bench.plan.model.output
    worth = (bench.logits - output.zero) * output.scale
    integers, values = [int(row[0]) for row in rows], [float(row[1]) for row in rows]
    return bool(integers == bench.logits.reshape(-1).tolist() and values == worth.reshape(-1).tolist())


@pytest.mark.parametrize("mode", ["poll", "interrupt", "bare"])
def test_c_gives_the_logits_of_golden(bench: Bench, program: Path, mode: str) -> None:
    blocks, rest = run(bench, program, mode)
    assert len(blocks) == 1 and is_right(bench, blocks[0])
    cycles, _, interrupts = (int(n) for n in re.findall(r"\d+", rest)[:3])
    assert cycles > 0 and interrupts == (3 if mode == "interrupt" else 0)
    if mode == "bare":
        room = -(-3 * bench.shell.frame_bytes // 64) * 64
        assert f"batch 3, logits at {BASE + room:#x}" in rest


@pytest.mark.parametrize(
    ("mode", "told", "after"),
    [
        ("id", "1 register id is another one", False),
        ("version", "2 register version is another one", False),
        ("network", "3 the bitstream holds another network than random", False),
        ("misaligned", "4 a buffer's address is not a multiple of 8", False),
        ("beyond", "5 a buffer lies beyond", False),
        ("small", "6 a buffer is smaller", True),
        ("timeout", "7 the job did not end in time, and was ended", True),
        ("stuck", "8 the job does not end, its memory does not answer", False),
        ("read", "9 the memory answered a read with SLVERR", True),
        ("write", "10 the memory answered a write with SLVERR", True),
        ("length", "11 a frame of wrong length", True),
    ],
)
def test_c_tells_what_is_wrong(bench: Bench, program: Path, mode: str, told: str, after: bool) -> None:
    blocks, _ = run(bench, program, mode)
    assert blocks[0][0].startswith(told)
    if mode == "small":
        assert all(block == blocks[0] for block in blocks)
    else:
        assert len(blocks) == 1 + after and (not after or is_right(bench, blocks[1]))


def test_c_on_linux_maps_registers_and_memory(bench: Bench, program: Path, tmp_path: Path) -> None:
    """Files stand for devices. The memory is the simulated board's, too; its registers are no file's."""
    files = {"uio0": b"FSQS".ljust(4096, b"\0"), "udmabuf0": bytes(1 << 16)}
    attributes = tmp_path / "class" / "udmabuf0"
    attributes.mkdir(parents=True)
    (tmp_path / "params").symlink_to(bench.rtl / "params")
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (attributes / "phys_addr").write_text(f"{BASE:#018x}\n")
    for frames in (2, 0):
        (attributes / "size").write_text(
            f"{frames * (bench.shell.frame_bytes + bench.shell.result_bytes) + 8}\n"
        )
        blocks, rest = run(bench, program, "linux", tmp_path)
        if frames:
            assert is_right(bench, blocks[0])
            assert f"batch 2, logits at {BASE + 2 * bench.shell.frame_bytes:#x}" in rest
            at = register("frames").offset
            assert (tmp_path / "uio0").read_bytes()[at : at + 4] == b"FSQS"
        else:
            assert blocks[0][0].startswith("6 a buffer is smaller")
    (attributes / "size").unlink()
    with pytest.raises(AssertionError, match="code 3"):
        run(bench, program, "linux", tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "fsq.c",
            "platform->clean(platform->context, pixels->data",
            "if (0) platform->clean(0, pixels->data",
        ),
        ("fsq.c", "if (platform->invalidate)", "if (0)"),
        ("fsq.c", "(uint32_t)(pixels->address >> 32)", "0"),
        ("fsq.c", "images + (size_t)(first + i)", "images + (size_t)i"),
        ("fsq_network.h", "FSQ_R_TARGET 0x3Cu", "FSQ_R_TARGET 0x34u"),
    ],
)
def test_a_broken_c_driver_is_caught(
    bench: Bench, objects: dict[str, Path], tmp_path: Path, file: str, old: str, new: str
) -> None:
    for path in (bench.folder / "dma" / "c").iterdir():
        text = path.read_text()
        assert path.name != file or text.count(old) == 1
        (tmp_path / path.name).write_text(text.replace(old, new) if path.name == file else text)
    broken = bench.compile_c([tmp_path / "fsq.c"], tmp_path)
    blocks, _ = run(bench, bench.link_c(objects | broken, tmp_path / "driver"), "poll")
    assert not is_right(bench, blocks[0])


def test_the_example_in_c_is_a_program(bench: Bench, objects: dict[str, Path], tmp_path: Path) -> None:
    example = bench.compile_c([bench.folder / "dma" / "c" / "example.c"], tmp_path)
    program = bench.link_c(
        example | {name: objects[name] for name in ("fsq", "fsq_linux")}, tmp_path / "example"
    )
    done = subprocess.run([program], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "usage: example" in done.stderr
    images = tmp_path / "images.bin"
    images.touch()
    done = subprocess.run([program, images, "/dev/no-uio"], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("accelerator: No such file")


def test_the_map_of_both_languages_is_that_of_the_rtl(bench: Bench) -> None:
    header = (bench.folder / "dma" / "c" / "fsq_network.h").read_text()
    told = {name: int(value, 16) for name, value in re.findall(r"#define (FSQ_\w+) (0x[0-9A-F]+)u", header)}
    scope: dict[str, Any] = {}
    exec(bench.sources("dma")["fsq_network.py"], scope)
    for one in REGISTERS:
        assert told[f"FSQ_R_{one.name.upper()}"] == scope["OFFSETS"][one.name] == one.offset
        for field in one.fields:
            name = f"{one.name}.{field.name}"
            assert told[f"FSQ_{name.replace('.', '_').upper()}"] == scope["MASKS"][name] == field.mask
    with bench.beside_rtl():
        reads = Board(bench.library).lib.sim_read
        for name in ("id", "version", "config"):
            assert told[f"FSQ_{name.upper()}"] == scope[name.upper()] == reads(register(name).offset)
        assert told["FSQ_NETWORK_HASH"] == scope["NETWORK_HASH"] == reads(register("network").offset)
