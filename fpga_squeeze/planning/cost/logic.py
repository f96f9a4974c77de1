"""Logic LUTs of a kernel, before placement: what its adders, multiplexers and tables come to.

Multiplexers are counted as the RTL builds them (``fsq_mux``, four words in one LUT6). An adder, subtracter or
comparison takes a LUT per bit, a table of 64 entries one per output bit (UG474, "LUT"). The constants are control
logic, measured with Yosys 0.70 (``synth_xilinx -family xc7``); ``fpga-squeeze synth`` sets estimate and measurement
side by side.
"""

from __future__ import annotations

from typing_extensions import assert_never

from ...device.lut_ram import PAGE, ceil_div, line_pages, mux_luts
from ...network.fixed_point import index_bits
from ..engine import EnginePlan, LineBuffer
from ..kinds.control import queue_luts
from ..plan import KernelPlan
from ..requant import TABLE_BITS
from ..weight_memories import CompressedWeights, DenseWeights, gearbox_luts

SEQUENCER, SEQUENCER_STAGE = 50, 14
"""Loop counters of a convolution, and the term that waits behind the next one; of each further stage."""
ROW_GATE, ROW_CURSOR, ROW_WRITER = 33, 22, 32
"""Control of a row buffer: which rows are complete, which are read, where the next one goes."""
WINDOW, WINDOW_ROW = 5, 9
"""Places of the window of a row buffer; of each of its rows, where it has several of them or several columns."""
BANK, SINGLE_PAGE = 3, 7
"""Addresses of a bank; of each page with one address."""
DRAIN = 22
DECODER = 144
"""Words and chunks of a stream, and the step from codeword to codeword, without the tables of the code."""
SYMBOL_WALK, SYMBOL_QUEUE, QUEUE_LEVEL = 29, 15, 8
"""Counters of all decoders of an engine; of a queue of symbols; of one that tells ahead how many wait. One that does
not has a LUT for each bit: the next symbol waits behind the oldest."""
STAGE_WALK = 21
WORD_WALK, WORD_SEGMENT = 2, 10
"""Addresses of a dense weight memory and the place of a unit: for each bit of an address; for each further segment."""
ROWS_PER_GROUP = 3
"""Rows of additions behind each other in ``fsq_multiply``."""


def or_luts(words: int) -> int:
    """LUTs per bit of an OR of ``words`` words, as ``fsq_line_buffer`` weighs it: six inputs a LUT."""
    return (words + 3) // 5


