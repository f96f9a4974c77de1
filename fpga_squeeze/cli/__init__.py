"""The command line: parses, prints, exits; :mod:`fpga_squeeze.api` does the work.

Exit codes: 0 all equal, or done; 1 a mismatch, an interval or a clock that an HLS tool misses, or the design does not
fit; 2 bad input, or a tool that is missing or fails.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from .. import __version__
from ..errors import DoesNotFitError, FpgaSqueezeError
from . import accuracy, design, exploration, fetch, inspection, network, shrink, simulation
from .flags import with_flags
from .hls import hls
from .options import join_numbers
from .report import report

MISMATCH, BAD_INPUT, INTERRUPTED = 1, 2, 130


class _AsWritten(click.Group):
    """Lists its commands in the order of the work, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_AsWritten, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def app() -> None:
    """From a trained SqueezeNet to an FPGA accelerator: HLS C++ and RTL, proven bit for bit."""


for _command in (design.quantize, design.generate, simulation.csim, simulation.cosim, simulation.compare):
    app.add_command(_command)
for _command in (hls, design.estimate, simulation.synth, simulation.timing, accuracy.evaluate):
    app.add_command(_command)
app.add_command(accuracy.trace)
for _command in (report, exploration.explore, network.network, shrink.compress, design.golden):
    app.add_command(_command)
for _command in (inspection.inspect, fetch.fetch):
    app.add_command(_command)


def _complain(error: object) -> None:
    """One line on stderr."""
    print("error:", with_flags(" ".join(str(error).split())), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code and never raises for a user's mistake."""
    try:
        result = app.main(
            args=join_numbers(sys.argv[1:] if arguments is None else arguments),
            prog_name="fpga-squeeze",
            standalone_mode=False,
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except DoesNotFitError as error:
        _complain(error)
        return MISMATCH
    except FpgaSqueezeError as error:
        _complain(error)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.ClickException as error:
        _complain(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; keep the interpreter from complaining when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
    except MemoryError:
        _complain("out of memory; run fewer images at once")
    return BAD_INPUT
