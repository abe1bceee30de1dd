"""Which differences of two renderings a move of mail settings explains. Pure: differences in, differences out.

A text is explained word by word: the words that go must be words of old values, those that come words of new ones. What
says little by itself (true, a mode's name) counts only under the name of a setting that changed, under a name that
speaks of mail, or beside the server in the same part of a configuration file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

from helmmail.document.scalars import truth
from helmmail.lazy import pattern
from helmmail.model import Change
from helmmail.redact import MASK
from helmmail.validation.render.conceal import decoded
from helmmail.validation.render.manifests import Data, Difference, Path, Scalar

_WORD = pattern(r"[\w.%+-]+")
_TOKEN = pattern(r"[\w.%+-]+|[^\w.%+-]")
_MAIL = pattern(r"mail|smtp|starttls|ssl|tls", re.IGNORECASE)
_MODES = frozenset({"ssl", "tls", "starttls", "implicit", "force_tls", "smtp", "smtps", "none", "plain"})
_DIGEST = pattern(r"(?:sha256:)?(?:[0-9a-f]{8,128}|[A-Za-z0-9+/]{43}=)")
_CHECKSUM = pattern(r"checksum|hash|sha\d*|digest", re.IGNORECASE)
_KEY = pattern(r"\s*(?:-\s+|export\s+)?(?P<key>[\"']?[\w./-]+[\"']?)\s*[:=]\s*(?P<value>.*)", re.DOTALL)
_RENAMED = pattern(r"(?P<name>[\w.-]+): (?P<value>.*)", re.DOTALL)


class Judged(NamedTuple):
    """Differences by what they are: mail settings, the checksums that follow from them, all else."""

    settings: Sequence[Difference] = ()
    follow: Sequence[Difference] = ()
    rest: Sequence[Difference] = ()


@dataclass
class Moved:
    """What a plan's changes say: the names of the settings, and the words of their old and new values."""

    names: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """The names whose values the changes do not tell: credentials, references."""
    old: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=lambda: {'"', "'"})
    servers: set[str] = field(default_factory=set)
    """New words by which a part of a file is known to be about mail."""

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Moved:
        """What `changes` say."""
        moved = cls()
        for change in changes:
            moved._add(change)
        if any(truth(word) is not None for word in moved.old | moved.new):
            moved.old |= {"true", "false"}
            moved.new |= {"true", "false"}
        modes = _MODES if (moved.old | moved.new) & (_MODES | {"true"}) else frozenset()
        moved.old |= modes
        moved.new |= modes
        moved.servers = {word for word in moved.new if len(word) > 3 and not _is_vague(word) and not word.isdigit()}
        return moved

    def _add(self, change: Change) -> None:
        values = [change.old, change.new]
        for index, value in enumerate(values):
            renamed = _RENAMED.fullmatch(value) if value else None
            if renamed and (change.new or "").startswith(f"{change.setting}: "):
                self.names.add(_fold(renamed["name"]))
                values[index] = renamed["value"]
        names = {_fold(change.setting), _fold(change.setting.rpartition(".")[2])}
        self.names |= names
        if any(value and (MASK in value or value.startswith(("Secret ", "from "))) for value in values):
            self.hidden |= names
        for value, words in zip(values, (self.old, self.new), strict=True):
            words |= _words(value or "")
            self.marks |= set(re.sub(r"[\w.%+\n-]", "", value or ""))

    def explains(self, key: str, old: str | None, new: str | None, *, mail: bool = False) -> bool:
        """Whether a value under `key` may go from `old` to `new`; `mail` says that what stands around is about mail."""
        named = _fold(key) in self.names
        if named and _fold(key) in self.hidden:
            return True
        gone, come = _differing(old, new)
        words = _words_of(gone) | _words_of(come)
        if not (_words_of(gone) <= self.old and _words_of(come) <= self.new):
            return False
        if not words or not {token for token in (*gone, *come) if not _WORD.fullmatch(token)} <= self.marks:
            return False
        return named or mail or bool(_MAIL.search(key)) or any(not _is_vague(word) for word in words)