def _row_luts(buffer: LineBuffer, engine: EnginePlan, pages: int, joined: bool) -> int:
    """LUTs of a bit of a row, from the pages of its banks to the pixels that the lanes take: the cheapest way, as
    ``fsq_line_buffer`` finds it. ``joined``: the pixels of another buffer are joined to them by an OR."""
    rows, stride = engine.folding.rows, buffer.stride
    width, choices = buffer.type.shape.width, buffer.taps.choices
    count = engine.lanes_per_row + buffer.taps.shifts - 1
    first = -buffer.pads[0] % (rows * stride)
    banks = min(rows, (first % stride + buffer.window[0] - 1) // stride + 1)
    tap = mux_luts(choices)
    # behind two or four words of a multiplexer there is no input left for the OR
    join = count * (joined and choices not in (2, 3, 5, 6))
    way = (choices + 1) // 3
    all_or, page = or_luts(banks * pages), (pages + 1) // 3 + or_luts(banks)
    words, paged, pixels = (
        width * all_or + count * way,
        width * page + count * way,
        count * (pages * way + all_or),
    )
    block = buffer.memory.style != "lut"
    if not block and pages > 1 and paged <= min(words, pixels):
        return width * (mux_luts(pages) + or_luts(banks)) + count * tap + join
    if not block and pixels < words:
        return count * (pages * tap + or_luts(banks * pages + joined))
    return width * all_or + count * tap + join


def line_buffer_luts(buffer: LineBuffer, engine: EnginePlan) -> int:
    """LUTs of ``fsq_line_buffer``: its pages, the pixels that the lanes take of a word, the rows of the window."""
    rows, memory, bits = engine.folding.rows, buffer.memory, buffer.type.bits
    if memory.style == "lut" and memory.single:
        pages = memory.single * len(line_pages(memory.depth // memory.single))
        addresses = SINGLE_PAGE * pages
    else:
        pages = ceil_div(memory.depth, PAGE) if memory.style == "lut" else 1
        addresses = BANK
    # where pixels change on their way: those outside the image are not 0, or the lanes' are wider or flipped
    count = engine.lanes_per_row + buffer.taps.shifts - 1
    joined = engine.buffers.index(buffer) % 2 == 1
    padded = (buffer.pads[0] > 0 or buffer.pads[2] > 0) and bool(buffer.pad_value.any())
    plain = not padded and not buffer.flip and engine.operand[0] == bits
    changed = 0 if plain else count * (bits if padded or joined else 1)
    row = bits * _row_luts(buffer, engine, pages, joined and plain) + changed + addresses
    control = ROW_GATE + ROW_CURSOR + ROW_WRITER + WINDOW
    return control + rows * (row + (WINDOW_ROW if max(buffer.window) > 1 else 1))


def lane_pixel_luts(engine: EnginePlan) -> int:
    """LUTs of ``fsq_lane_pixels``: the OR of the buffers that are not joined by pairs, the neighbour of each lane."""
    shifts = max(buffer.taps.shifts for buffer in engine.buffers)
    per_bit = or_luts(ceil_div(len(engine.buffers), 2)) + mux_luts(shifts)
    return engine.lanes_per_row * engine.folding.rows * engine.operand[0] * per_bit


def scale_luts(engine: EnginePlan) -> int:
    """LUTs of a requantiser for the sum times its scale: a shifter, or ``fsq_multiply``."""
    requant, bits = engine.requant, engine.sum_bits
    match requant.multiply:
        case "shift":
            return engine.product_bits * mux_luts(requant.most + 1)
        case "lut":
            digits = ceil_div(requant.scale_bits, 2)
            groups = ceil_div(digits, ROWS_PER_GROUP)
            return (digits + 1) * (bits + 2) + (groups - 1) * (bits + 4 * ROWS_PER_GROUP)
        case "dsp":
            return (requant.dsp - 1) * bits
        case _:
            assert_never(requant.multiply)


def drain_luts(engine: EnginePlan) -> int:
    """LUTs of ``fsq_drain``: the sums of a beat, the upper ones of pairs, their requantisers."""
    requant, out, acc = engine.requant, engine.pixel_bits, engine.acc_bits
    rounded = max(engine.product_bits - requant.right, out + 2) + 1
    requantiser = engine.sum_bits + scale_luts(engine) + rounded + 2 + out + 3
    tables = len({stage.table for stage in engine.stages} - {None})
    requantiser += out * (tables * ceil_div(1 << TABLE_BITS, 64) + (tables > 1))
    fours, rest = divmod(engine.beats, 4)
    choice = fours + mux_luts(rest) + mux_luts(ceil_div(engine.beats, 4))
    upper = ceil_div(engine.units, 2) * (acc + 1) if requant.paired else 0
    return engine.units * (acc * choice + requantiser) + upper + DRAIN


def lane_luts(engine: EnginePlan) -> int:
    """LUTs beside the DSP slices: those that count the wraps of a pair's lower sum; where its pixels are signed, a
    borrow that all channels share, and the sign of each product."""
    if not engine.packing.shift:
        return 2
    places, (bits, signed) = engine.lanes_per_row * engine.folding.rows // 2, engine.operand
    pairs = places * engine.folding.channels
    count = max(0, engine.acc_bits - engine.packing.shift)
    return pairs * (count + int(signed)) + places * bits * int(signed) + 2


def _decoder_luts(weights: CompressedWeights) -> int:
    """LUTs of the decoders, of the walk through their symbols, and of the queues of those."""
    run_bits, weight_bits = weights.symbol_bits
    stages = len(weights.layers)
    total = SYMBOL_WALK + STAGE_WALK * (stages > 1)
    total += sum(
        SYMBOL_QUEUE + (QUEUE_LEVEL if queue.ahead else queue.bits) for queue in weights.symbol_queues
    )
    for stream in weights.streams:
        bits = run_bits if stream.channel is None else weight_bits
        total += DECODER + (4 + bits) * len(set(stream.codes)) + (bits if stream.extra else 0)
        total += STAGE_WALK * (len(stream.segments) > 1)
    return total


def parameter_luts(engine: EnginePlan) -> int:
    """LUTs of ``<kernel>_params``: stacks of block RAM, gearbox or decoders, and terms kept for further phases."""
    weights = engine.weights
    stacks = 0
    for memory in (*weights.roms, engine.table):
        columns = {tile.bit: tile.width for tile in memory.tiles}
        for bit, width in columns.items():
            stacks += width * mux_luts(sum(tile.bit == bit for tile in memory.tiles))
    pages = ceil_div(max(stage.terms for stage in engine.stages), PAGE) if engine.folding.phases > 1 else 1
    if isinstance(weights, DenseWeights):
        gearbox = gearbox_luts(weights.word_bits, weights.unit_bits)
        gearbox += WORD_WALK * index_bits(weights.memory.depth) + WORD_SEGMENT * (len(weights.segments) - 1)
        return stacks + gearbox + engine.unit_bits * mux_luts(pages)
    kernel = max(size for stage in engine.stages for size in stage.conv.kernel)
    positions = 110 if len(engine.stages) > 1 else 76 if kernel > 1 else 16
    term = engine.unit_bits + 16
    return stacks + _decoder_luts(weights) + positions + term * mux_luts(pages)


def engine_luts(engine: EnginePlan) -> int:
    """LUTs of an engine with its parameters."""
    stages, buffers = len(engine.stages), len(engine.buffers)
    total = SEQUENCER + (stages - 1) * SEQUENCER_STAGE + queue_luts(engine.output.depth) + drain_luts(engine)
    total += lane_luts(engine) + parameter_luts(engine)
    total += sum(line_buffer_luts(buffer, engine) for buffer in engine.buffers)
    cursors = (len(engine.cursors) - buffers) * ROW_CURSOR
    return total + (stages - buffers) * ROW_GATE + lane_pixel_luts(engine) + cursors


def logic_luts(kernel: KernelPlan) -> int:
    """Logic LUTs of any kernel."""
    return engine_luts(kernel) if isinstance(kernel, EnginePlan) else kernel.luts


def shift_register_luts(kernel: KernelPlan) -> int:
    """LUTs used as shift registers: the delays of weights, and of what a pass carries beside its sums."""
    if not isinstance(kernel, EnginePlan):
        return 0
    return kernel.folding.channels * kernel.weight_bits + 15
