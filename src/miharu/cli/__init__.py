"""The command line; `main` is what the installed command runs."""

from __future__ import annotations

import gc
import sys
from typing import Final

from miharu.cli.app import make_app
from miharu.core.errors import EXIT_DONE, MiharuError, QueryError

_INTERRUPTED: Final = 130
_COLLECTED_EVERY: Final = 100_000
"""Objects made between two looks of the garbage collector. Imports and rules make many that stay: with Python's own
700 it took a seventh of a command's start to find that out again and again."""


def main() -> None:
    """Run the command line; errors a person can act on become one sentence on stderr and an exit code."""
    gc.set_threshold(_COLLECTED_EVERY, *gc.get_threshold()[1:])
    try:
        make_app(sys.argv[1:])(standalone_mode=True)
    except MiharuError as error:
        sys.stderr.write(f"miharu: {_sentence(error)}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): that is its right, not a fault.
        sys.stderr.close()
        sys.exit(EXIT_DONE)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        # At its end the interpreter looks for cycles among everything; that took a quarter of a second, for nothing.
        gc.freeze()


def _sentence(error: MiharuError) -> str:
    text = str(error)
    if isinstance(error, QueryError) and error.hint and error.hint not in text:
        return f"{text} {error.hint[:1].upper()}{error.hint[1:]}."
    return text
