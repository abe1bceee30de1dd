"""The render proof: what helm makes of each environment before and after a move differs in mail settings alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from helmmail import rules
from helmmail.document.source import Document, read_bytes
from helmmail.document.tree import Node
from helmmail.environments.environment import Environment, Release
from helmmail.errors import InputError
from helmmail.model import Change, Check, Finding, Place, Verdict
from helmmail.report.words import count
from helmmail.settings.manifest import is_encrypted
from helmmail.validation.render.conceal import Conceal, secrets_of_manifests, secrets_of_values
from helmmail.validation.render.evidence import evidence, findings, mail_of, places
from helmmail.validation.render.helm import Programs
from helmmail.validation.render.manifests import Difference, Ident, Manifests, compare, read_manifests
from helmmail.validation.render.mirror import Mirror, MirrorError
from helmmail.validation.render.moved import Moved, judge
from helmmail.validation.render.releases import Job, Rendered, Unknown, depends


class Rendering(NamedTuple):
    """What rendering has shown: a check for each release, and what must not stay as it is."""

    checks: Sequence[Check] = ()
    findings: Sequence[Finding] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether something that was asked for could not be found out (exit code 3, if nothing failed)."""
        return any(check.verdict is Verdict.UNKNOWN for check in self.checks)


def prove_rendering(
    environments: Sequence[Environment],
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    changes: Sequence[Change],
    programs: Programs,
) -> Rendering:
    """Renders every release with the files as they were and as they shall be, and compares.

    `before` and `after` hold the files that change, by path; all others are read from the disk, and none is written.
    `changes` are the plan's: only what they explain, and checksums that follow, may differ. The same input is rendered
    twice, so that what differs from run to run (`randAlphaNum`, `genCA`, `now`) is left out, and named.
    """
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    proof = _Session(programs)
    with Mirror() as mirror:
        for environment, release in _releases(environments):
            reads = depends(environment, release)
            if not any(map(reads, changed)):
                proof.tell(environment, release, Verdict.SKIPPED, "no file of it changes")
                continue
            own = [change for change in changes if reads(change.place.path)]
            with proof.about(environment, release):
                sides = proof.sides(environment, release, mirror, before, after)
                _prove(proof, sides, own)
    return proof.rendering


def render_all(
    environments: Sequence[Environment], programs: Programs, is_mail_host: Callable[[str], bool]
) -> Rendering:
    """Renders every release as the files are, and says what the manifests hold where they name a mail host."""
    proof = _Session(programs)
    with Mirror() as mirror:
        for environment, release in _releases(environments):
            with proof.about(environment, release):
                sides = proof.sides(environment, release, mirror, {}, {})
                manifests = sides.read(sides.must_render({}))
                conceal = Conceal([*sides.secrets, *secrets_of_manifests(manifests)])
                told = "; ".join(mail_of(manifests, is_mail_host, conceal)) or "none names a mail server"
                told = f"{count(len(manifests), 'object')}: {told}{sides.left_out}"
                proof.tell(environment, release, Verdict.PASS, told)
    return proof.rendering


def _releases(environments: Sequence[Environment]) -> Iterator[tuple[Environment, Release]]:
    return ((environment, release) for environment in environments for release in environment.releases)


@dataclass
class _Session:
    """The checks and findings of a run in the making."""

    programs: Programs
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def rendering(self) -> Rendering:
        return Rendering(tuple(self.checks), tuple(self.findings))

    def tell(self, environment: Environment, release: Release, verdict: Verdict, evidence: str) -> None:
        self.checks.append(Check(f"render {environment.name}/{release.name}", verdict, evidence))

    @contextmanager
    def about(self, environment: Environment, release: Release) -> Iterator[None]:
        """What cannot be found out about a release becomes its check."""
        try:
            yield
        except (Unknown, MirrorError) as why:
            self.tell(environment, release, Verdict.UNKNOWN, str(why))

    def sides(
        self,
        environment: Environment,
        release: Release,
        mirror: Mirror,
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
    ) -> _Sides:
        """A release whose files are copied. Raises Unknown and MirrorError."""
        if self.programs.why_not:
            raise Unknown(self.programs.why_not)
        job = Job(environment, release, self.programs)
        mirror.copy(job.needs())
        return _Sides(job, mirror, before, after)


