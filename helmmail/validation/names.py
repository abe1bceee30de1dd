"""Rules about the settings' names: those that no application knows, that win over others, or that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from helmmail import rules
from helmmail.model import Finding
from helmmail.settings.block import Block
from helmmail.settings.carriers import Carrier
from helmmail.settings.dialect import Dialects, Shape
from helmmail.validation.finding import at
from helmmail.validation.subject import Context


def check_names(block: Block, context: Context) -> Iterator[Finding]:
    """Misspelt settings beside a block, a service that wins over it, and a timeout that is missing."""
    entry = block.entry("service")
    if entry is not None and entry.value.text:
        message = f"{entry.name}: {entry.value.text} wins over host and port, which have no effect"
        yield at(entry, block.document, rules.SERVICE_WINS, message, "take it out")
    shape = block.shape
    if shape is None or block.partial:
        return
    if not shape.is_native:
        yield from _misspelt(block.carrier, shape, context.dialects)
    timeout = shape.order.get("timeout")
    if timeout and "timeout" not in block.settings and context.provider(block) is not None:
        name = "/".join(timeout[0])
        message = (
            f"{block.host_entry.name}: no timeout is set; where the port is blocked, each mail holds its sender up"
        )
        yield at(block.host_entry, block.document, rules.NO_TIMEOUT, message, f"set {name} to some seconds")


def check_lone(carrier: Carrier, dialects: Dialects) -> Iterator[Finding]:
    """Misspelt settings in a carrier that makes no block: the host's own name may be the misspelt one."""
    best: tuple[int, Shape] | None = None
    for dialect in dialects:
        for shape in dialect.shapes:
            if not shape.is_native:
                known = sum((name,) in shape.roles for name in carrier.names)
                if known > 1 and (best is None or known > best[0]):
                    best = (known, shape)
    if best is not None:
        yield from _misspelt(carrier, best[1], dialects)


def misspelt(carrier: Carrier, shape: Shape, dialects: Dialects) -> dict[str, str]:
    """The names in a carrier that are a slip away from a setting that the application knows and that is not set."""
    names = set(carrier.names)
    wanted = [name[0] for name in shape.names if name[0] not in names]
    found: dict[str, str] = {}
    for name in sorted(names):
        of_mail = dialects.generic.speaks_of_mail(name) or (shape.prefix and name.startswith(shape.prefix))
        if of_mail and (name,) not in shape.names:
            meant = next((each for each in wanted if slips(name, each)), None)
            if meant is not None and not _is_anothers(name, dialects):
                found[name] = meant
    return found


def _misspelt(carrier: Carrier, shape: Shape, dialects: Dialects) -> Iterator[Finding]:
    for name, meant in misspelt(carrier, shape, dialects).items():
        for entry in carrier.find((name,))[-1:]:
            message = f"{name}: the application knows no such setting"
            yield at(entry, carrier.document, rules.UNKNOWN_SETTING, message, f"did you mean {meant}?")


def is_misspelt(block: Block, role: str, dialects: Dialects) -> bool:
    """Whether a role is missing only because its name is misspelt, which has a finding of its own."""
    if block.shape is None or block.shape.is_native:
        return False
    meant = misspelt(block.carrier, block.shape, dialects).values()
    return any(name[0] in meant for name in block.shape.order.get(role, ()))


def _is_anothers(name: str, dialects: Dialects) -> bool:
    return any((name,) in shape.names for dialect in dialects for shape in dialect.shapes)


def slips(one: str, other: str) -> bool:
    """Whether two names are a slip of the keys apart: a letter more, less or another, two swapped, a word twice.

    A difference of digits, and of a whole word that says something else (`USER`, `FROM`), is none.
    """
    if one == other or one[:1] != other[:1]:
        return False
    words, others = one.split("_"), other.split("_")
    if len(words) == len(others) + 1 and _without_stutter(words) == others:
        return True
    if len(words) != len(others):
        return _distance(one.replace("_", ""), other.replace("_", "")) == 0
    differing = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    return len(differing) == 1 and min(map(len, differing[0])) > 2 and _distance(*differing[0]) <= 1


def _without_stutter(words: list[str]) -> list[str]:
    """The words without one that is a slip of the one before it: `SMTP_SMPT_HOST` is `SMTP_HOST`."""
    for index in range(1, len(words)):
        if _distance(words[index - 1], words[index]) <= 1:
            return words[:index] + words[index + 1 :]
    return words


def _distance(one: str, other: str) -> int:
    """Slips between two words (Damerau-Levenshtein, adjacent letters swapped count once), up to 2."""
    if abs(len(one) - len(other)) > 1:
        return 2
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    if one == other:
        return 0
    if one[1:] == other[1:] or one[1:] == other or one == other[1:]:
        return 1
    swapped = len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0] and one[2:] == other[2:]
    return 1 if swapped else 2
