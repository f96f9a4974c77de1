"""fpga-squeeze: from a trained SqueezeNet to an FPGA accelerator with every parameter on chip.

The verbs are functions of :mod:`fpga_squeeze.api`, loaded when first used::

    from fpga_squeeze import api
    project = api.generate(output="design", options=api.DesignOptions(lanes=64))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["DoesNotFitError", "FpgaSqueezeError", "__version__", "api", "load_project"]

if TYPE_CHECKING:
    from . import api
    from .errors import DoesNotFitError, FpgaSqueezeError
    from .project.project import load_project

_WHERE = {"FpgaSqueezeError": "errors", "DoesNotFitError": "errors", "load_project": "project.project"}


def __getattr__(name: str) -> Any:
    if name == "api":
        return importlib.import_module(f"{__name__}.api")
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
