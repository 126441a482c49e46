"""Every error that ffplay raises on purpose, each with the exit code that the command ends with.

    Error                       1   anything below; never raised itself
    |-- InputError              3   the playbook, inventory, template or command line is wrong (carries all findings)
    |-- SiteError               1   the site is not as the play needs it
    |   |-- ChangeFailed        2   a change was tried and did not succeed
    |   |-- NotConverged        5   a change ran, and reading again showed another value than planned
    |   |-- CheckFailed         6   a check (verify, assert, wait_for) found the site wrong
    |   `-- Refused             7   preflight or a safety rule forbids to go on; nothing was changed by the step
    |       `-- Stale           7   the site or the files are no longer as they were when the plan was made
    |-- Unreachable             4   a host cannot be reached, or was lost
    |   |-- HostKeyError        4   its host key is unknown or another one
    |   |-- AuthError           4   it does not let us in
    |   `-- BecomeError         4   it lets us in and sudo refuses
    |-- Locked                  9   another run holds the site's lock, or took over this one's
    |-- SiteErrors                several hosts' errors at once, with the exit code of the first
    `-- Interrupted           130   the operator stopped the run

Imports nothing of ours but the data types.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ffplay.model import Mark

# What an operator does who stopped a run.
GO_ON = "to go on, run the same command again: what is done stays done, and what still runs is waited for"


# What `--detailed-exitcode` ends with when there are changes, as Terraform's does. A plan tries no change, so there it
# cannot be taken for a failed one (`ChangeFailed`).
CHANGES_EXIT_CODE = 2
# What `lint` ends with when a rule found something.
FINDINGS_EXIT_CODE = 8
BUG_EXIT_CODE = 70


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in what a person wrote: where, what, and what to do instead.

    `line_text` is the offending line as it stands in the file; empty where there is none to show.
    """

    mark: Mark | None
    message: str
    hint: str = ""
    line_text: str = ""


class Error(Exception):
    """Root of the errors. `advice` says what the operator can do now."""

    exit_code = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class InputError(Error):
    """What the operator wrote is wrong; `findings` holds every mistake, in the order of the files."""

    exit_code = 3

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(finding.message for finding in self.findings))


def usage_error(message: str, hint: str = "") -> InputError:
    """Return the error for a wrong command line."""
    return InputError([Finding(None, message, hint)])


class HostError(Error):
    """An error of one host; `host` is its inventory name, `output` what it printed, if anything."""

    def __init__(self, host: str, message: str, advice: str = "", output: str = "") -> None:
        super().__init__(message, advice)
        self.host = host
        self.output = output


class SiteError(HostError):
    """The site is not as the play needs it."""


class ChangeFailed(SiteError):
    """A change was tried and did not succeed; `code` is the exit code of its tool, None where that is not known."""

    exit_code = 2

    def __init__(self, host: str, message: str, advice: str = "", output: str = "", code: int | None = None) -> None:
        super().__init__(host, message, advice, output)
        self.code = code


class NotConverged(SiteError):
    """A change ran, and reading again showed another value than the plan had."""

    exit_code = 5


class CheckFailed(SiteError):
    """A check found the site wrong."""

    exit_code = 6


class Refused(SiteError):
    """A safety rule forbids to go on."""

    exit_code = 7


class Stale(Refused):
    """A plan is no longer true: the site, or what it was made from, changed since."""


class Unreachable(HostError):
    """The host cannot be reached, or the connection to it was lost."""

    exit_code = 4


class HostKeyError(Unreachable):
    """The host's key is not the one that known_hosts has, or is not there at all."""


class AuthError(Unreachable):
    """The host refused every way to log in that we had."""


class BecomeError(Unreachable):
    """We are logged in, and sudo refuses."""


class Locked(HostError):
    """Another run holds the site's lock."""

    exit_code = 9


class SiteErrors(Error):
    """Several hosts have errors; `errors` holds all of them, and the exit code is the first one's."""

    def __init__(self, errors: tuple[HostError, ...]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error.host}: {error.message}" for error in errors), errors[0].advice)
        self.exit_code = errors[0].exit_code


class Interrupted(Error):
    """The operator stopped the run."""

    exit_code = 130

    def __init__(self, message: str, advice: str = GO_ON) -> None:
        super().__init__(message, advice)
