"""An HLS tool's Verilog as Yosys maps it: the measure that our own RTL is counted by."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...device.catalogue import Family
from ...errors import FpgaSqueezeError
from ..synthesis import Resources
from ..tools import first_error
from ..yosys import YOSYS_FAMILY, find_yosys


def map_verilog(files: Sequence[Path], top: str, family: Family) -> Resources:
    """Cells of module ``top``, flattened; ``files`` lie in one folder.

    Raises FpgaSqueezeError where Yosys is missing or refuses them.
    """
    folder = files[0].parent
    script = (
        # modules as they are instantiated: the defaults of their parameters name files that do not exist
        f"read_verilog -defer {' '.join(path.name for path in files)}; hierarchy -top {top}; "
        f"synth_xilinx -family {YOSYS_FAMILY[family]} -top {top} -flatten -noiopad -noclkbuf; "
        "tee -q -o fsq_cells.json stat -json"
    )
    done = subprocess.run(
        [*find_yosys(), "-q", "-p", script], cwd=folder, text=True, capture_output=True, check=False
    )
    if done.returncode:
        output = done.stdout + done.stderr
        errors = "\n".join(line for line in output.splitlines() if "ERROR" in line)
        raise FpgaSqueezeError(f"{folder}: Yosys refuses the Verilog: {first_error(errors or output)}")
    try:
        design = json.loads((folder / "fsq_cells.json").read_text(encoding="utf-8"))["design"]
        return Resources.of(Counter(design["num_cells_by_type"]))
    except (OSError, ValueError, KeyError) as error:
        raise FpgaSqueezeError(f"{folder}: Yosys counted no cells ({error})") from error