@dataclass
class _Sides:
    """One release with its files as they were and as they shall be."""

    job: Job
    mirror: Mirror
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]

    def render(self, files: Mapping[str, bytes]) -> Rendered:
        """Renders with these contents over those on the disk. Raises Unknown."""
        try:
            self.mirror.lay(files, absent={*self.before, *self.after} - files.keys())
            return self.job.render(self.mirror, lambda path: files[path] if path in files else read_bytes(path))
        except (InputError, OSError) as error:
            raise Unknown(str(error)) from None

    def must_render(self, files: Mapping[str, bytes]) -> str:
        """As `render`; raises Unknown with the program's message where it fails."""
        rendered = self.render(files)
        if rendered.text is None:
            raise Unknown(_cannot(Conceal(self.secrets).text(rendered.message)))
        return rendered.text

    @property
    def left_out(self) -> str:
        """A note on the encrypted values that are not given to helm, where helmfile does not run."""
        other = () if self.job.helmfile else self.job.environment.other
        sealed = [path for path in other if any(map(is_encrypted, _roots(_document(path))))]
        return f"; without the encrypted values of {', '.join(sealed)}" if sealed else ""

    def read(self, text: str) -> Manifests:
        try:
            return read_manifests(text, self.job.namespace)
        except InputError as error:
            raise Unknown(str(error)) from None

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The credentials in the environment's files, as they were, are and shall be: messages may quote them."""
        documents = [_document(path) for path in dict.fromkeys((*self.job.release.files, *self.job.environment.other))]
        documents += [_document(path, raw) for side in (self.before, self.after) for path, raw in side.items()]
        roots = [root for document in documents for root in _roots(document)]
        return tuple(dict.fromkeys(secrets_of_values(roots)))


def _document(path: str, raw: bytes | None = None) -> Document | None:
    try:
        return Document.read(path) if raw is None else Document(path, raw)
    except InputError:
        return None


def _roots(document: Document | None) -> list[Node]:
    try:
        return document.roots if document is not None else []
    except InputError:
        return []


def _prove(proof: _Session, sides: _Sides, changes: Sequence[Change]) -> None:
    environment, release = sides.job.environment, sides.job.release
    name = f"{environment.name}/{release.name}"
    place = _place(release, changes)
    first = sides.must_render(sides.before)
    again = sides.must_render(sides.before)
    last = sides.render(sides.after)
    old = sides.read(first)
    if last.text is None:
        told = Conceal([*sides.secrets, *secrets_of_manifests(old)]).text(last.message)
        proof.tell(environment, release, Verdict.FAIL, f"it could be rendered before, and cannot now: {told}")
        message = f"{name} could be rendered before the move, and cannot after: {told}"
        fix = "correct what changed, or the chart: as it is, nothing of this release can be deployed"
        severity = rules.RULES[rules.RENDER_FAILS].severity
        proof.findings.append(Finding(rules.RENDER_FAILS, severity, message, place, fix))
        return
    new = sides.read(last.text)
    restless = compare(old, sides.read(again))
    judged = judge(_lasting(compare(old, new), restless), Moved.of(changes))
    notes = _left_out(restless) + sides.left_out
    if judged.rest:
        conceal = Conceal([*sides.secrets, *secrets_of_manifests(old), *secrets_of_manifests(new)])
        proof.findings += findings(judged.rest, name, place, conceal)
        told = f"{count(len(judged.rest), 'difference')} beyond the mail settings: {places(judged.rest)}"
        proof.tell(environment, release, Verdict.FAIL, told + notes)
    else:
        proof.tell(environment, release, Verdict.PASS, evidence(judged) + notes)


def _place(release: Release, changes: Sequence[Change]) -> Place | None:
    """Where a reader looks first: a change in the release's own values, else in its chart."""
    own = (change.place for path in reversed(release.files) for change in changes if change.place.path == path)
    elsewhere = (change.place for change in changes)
    return next(own, None) or next(elsewhere, None) or (Place(release.files[-1]) if release.files else None)


def _cannot(told: str) -> str:
    if "helm dependency build" in told or "missing in charts/" in told:
        return f"its dependencies are not here; run `helm dependency build` in the chart's folder: {told}"
    return f"it cannot be rendered as it is: {told}"


def _lasting(differences: Sequence[Difference], restless: Sequence[Difference]) -> list[Difference]:
    """Differences without those at places that differ between two renderings of the same input as well."""
    paths: dict[Ident, list[tuple[str, ...]]] = {}
    for each in restless:
        paths.setdefault(each.ident, []).append(each.path)
    # An object with a random name comes under another one each time.
    renamed = [each.ident[:3] for each in restless if not each.path and each.old is None]
    found: list[Difference] = []
    for each in differences:
        if any(each.path[: len(path)] == path for path in paths.get(each.ident, ())):
            continue
        if not each.path and each.old is None and each.ident[:3] in renamed:
            renamed.remove(each.ident[:3])
            continue
        found.append(each)
    return found


def _left_out(restless: Sequence[Difference]) -> str:
    return f"; not compared, as it differs from run to run: {places(restless)}" if restless else ""
