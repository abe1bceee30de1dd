"""Which files a run is about, and which environment each of them belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from helmmail.document.source import Document
from helmmail.environments import charts, convention
from helmmail.environments.config import NAME, Config, ConfigEnvironment
from helmmail.environments.environment import Candidates, Environment, Found, Read, Release, absolute, join, unique
from helmmail.environments.listing import Listing, ignore
from helmmail.environments.naming import is_helmfile, is_kustomization
from helmmail.errors import InputError, merge_errors
from helmmail.model import Finding

__all__ = ["CachedFiles", "Environment", "Inventory", "Read", "Release", "take_inventory"]


def _finders(candidates: Candidates) -> Iterator[Callable[[Candidates], Found]]:
    """The finders that may find something, in order of precedence; the others are not even imported."""
    if any("helmfile" in path for path in candidates.files):
        from helmmail.environments import helmfile

        yield helmfile.find
    if candidates.readable and any("argoproj.io" in candidates.text(path) for path in candidates.files):
        from helmmail.environments import argocd

        yield argocd.find
    if any("kustomization" in path.lower() for path in candidates.files) or (
        candidates.readable and any("fluxcd.io" in candidates.text(path) for path in candidates.files)
    ):
        from helmmail.environments import flux

        yield flux.find
    yield convention.find


@dataclass(eq=False, repr=False)
class Inventory:
    """The files of a run, sorted, and the environments that they belong to, each name once.

    A file may belong to several environments (a chart's defaults), or to none. `root` is the repository's folder as
    it would be typed, "" for the working folder.
    """

    environments: tuple[Environment, ...]
    files: tuple[str, ...]
    warnings: tuple[Finding, ...]
    root: str = ""

    def environments_of(self, path: str) -> tuple[Environment, ...]:
        """The environments that a file belongs to."""
        return self._by_file.get(os.path.abspath(path), ())

    @cached_property
    def _by_file(self) -> dict[str, tuple[Environment, ...]]:
        found: dict[str, tuple[Environment, ...]] = {}
        for environment in self.environments:
            for path in environment.files:
                key = os.path.abspath(path)
                found[key] = (*found.get(key, ()), environment)
        return found


class CachedFiles:
    """Reads files, each once. Raises InputError where one cannot be read."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def __call__(self, path: str) -> Document:
        """The document of a file."""
        document = self._documents.get(path)
        if document is None:
            document = self._documents[path] = Document.read(path)
        return document


def take_inventory(
    paths: Sequence[str], config: Config | None, layers: Sequence[str] = (), read: Read | None = None
) -> Inventory:
    """Lists the files below `paths` and finds their environments.

    Without paths: the layers if there are any, else the environments of the config, else what is below the working
    folder. Files that were named are taken whatever their name; with them alone, environments have no other files,
    but a helmfile, a kustomization or an Application stands for the files that it lists. `layers` make one
    environment, named by the last of them.

    What claims a file first keeps it: layers, the config, helmfiles, Argo CD, Flux, names by convention; a file that
    was named and belongs to nothing is an environment of its own. `read` is the caller's cached reader; with it the
    texts of all files are searched for manifests of Argo CD and Flux, without it only files of telling names are read.

    Raises InputError, all of them together, for paths that do not exist and folders without candidates.
    """
    errors: list[InputError] = []
    ignored = ignore(config.ignore, config.folder) if config is not None else ignore((), "")
    listing = Listing(ignored)
    walks = list(paths)
    if not paths and not layers and not (config is not None and config.environments):
        walks = ["."]
    named: list[str] = []
    for path in walks:
        try:
            if not listing.add(path):
                named.append(os.path.normpath(path))
        except InputError as error:
            errors.append(error)
    errors += [InputError(f"{path}: no such file; check -f") for path in layers if not os.path.isfile(path)]
    if config is not None:
        errors += _missing(config)
    if errors:
        raise merge_errors(errors)

    configs = {os.path.abspath(config.path if config is not None and config.path else NAME)} - {
        os.path.abspath(each) for each in named
    }
    working = os.getcwd()
    files = tuple(path for path in listing.finish() if absolute(path, working) not in configs)
    gathered = _Gathered(ignored)
    if layers:
        own = unique(map(os.path.normpath, layers))
        name = _own_name(own[-1], Candidates(own, _unread))
        gathered.add([Environment(name, (Release(name, own),), "-f")], final=True)
    elif config is not None:
        within = {absolute(path, working) for path in files} if paths else None
        gathered.add(_configured(config, within), final=True)
    top = _top(walks[0] if walks else ".")
    candidates = _candidates(files, named, top, read)
    for find in _finders(candidates):
        found = find(candidates)
        gathered.add(found.environments)
        gathered.warnings += found.warnings
    gathered.add(_alone(named, candidates, gathered.claimed))
    environments = tuple(gathered.environments.values())
    every = {absolute(path, working): path for each in environments for path in each.files}
    every |= {absolute(path, working): path for path in files}
    warnings = tuple(dict.fromkeys((*listing.warnings, *gathered.warnings)))
    return Inventory(environments, tuple(sorted(every.values())), warnings, top)


class _Gathered:
    """Environments by name, in the order in which they were found, and the files that they claim."""

    def __init__(self, ignored: Callable[[str], bool]) -> None:
        self.environments: dict[str, Environment] = {}
        self.claimed: set[str] = set()
        self.warnings: list[Finding] = []
        self._final: set[str] = set()
        self._ignored = ignored

    def add(self, found: Iterable[Environment], *, final: bool = False) -> None:
        """Takes one source's environments, without what an earlier source has claimed.

        Nothing is added to a `final` environment: the user has said what belongs to it.
        """
        claimed = frozenset(self.claimed)
        for environment in found:
            if not final:
                cleaned = self._unclaimed(environment, claimed)
                if cleaned is None or environment.name in self._final:
                    continue
                environment = cleaned
            else:
                self._final.add(environment.name)
            before = self.environments.get(environment.name)
            self.environments[environment.name] = environment if before is None else _joined(before, environment)
            self.claimed.update(environment.files)

    def _unclaimed(self, environment: Environment, claimed: frozenset[str]) -> Environment | None:
        releases = []
        for release in environment.releases:
            # The layers below may be shared; what makes a release is its last file.
            if not release.files or release.files[-1] not in claimed:
                kept = tuple(path for path in release.files if not self._ignored(path))
                releases.append(release._replace(files=kept))
        other = tuple(path for path in environment.other if path not in claimed and not self._ignored(path))
        if not releases and not other and (environment.files or environment.name in self.environments):
            return None
        return environment._replace(releases=tuple(releases), other=other)


def _joined(one: Environment, two: Environment) -> Environment:
    """Two environments of one name as one; where they differ, the cluster's coordinates are not known."""
    releases = tuple(dict.fromkeys((*one.releases, *two.releases)))
    names = {each.name for each in releases}

    def either(first: str | None, second: str | None) -> str | None:
        return first or second if first == second or not (first and second) else None

    return one._replace(
        releases=releases,
        other=unique((*one.other, *two.other)),
        context=either(one.context, two.context),
        namespace=either(one.namespace, two.namespace),
        release=names.pop() if len(names) == 1 else None,
    )


def _configured(config: Config, within: set[str] | None) -> list[Environment]:
    """The config's environments; of their files only those that are `within`, where the user named paths."""
    found = []
    for each in config.environments:
        values, also = (
            tuple(path for path in listed if within is None or os.path.abspath(path) in within)
            for listed in (each.values, each.also)
        )
        if within is not None and not values and not also:
            continue
        release = each.release or each.name
        found.append(
            Environment(
                each.name,
                (Release(release, values),) if values else (),
                config.path,
                also,
                sender=each.sender,
                context=each.context,
                namespace=each.namespace,
                release=each.release,
                secret=each.secret,
            )
        )
    return found


def _missing(config: Config) -> list[InputError]:
    def error(environment: ConfigEnvironment, path: str) -> InputError:
        place = environment.places.get(path)
        return InputError(f"{place or config.path}: {path} is no file; correct the path")

    return [
        error(environment, path)
        for environment in config.environments
        for path in (*environment.values, *environment.also)
        if not os.path.isfile(path)
    ]


def _candidates(files: Sequence[str], named: Sequence[str], top: str, read: Read | None) -> Candidates:
    folders = {os.path.dirname(path) for path in files if path.endswith("Chart.yaml")}
    folders |= {folder for folder in map(os.path.dirname, named) if os.path.isfile(os.path.join(folder, "Chart.yaml"))}
    folders |= {
        above
        for path in named
        if (above := path.partition("/templates/")[0]) != path and os.path.isfile(os.path.join(above, "Chart.yaml"))
    }
    return Candidates(tuple(files), read or CachedFiles(), top, read is not None, frozenset(folders))


def _alone(named: Sequence[str], candidates: Candidates, claimed: set[str]) -> list[Environment]:
    """An environment for each file that the user named and that belongs to nothing, unless it is no environment's."""
    found = []
    for path in unique(named):
        if path in claimed or is_helmfile(path) or is_kustomization(path):
            continue
        if charts.in_templates(path, candidates.charts) or os.path.dirname(path) in candidates.charts:
            continue
        name = _own_name(path, candidates)
        found.append(Environment(name, (Release(name, (path,)),), path))
    return found


def _own_name(path: str, candidates: Candidates) -> str:
    what = convention.classify(path, candidates)
    if what is not None and what.environment and what.environment != "default":
        return what.environment
    name = os.path.basename(path)
    stem = name.removesuffix(".gotmpl")
    return os.path.splitext(stem)[0] or stem


def _unread(path: str) -> Document:
    raise InputError(f"{path}: not read")


def _top(start: str) -> str:
    """The repository's folder above `start`, as it would be typed; else the working folder, or `start` itself."""
    folder = start if os.path.isdir(start) else os.path.dirname(start) or "."
    here = os.path.abspath(folder)
    working = os.getcwd()
    above = here
    while not os.path.exists(os.path.join(above, ".git")):
        parent = os.path.dirname(above)
        if parent == above:
            above = working if os.path.commonpath((here, working)) == working else here
            break
        above = parent
    if os.path.isabs(start):
        return above
    relative = os.path.relpath(above, working)
    return "" if relative == "." else join("", relative)