def _fold(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _words(text: str) -> set[str]:
    return _words_of(_WORD.findall(text))


def _word(word: str) -> str:
    word = word.lower().strip(".")
    value = truth(word)
    return word if value is None else str(value).lower()


def _is_vague(word: str) -> bool:
    return truth(word) is not None or word in _MODES or len(word) < 3


def _words_of(tokens: Iterable[str]) -> set[str]:
    return {_word(token) for token in tokens if _WORD.fullmatch(token)}


def _differing(old: str | None, new: str | None) -> tuple[list[str], list[str]]:
    """The tokens that go of a text, and those that come."""
    before, after = _TOKEN.findall(old or ""), _TOKEN.findall(new or "")
    gone: list[str] = []
    come: list[str] = []
    for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += before[first:last]
            come += after[start:end]
    return gone, come


def judge(differences: Iterable[Difference], moved: Moved) -> Judged:
    """Parts differences by whether `moved` explains them."""
    settings: list[Difference] = []
    digests: list[Difference] = []
    rest: list[Difference] = []
    for each in differences:
        if _is_digest(each):
            digests.append(each)
            continue
        wrong = list(_unexplained(each, moved))
        rest += wrong
        if not wrong:
            settings.append(each)
    stores = any(each.ident.kind in ("ConfigMap", "Secret") for each in (*settings, *rest))
    follow = [each for each in digests if stores or _CHECKSUM.search(each.path[-1])]
    return Judged(settings, follow, [*rest, *(each for each in digests if each not in follow)])


def _is_digest(each: Difference) -> bool:
    """Whether the difference is an annotation (or label) that holds a checksum, before and after."""
    old, new = each.old, each.new
    return (
        len(each.path) >= 3
        and each.path[-2] in ("annotations", "labels")
        and each.path[-3] == "metadata"
        and isinstance(old, Scalar)
        and isinstance(new, Scalar)
        and all(_DIGEST.fullmatch(side.text) for side in (old, new))
    )


def _unexplained(each: Difference, moved: Moved) -> Iterator[Difference]:
    """The parts of a difference that are no mail settings; itself, where nothing of it is."""
    path = each.path
    if not path or path[0] == "metadata":
        yield each
        return
    if each.ident.kind in ("ConfigMap", "Secret"):
        encoded = each.ident.kind == "Secret" and path[0] == "data"
        if len(path) == 2 and path[0] in ("data", "stringData"):
            yield from _texts(each, path[1], moved, encoded=encoded)
        else:
            yield each
        return
    if isinstance(each.old, Scalar) and isinstance(each.new, Scalar) and each.old.is_text != each.new.is_text:
        yield each
        return
    at = next((index for index, part in enumerate(path[:-1]) if part == "env" and path[index + 1][:1] == "["), None)
    if at is not None:
        name = path[at + 1][1:-1].split(" #")[0]
        if not moved.explains(name, *_sides(each)):
            yield each
    elif len(path) > 1 and path[-2] in ("args", "command") and path[-1][:1] == "[":
        yield from _texts(each, "", moved)
    elif path[-1] in ("args", "command") and isinstance(each.old, list) and isinstance(each.new, list):
        old, new = ("\n".join(_flat(side)) for side in (each.old, each.new))
        yield from _texts(each._replace(old=Scalar(old), new=Scalar(new)), "", moved)
    elif _is_custom(each.ident.api) and _is_mail(path, each, moved):
        return
    else:
        yield each


def _is_custom(api: str) -> bool:
    """Whether an object is a custom resource: the API groups of Kubernetes have no dot, or end with k8s.io."""
    group = api.partition("/")[0] if "/" in api else ""
    return "." in group and not group.endswith(".k8s.io")


def _is_mail(path: Path, each: Difference, moved: Moved) -> bool:
    key = path[-1].strip("[]")
    old, new = _sides(each)
    return moved.explains(key, old, new, mail=any(_MAIL.search(part) for part in path))


def _sides(each: Difference) -> tuple[str | None, str | None]:
    old, new = (None if side is None else " ".join(_flat(side)) for side in (each.old, each.new))
    return old, new


def _flat(data: Data) -> Iterator[str]:
    """The scalars of a piece of data; of an environment variable without its name."""
    if isinstance(data, Scalar):
        yield data.text
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if key not in ("name", "secretKey") or not ({"value", "valueFrom", "remoteRef"} & data.keys()):
                yield from _flat(value)
    else:
        for item in data:
            yield from _flat(item)


def _texts(each: Difference, key: str, moved: Moved, *, encoded: bool = False) -> Iterator[Difference]:
    """What is not explained of a text that changed: of one with several lines the lines."""
    sides: list[str | None] = []
    for side in (each.old, each.new):
        if side is not None and not isinstance(side, Scalar):
            yield each
            return
        sides.append(None if side is None else decoded(side.text) if encoded else side.text)
    old, new = sides
    if old is None or new is None or "\n" not in old.rstrip("\n") + new.rstrip("\n"):
        match = _KEY.fullmatch(old or new or "") if not key else None
        if (
            old == new
            or (old or "").rstrip("\n") == (new or "").rstrip("\n")
            or not moved.explains(match["key"] if match else key, old, new)
        ):
            yield each
        return
    before, after = old.split("\n"), new.split("\n")
    for first, second in _pairs(before, after):
        ours = before[first] if first is not None else None
        theirs = after[second] if second is not None else None
        if not _line(ours, theirs, moved, mail=_beside(after, second, moved) or _beside(before, first, moved)):
            line = second if second is not None else first or 0
            shown = (Scalar(side) if side is not None else None for side in (ours, theirs))
            yield Difference(each.ident, (*each.path, f"[line {line + 1}]"), *shown)


def _pairs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """The lines that differ: changed ones in pairs, by key or else by order; others alone."""
    for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        ours, theirs = list(range(first, last)), list(range(start, end))
        for one in list(ours):
            same = next((two for two in theirs if _key(before[one]) and _key(before[one]) == _key(after[two])), None)
            if same is not None:
                yield one, same
                ours.remove(one)
                theirs.remove(same)
        if len(ours) == len(theirs):
            yield from zip(ours, theirs, strict=True)
        else:
            yield from ((one, None) for one in ours)
            yield from ((None, two) for two in theirs)


def _key(line: str) -> str:
    match = _KEY.fullmatch(line)
    return match["key"].strip("\"'") if match else ""


def _line(old: str | None, new: str | None, moved: Moved, *, mail: bool) -> bool:
    """Whether a line of a configuration file may go from `old` to `new`; what stands alone must have a key."""
    if old is not None and new is not None:
        if _indent(old) != _indent(new):
            return False
        if _key(old) != _key(new) and not {_fold(_key(old)), _fold(_key(new))} <= moved.names:
            return False
        if _key(old) == _key(new):
            return moved.explains(_key(new), old, new, mail=mail)
    sides = [side for side in (old, new) if side is not None]
    matches = [_KEY.fullmatch(side) for side in sides]
    return all(
        match is not None
        and moved.explains(
            match["key"], match["value"] if side is old else None, match["value"] if side is new else None, mail=mail
        )
        for side, match in zip(sides, matches, strict=True)
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _beside(lines: Sequence[str], at: int | None, moved: Moved) -> bool:
    """Whether the part of a file that holds a line names the new server, or one that was there.

    A part ends at a blank line, a `[section]`, and where the indent is smaller.
    """
    if at is None:
        return False
    known = moved.servers | {word for word in moved.old if "." in word}
    for step in (-1, 1):
        index = at
        while 0 <= index < len(lines) and lines[index].strip() and lines[index].lstrip()[:1] != "[":
            if _indent(lines[index]) < _indent(lines[at]):
                break
            if _words(lines[index]) & known:
                return True
            index += step
    return False
