"""Where the LUTs of a design are: a part of the accelerator for every module of the RTL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

OTHERS = "others"
"""LUTs of modules that neither they nor those around them name a part for."""
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "fsq_taps": "taps",
        "fsq_page_join": "page choice",
        "fsq_line_buffer": "row memories",
        "fsq_line_writer": "control",
        "fsq_row_store": "row memories",
        "fsq_lane_pixels": "stage choice",
        "fsq_engine": "control",
        "fsq_mac_array": "lanes",
        "fsq_mac_pair": "pair correction",
        "fsq_mac_lane": "lanes",
        "fsq_delivery": "word assembly",
        "fsq_beat_sums": "waiting sums",
        "fsq_unpair": "pair correction",
        "fsq_requant": "requantisers",
        "fsq_recode": "requantisers",
        "fsq_params": "tables",
        "fsq_rom": "tables",
        "fsq_weight_stream": "weights' gearbox",
        "fsq_word_stream": "weights' gearbox",
        "fsq_symbol_queue": "decoders",
        "fsq_symbol_walk": "decoders",
        "fsq_prefix_decoder": "decoders",
        "fsq_fifo": "FIFOs",
        "fsq_max_pool": "pools",
        "fsq_max_pool_steps": "pools",
        "fsq_avg_pool": "pools",
        "fsq_window_pool": "pools",
        "fsq_add": "joins",
        "fsq_concat": "joins",
        "fsq_input": "input and output",
        "fsq_output": "input and output",
        "fsq_registers": "shell",
        "fsq_dma": "shell",
    }
)
"""Part by module ("page choice": what joins the pages of the row memories, "stage choice": the rows of the stages of an
engine, "waiting sums": multiplexers of the sums that wait for the requantisers, "joins": sums and concatenations).
Every other module is of the part around it: a memory or a multiplexer is of what it serves."""
_MODULE = re.compile(r"(?:\$paramod(?:\$\w+)?\\)?(\w+)")


def module_name(name: str) -> str:
    """Name in the RTL of a module that Yosys has specialised; that of an engine's parameters is fsq_params."""
    found = _MODULE.match(name)
    assert found, name
    return "fsq_params" if found[1].endswith("_params") else found[1]


def part_of(path: str) -> str:
    """Part of what lies in a module, whose ``path`` names the modules around it, the outermost first."""
    part = OTHERS
    for module in path.split("/"):
        part = PARTS.get(module, part)
    return part
