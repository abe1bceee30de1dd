"""Local charts as Helm's merge sees them: names, default values and dependencies, from folders and archives.

After Helm 3's pkg/chart/loader (load.go, archive.go). Two things differ: `.helmignore` is not read, and the version
range of a dependency chooses only among vendored charts of one name (an exact match before the first).
"""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from helmmail.document.source import MAX_BYTES, Document, read_bytes
from helmmail.document.tree import Kind, Node
from helmmail.environments.layers import Layer
from helmmail.environments.merged import Merged, read_layer
from helmmail.errors import InputError

_MAX_ARCHIVE = 100 * 1024 * 1024
"""Helm's own limit for a chart unpacked (archive.go, MaxDecompressedChartSize)."""
_MAX_DEPTH = 20
_READ = frozenset({"Chart.yaml", "values.yaml", "values.schema.json", "requirements.yaml"})


@dataclass(eq=False)
class Dependency:
    """An entry of a chart's `dependencies`. Its name becomes its alias as Helm goes through them.

    `missing` is a chart that is not at hand: `helm dependency build` would fetch it.
    """

    name: str
    version: str = ""
    alias: str = ""
    repository: str = ""
    condition: str = ""
    tags: tuple[str, ...] = ()
    imports: tuple[str | tuple[str, str], ...] = ()
    enabled: bool = True
    missing: bool = False


@dataclass(eq=False)
class Chart:
    """A chart. `root` is where it is declared; `values` its defaults; `requires` is None without `dependencies`.

    `schema` is its values.schema.json.
    """

    name: str
    version: str
    root: Merged
    values: Merged
    requires: list[Dependency] | None = None
    parts: list[Chart] = field(default_factory=list)
    schema: Document | None = None

    def renamed(self, name: str) -> Chart:
        """The same chart under another name."""
        return replace(self, name=name)


class _Files:
    """A chart's files: in a folder, or unpacked from an archive (`files` by path below the chart)."""

    def __init__(self, path: str, files: Mapping[str, bytes] | None, known: Mapping[str, Document]) -> None:
        self.path = path
        self._files = files
        self._known = known

    def document(self, name: str) -> Document | None:
        path = os.path.join(self.path, name)
        if self._files is not None:
            raw = self._files.get(name)
            return None if raw is None else Document(path, raw)
        known = self._known.get(os.path.normpath(path))
        return known if known is not None else Document.read(path) if os.path.isfile(path) else None

    def names(self) -> list[str]:
        """What lies in `charts/`."""
        if self._files is not None:
            return sorted({name.split("/")[1] for name in self._files if name.startswith("charts/")})
        folder = os.path.join(self.path, "charts")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def below(self, name: str) -> _Files | None:
        """The files of a chart in `charts/`; None for what is no chart."""
        path = os.path.join(self.path, "charts", name)
        if self._files is None:
            if os.path.isdir(path):
                return _Files(path, None, self._known)
            return _Files(path, _unpack(path, read_bytes(path)), {}) if name.endswith(".tgz") else None
        packed = self._files.get(f"charts/{name}")
        if packed is not None:
            return _Files(path, _unpack(path, packed), {}) if name.endswith(".tgz") else None
        prefix = f"charts/{name}/"
        inside = {each.removeprefix(prefix): raw for each, raw in self._files.items() if each.startswith(prefix)}
        return _Files(path, inside, {})


def load_chart(folder: str, documents: Mapping[str, Document]) -> Chart:
    """The chart in a folder, with all below it. `documents` are files that were read already, by normal path.

    A dependency with a `file://` repository that is not in `charts/` is taken from there, as `helm dependency build`
    does. Raises InputError where a file cannot be read, or the folder holds no chart.
    """
    chart = _load(_Files(folder, None, documents), 0)
    if chart is None:
        raise InputError(f"{os.path.join(folder, 'Chart.yaml')}: no such file; check the chart's path")
    return chart


def _load(files: _Files, depth: int) -> Chart | None:
    declared = files.document("Chart.yaml")
    if declared is None:
        return None
    if depth > _MAX_DEPTH:
        raise InputError(f"{files.path}: more than {_MAX_DEPTH} charts within charts; check for a loop")
    root = _values(declared) or Merged(declared, Node(Kind.MAP, 0, 0, "", ""), entries={})
    values = files.document("values.yaml")
    old = files.document("requirements.yaml")
    chart = Chart(
        name=_text(root, "name"),
        version=_text(root, "version"),
        root=root,
        values=(_values(values) if values is not None else None) or Merged(root.document, root.node, entries={}),
        requires=_requires((_values(old) if old is not None else None) or root),
        schema=files.document("values.schema.json"),
    )
    for name in files.names():
        inside = files.below(name) if name[0] not in "_." else None
        part = _load(inside, depth + 1) if inside is not None else None
        if part is not None:
            chart.parts.append(part)
    for each in chart.requires or ():
        if any(part.name == each.name for part in chart.parts):
            continue
        path = os.path.normpath(os.path.join(files.path, each.repository.removeprefix("file://")))
        local = each.repository.startswith("file://") and os.path.isdir(path)
        part = _load(_Files(path, None, {}), depth + 1) if local else None
        if part is not None:
            chart.parts.append(part)
        each.missing = part is None
    return chart


def _values(document: Document) -> Merged | None:
    """The first YAML document of a file, the only one that Helm reads; None where it is empty."""
    return read_layer(Layer(document, document.roots[0])) if document.roots else None


def _requires(root: Merged) -> list[Dependency] | None:
    listed = (root.entries or {}).get("dependencies")
    if listed is None or listed.items is None:
        return None
    return [_dependency(item) for item in listed.items if item.entries is not None]


def _dependency(item: Merged) -> Dependency:
    assert item.entries is not None
    tags = item.entries.get("tags")
    imports = item.entries.get("import-values")
    found: list[str | tuple[str, str]] = [
        (_text(each, "child"), _text(each, "parent")) if each.entries is not None else str(each.data)
        for each in (imports.items if imports is not None else None) or ()
    ]
    return Dependency(
        name=_text(item, "name"),
        version=_text(item, "version"),
        alias=_text(item, "alias"),
        repository=_text(item, "repository"),
        condition=_text(item, "condition"),
        tags=tuple(str(tag.data) for tag in (tags.items if tags is not None else None) or ()),
        imports=tuple(found),
    )


def _text(value: Merged, key: str) -> str:
    """A field that Helm reads as a string: a number keeps its text."""
    found = (value.entries or {}).get(key)
    return found.node.value if found is not None and found.node.kind is Kind.SCALAR and not found.is_null else ""


def _unpack(path: str, raw: bytes) -> dict[str, bytes]:
    """The files of a packed chart that matter to the merge, by path below its one folder."""
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
            for member in archive:
                total += member.size
                if total > _MAX_ARCHIVE:
                    raise InputError(f"{path}: more than {_MAX_ARCHIVE >> 20} MiB unpacked, which Helm refuses")
                name = member.name.removeprefix("./").partition("/")[2]
                last = name.rpartition("/")[2]
                if not member.isfile() or (last not in _READ and not last.endswith(".tgz")):
                    continue
                content = archive.extractfile(member)
                if content is not None and member.size <= MAX_BYTES:
                    files[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a packed chart: {error}; run helm dependency build again") from None
    return files
