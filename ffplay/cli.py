"""The command `ff-play`: its verbs' composition root, and where errors become exit codes.

Nothing heavy is imported before a verb needs it, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from ffplay.arguments import parse
from ffplay.errors import BUG_EXIT_CODE, Error, Interrupted
from ffplay.secret import MaskedStream, Secrets
from ffplay.verbs import module

if TYPE_CHECKING:
    from ffplay.report.style import Style


def command() -> NoReturn:
    """Run the command and end the process with its exit code, at once.

    The MongoDB driver's threads look every half a second whether they are still wanted, and an interpreter that ends
    in the ordinary way waits for them.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. Whatever it writes to the standard streams has its secrets masked."""
    words = list(sys.argv[1:] if argv is None else argv)
    # A file's or a host's bytes need not be text in the terminal's encoding.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    secrets, streams = Secrets(), (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = (MaskedStream(stream, secrets) for stream in streams)
    try:
        return _main(words, secrets)
    finally:
        sys.stdout, sys.stderr = streams


def _main(words: list[str], secrets: Secrets) -> int:
    args = argparse.Namespace(verbose=0, json=False, color=None)
    try:
        args = parse(words)
        args.secrets = secrets
        from ffplay.report.output import Output

        output = Output(sys.stdout, terminal=sys.stdout.isatty() and not args.json)
        code: int = module(args.verb).run(args, output, style_for(sys.stdout, args))
        return code
    except Error as error:
        return _fail(error, args)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"), args)
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001  (whatever it is, the operator gets one line and not a traceback)
        return _bug(error, args)
    finally:
        _flush()


def style_for(stream: TextIO, args: argparse.Namespace) -> Style:
    """Return how text on a stream looks: in colours on a terminal, unless the operator or NO_COLOR says otherwise."""
    from ffplay.report.style import Style

    terminal = stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    colour = terminal if args.color is None else args.color
    return Style(colour, args.verbose, getattr(args, "diff", ""))


def _fail(error: Error, args: argparse.Namespace) -> int:
    from ffplay.report.failure import explain
    from ffplay.report.output import Output

    if args.json:
        from ffplay.report.json_lines import JsonLines

        JsonLines(Output(sys.stdout)).error(error)
    Output(sys.stderr).lines(explain(error, style_for(sys.stderr, args)))
    return error.exit_code


def _bug(error: Exception, args: argparse.Namespace) -> int:
    if args.verbose >= 3:
        import traceback

        sys.stderr.write("".join(traceback.format_exception(error)))
    hint = "" if args.verbose >= 3 else " (-vvv shows where)"
    sys.stderr.write(f"this is a bug in ffplay, please report it: {type(error).__name__}: {error}{hint}\n")
    return BUG_EXIT_CODE


def _flush() -> None:
    """Flush standard output; where nobody reads it any more, keep the interpreter from complaining at its end."""
    from ffplay.report.output import gone

    try:
        sys.stdout.flush()
    except OSError as error:
        if not gone(error):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
