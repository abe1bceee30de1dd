"""Rendered manifests as data, and where two renderings differ. Pure: texts in, differences out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from helmmail.document.scalars import reads_as_text
from helmmail.document.tree import Anchors, Kind, Node, YamlError, parse
from helmmail.errors import InputError

_ITEM_KEYS = ("name", "secretKey")
"""What tells the items of a list apart: `name` in Kubernetes' lists (the merge key of most of them), `secretKey` in an
ExternalSecret's."""


class Scalar(NamedTuple):
    """A scalar. Text is what YAML 1.1 and 1.2 read as a string; of all else (numbers, true) the spelling is kept."""

    text: str
    is_text: bool = True


Data: TypeAlias = "Scalar | Mapping[str, Data] | Sequence[Data]"
Path: TypeAlias = tuple[str, ...]
"""Keys from the root of an object; a list's item is `[name]`, or `[0]` where its items have no names."""


class Ident(NamedTuple):
    """What an object is matched by."""

    api: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


Manifests: TypeAlias = "Mapping[Ident, Mapping[str, Data]]"


class Difference(NamedTuple):
    """One place where two renderings differ; None for what is not there. An empty path means the object itself."""

    ident: Ident
    path: Path
    old: Data | None
    new: Data | None


def read_manifests(text: str, namespace: str) -> Manifests:
    """The objects that `helm template` printed; `namespace` is what those without one are installed in.

    Raises InputError where the text is not YAML.
    """
    try:
        tree = parse(text)
    except YamlError as error:
        line = text.count("\n", 0, error.offset) + 1
        raise InputError(f"line {line} of the rendered manifests is not YAML: {error.message}") from None
    found: dict[Ident, Mapping[str, Data]] = {}
    seen: dict[Ident, int] = {}
    for root in tree.roots:
        data = _data(root, Anchors.below(root) if tree.aliases else Anchors())
        if isinstance(data, Mapping):
            for each in _flattened(data):
                ident = _ident(each, namespace)
                count = seen[ident] = seen.get(ident, 0) + 1
                found[ident._replace(name=f"{ident.name} #{count}") if count > 1 else ident] = each
    return found


def _flattened(data: Mapping[str, Data]) -> Iterator[Mapping[str, Data]]:
    """A `kind: List` is its items."""
    items = data.get("items")
    if text_at(data, "kind") == "List" and isinstance(items, Sequence) and not isinstance(items, Scalar):
        for item in items:
            if isinstance(item, Mapping):
                yield from _flattened(item)
    elif data:
        yield data


def _ident(data: Mapping[str, Data], namespace: str) -> Ident:
    return Ident(
        text_at(data, "apiVersion"),
        text_at(data, "kind"),
        text_at(data, "metadata", "namespace") or namespace,
        text_at(data, "metadata", "name") or text_at(data, "metadata", "generateName"),
    )


def text_at(data: Data | None, *keys: str) -> str:
    """The text of the scalar under a path of map keys, "" where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data.text if isinstance(data, Scalar) else ""


def _data(node: Node, anchors: Anchors) -> Data:
    """A node as data: aliases followed, the last of duplicate keys, merge keys (YAML 1.1) merged."""
    if node.kind is Kind.ALIAS:
        target = anchors.resolve(node)
        return _data(target, anchors) if target is not None else Scalar("")
    if node.kind is Kind.SEQ:
        return [_data(item, anchors) for item in node.items]
    if node.kind is Kind.SCALAR:
        text = bool(node.style) or node.tag == "tag:yaml.org,2002:str" or reads_as_text(node.value)
        return Scalar(node.value, text)
    merged: dict[str, Data] = {}
    own: dict[str, Data] = {}
    for key, value in node.pairs:
        data = _data(value, anchors)
        if key.value == "<<" and not key.style:
            sources = [data] if isinstance(data, Mapping) else data
            for source in reversed(list(sources)):
                if isinstance(source, Mapping):
                    merged.update(source)
        else:
            own[key.value] = data
    return merged | own


def compare(before: Manifests, after: Manifests) -> list[Difference]:
    """Every difference, in the order of the objects before; the smallest part that differs each."""
    found: list[Difference] = []
    for ident, old in before.items():
        if ident in after:
            found += (Difference(ident, *each) for each in _compare((), old, after[ident]))
        else:
            found.append(Difference(ident, (), old, None))
    found += (Difference(ident, (), None, new) for ident, new in after.items() if ident not in before)
    return found


def _compare(path: Path, old: Data | None, new: Data | None) -> Iterator[tuple[Path, Data | None, Data | None]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from _compare((*path, key), old.get(key), new.get(key))
    elif _is_list(old) and _is_list(new):
        yield from _lists(path, old, new)
    elif old != new:
        yield path, old, new


def _is_list(data: Data | None) -> bool:
    return isinstance(data, list)


def _lists(path: Path, old: Data | None, new: Data | None) -> Iterator[tuple[Path, Data | None, Data | None]]:
    assert isinstance(old, list) and isinstance(new, list)
    ours, theirs = _named(old), _named(new)
    if ours is None or theirs is None:
        if len(old) != len(new):
            yield path, old, new
            return
        ours, theirs = ({f"[{index}]": item for index, item in enumerate(each)} for each in (old, new))
    for name in dict.fromkeys([*ours, *theirs]):
        yield from _compare((*path, name), ours.get(name), theirs.get(name))
    # The order counts: an environment variable may refer to those before it.
    orders = [[name for name in each if name in ours and name in theirs] for each in (ours, theirs)]
    if orders[0] != orders[1]:
        first, second = (Scalar("in the order " + " ".join(order)) for order in orders)
        yield path, first, second


def _named(items: Sequence[Data]) -> dict[str, Data] | None:
    """The items of a list by name, a repeated name numbered; None where one has none."""
    found: dict[str, Data] = {}
    for item in items:
        name = next((text for key in _ITEM_KEYS if (text := text_at(item, key))), None)
        if name is None:
            return None
        key, count = f"[{name}]", 1
        while key in found:
            count += 1
            key = f"[{name} #{count}]"
        found[key] = item
    return found


def in_words(path: Path) -> str:
    """A path in print: `spec.containers[web].env[EMAIL_HOST].value`, `metadata.annotations["checksum/config"]`."""
    text = ""
    for part in path:
        if part.startswith("["):
            text += part
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text.removeprefix(".")
