"""Every error that helmmail raises on purpose, and the exit code that each one has.

The command line turns them into one or two lines on stderr in a single place (`helmmail.cli`).
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_INPUT = 2
EXIT_UNKNOWN = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class HelmmailError(Exception):
    """Base of all errors; `exit_code` is what the process ends with."""

    exit_code = EXIT_INPUT


class InputError(HelmmailError):
    """The input or the options cannot be used.

    The text starts with the place (`file:line:column: `) where one is known, and ends with what to do.
    """


class InputErrors(InputError):  # noqa: N818 (several of them)
    """Several input errors of one run, told together."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


class ProofError(HelmmailError):
    """An edit that would have changed more than it should: a bug in helmmail, nothing is written."""

    exit_code = EXIT_BUG


def merge_errors(errors: Sequence[InputError]) -> InputError:
    """One error to raise for a non-empty list of them."""
    return errors[0] if len(errors) == 1 else InputErrors(errors)
