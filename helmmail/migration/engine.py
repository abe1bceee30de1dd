"""The move as one step: plan it, prove it, check the result, write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.migration.plan import Plan, plan_move
from helmmail.migration.target import Target
from helmmail.model import Finding, Severity
from helmmail.settings.provider import Provider
from helmmail.settings.reader import Reader


class Move(NamedTuple):
    """A proved plan. `results` are the changed documents as they shall be; `broken` is what forbids to write them."""

    plan: Plan
    results: Sequence[Document] = ()
    broken: Sequence[Finding] = ()

    def write(self) -> None:
        """Writes all changed files, or none. Raises InputError where one cannot be written."""
        from helmmail.migration.write import write_all

        write_all([(file.document, new.raw) for file, new in zip(self.plan.changed, self.results, strict=True)])


def prepare(
    documents: Sequence[Document],
    target: Target,
    reader: Reader,
    moves: Callable[[Document], bool],
    layers: Sequence[Sequence[str]] = (),
) -> Move:
    """Plans and proves the move over `documents`, and checks the settings that come of it.

    Raises as `plan_move` and `prove` do.
    """

    def plan_again(each: Sequence[Document]) -> Plan:
        return plan_move(each, target, reader, moves, layers, tell=False)

    plan = plan_move(documents, target, reader, moves, layers)
    if not plan.changed:
        return Move(plan)

    from helmmail.migration.prove import prove

    results, again = prove(plan, plan_again)
    return Move(plan, results, _broken(plan, again))


def _broken(plan: Plan, again: Plan) -> list[Finding]:
    """The errors in the settings of changed files that were not there before."""
    from helmmail.validation.settings import check_blocks
    from helmmail.validation.tls import check_tls

    provider = plan.target.provider
    changed = {file.document.path for file in plan.changed}

    def owner(host: str) -> Provider | None:
        return provider if provider.owns(host) else None

    def errors(of: Plan) -> list[Finding]:
        blocks = [each.block for file in of.files if file.document.path in changed for each in file.blocks]
        found = [*check_blocks(blocks), *(each for block in blocks for each in check_tls(block, owner))]
        return [finding for finding in found if finding.severity is Severity.ERROR]

    found = errors(again)
    before = {(each.message, each.place.path if each.place else "") for each in errors(plan)} if found else set()
    return [each for each in found if (each.message, each.place.path if each.place else "") not in before]
