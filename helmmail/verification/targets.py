"""The releases to verify, made from environments: their coordinates, and what their values files ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from helmmail.environments.environment import Environment, Read, Release
from helmmail.environments.layers import layers_of
from helmmail.environments.values import release_blocks
from helmmail.errors import InputError
from helmmail.verification.expected import Expectation, expectations
from helmmail.verification.target import Knowledge, Target


@dataclass(frozen=True)
class Coordinates:
    """What the command line says about where a release is; None for what it leaves to the environment."""

    context: str | None = None
    namespace: str | None = None
    release: str | None = None
    secrets: tuple[str, ...] = ()
    application: str = ""

    @property
    def is_bare(self) -> bool:
        """Whether nothing is said."""
        return self.context is self.namespace is self.release is None


def targets(environments: Iterable[Environment], read: Read, knowledge: Knowledge, given: Coordinates) -> list[Target]:
    """The releases with mail settings of each environment. `given` wins over what an environment says.

    Raises InputError where it is not known which release is meant, where several environments would be looked for in
    one place, and where a file cannot be read.
    """
    found = list(environments)
    if len(found) > 1 and not given.is_bare:
        names = ", ".join(each.name for each in found)
        raise InputError(
            "--context, --namespace and --release are about one environment, "
            f"but there are {len(found)} ({names}): name one"
        )
    made = [target for each in found for target in _of_environment(each, read, knowledge, given)]
    for target in made:
        if len(made) > 1 and target.namespace is None:
            raise InputError(
                f"environment {target.name}: no namespace is known; add `namespace` to it in helmmail.yaml, "
                "or name this environment alone and give --namespace"
            )
    return made


def bare_target(release: str, knowledge: Knowledge, given: Coordinates) -> Target:
    """A release without values files."""
    return Target(
        release,
        release,
        knowledge,
        given.context,
        given.namespace,
        secrets=given.secrets,
        argocd_application=given.application,
    )


def _of_environment(environment: Environment, read: Read, knowledge: Knowledge, given: Coordinates) -> Iterator[Target]:
    asked = [(each, expectations(release_blocks(each, read, knowledge.reader))) for each in environment.releases]
    speaking = [(release, wanted) for release, wanted in asked if wanted] or asked[:1]
    named = given.release or environment.release
    if named is not None:
        same = [pair for pair in asked if pair[0].name == named]
        speaking = same or [_joined(named, speaking)]
    elif not speaking or environment.source in ("convention", "-f") or _is_unnamed(environment):
        raise InputError(
            f"environment {environment.name}: which release? give --release, "
            "or add `release` (and `namespace`) to it in helmmail.yaml"
        )
    for release, wanted in speaking:
        name = environment.name if len(speaking) == 1 else f"{environment.name}/{release.name}"
        yield Target(
            name,
            named or release.name,
            knowledge,
            given.context or environment.context,
            given.namespace or environment.namespace,
            tuple(wanted),
            given.secrets,
            given.application,
            _values(release, read),
        )


def _is_unnamed(environment: Environment) -> bool:
    """Whether the release's name is only the environment's: a config that does not say it."""
    return any(each.name in (environment.name, "release", "") or "{{" in each.name for each in environment.releases)


def _joined(name: str, asked: list[tuple[Release, list[Expectation]]]) -> tuple[Release, list[Expectation]]:
    """What is asked of a release that the files know by another name."""
    if len(asked) > 1:
        names = ", ".join(release.name for release, _ in asked)
        raise InputError(f"--release {name}: the files have {names}; name one of them, or its files with --values")
    return asked[0] if asked else (Release(name, ()), [])


def _values(release: Release, read: Read) -> object:
    """The user's merged values, as a deployer is given them; None without any."""
    from helmmail.environments.merge import merge_values

    files = [path for path in release.files if not _is_defaults(path, release)]
    layers = [layer for path in files for layer in layers_of(read(path), release.name)]
    return merge_values(layers).plain() if layers else None


def _is_defaults(path: str, release: Release) -> bool:
    import os

    folder, name = os.path.split(path)
    return name == "values.yaml" and (folder == release.chart or os.path.isfile(os.path.join(folder, "Chart.yaml")))
