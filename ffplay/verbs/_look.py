"""What the verbs that only look at a site end with. A host that does not answer does not hide the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from ffplay.errors import HostError
from ffplay.report.failure import explain
from ffplay.report.output import Output
from ffplay.report.style import Style


def ended(errors: Iterable[HostError], style: Style) -> int:
    """Tell what could not be read, on standard error, and return the exit code of the first."""
    found = list(errors)
    for error in found:
        Output(sys.stderr).lines(explain(error, Style(False, style.verbose)))
    return found[0].exit_code if found else 0


def text(document: object) -> str:
    """Return a document as JSON that a person can read too."""
    return json.dumps(document, indent=2, ensure_ascii=False)
