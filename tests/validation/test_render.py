"""The render proof with a real helm: moves that are made, and moves with something beside them that is not theirs."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helmmail.cli.common import Workspace
from helmmail.environments.environment import Environment
from helmmail.errors import InputError
from helmmail.migration.engine import prepare
from helmmail.migration.target import Target
from helmmail.model import Change, Check, Verdict
from helmmail.settings.manifest import may_make_secrets
from helmmail.settings.reader import Reader
from helmmail.validation.render.helm import Programs, message, run
from helmmail.validation.render.mirror import Mirror, MirrorError
from helmmail.validation.render.proof import Rendering, prove_rendering, render_all
from tests import tools
from tests.conftest import CHARTS, ROOT, copy_tree

RENDER = ROOT / "fixtures" / "render"
PASSWORDS = ("tournesol-et-capucine", "lavande-et-romarin")


@dataclass
class Case:
    """A tree of files, and a move over it."""

    workspace: Workspace
    environments: Sequence[Environment]
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    changes: Sequence[Change] = ()

    def is_mail(self, host: str) -> bool:
        return self.workspace.providers.owner(host) is not None

    def edit(self, path: str, old: str, new: str) -> None:
        """Something else that the files shall say after the move."""
        self.before.setdefault(path, Path(path).read_bytes())
        text = self.after.get(path, self.before[path]).decode()
        assert text.count(old) == 1, (path, old)
        self.after[path] = text.replace(old, new).encode()

    def prove(self, programs: Programs | None = None) -> Rendering:
        rendering = prove_rendering(self.environments, self.before, self.after, self.changes, programs or real())
        assert not any(password in str(rendering) for password in PASSWORDS)
        return rendering


def real() -> Programs:
    return Programs(str(tools.helm()))


def open_case(secret: str | None = None) -> Case:
    """The move from snap-mail to Scaleway over the working folder."""
    workspace = Workspace.open((), (), (), None)
    provider = workspace.providers.get("scaleway")
    source = workspace.providers.source("snap-mail")
    target = Target.choose(source, provider, None, None, secret=secret)

    def is_mail_host(host: str) -> bool:
        return workspace.providers.owner(host) is not None

    documents = workspace.documents(lambda text: "snap-mail" in text or may_make_secrets(text))
    reader = Reader(workspace.load_dialects, is_mail_host)
    move = prepare(documents, target, reader, lambda document: True, workspace.layers)
    case = Case(
        workspace, workspace.environments, changes=[change for file in move.plan.changed for change in file.changes]
    )
    for file, result in zip(move.plan.changed, move.results, strict=True):
        case.before[file.document.path] = file.document.raw
        case.after[file.document.path] = result.raw
    return case


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Case]:
    """Opens a copy of a folder of fixtures."""

    def call(folder: Path) -> Case:
        monkeypatch.chdir(copy_tree(folder, tmp_path / "tree"))
        return open_case()

    return call


@pytest.fixture
def releve(at: Callable[[Path], Case]) -> Case:
    return at(RENDER / "releve")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Copies go to a folder of the test's own, which must be empty at the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.delenv("HELMMAIL_HELM", raising=False)
    yield
    assert not list(folder.iterdir())


def check(rendering: Rendering, name: str) -> Check:
    (found,) = [each for each in rendering.checks if each.rung == f"render {name}"]
    return found


def verdicts(rendering: Rendering) -> dict[str, str]:
    return {each.rung.removeprefix("render "): each.verdict.value for each in rendering.checks}


def test_a_charts_configuration_file_differs_in_its_mail_lines_alone(at: Callable[[Path], Case]) -> None:
    rendering = at(CHARTS / "native" / "before").prove()
    assert not rendering.findings
    assert set(verdicts(rendering).values()) == {"pass"}
    assert check(rendering, "staging/staging").evidence == (
        "1 object differs, only in mail settings: configmap/staging-guichet (guichet.ini); 1 checksum followed"
    )


def test_a_charts_moved_defaults_are_proved_in_every_environment(at: Callable[[Path], Case]) -> None:
    rendering = at(CHARTS / "conventions" / "before").prove()
    assert not rendering.findings
    assert verdicts(rendering) == dict.fromkeys(("staging/staging", "preprod/preprod", "production/production"), "pass")
    evidence = check(rendering, "production/production").evidence
    assert "deployment/production-agora (" in evidence
    assert all(name in evidence for name in ("EMAIL_HOST,", "EMAIL_PORT", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS"))
    assert "EMAIL_TIMEOUT" not in evidence


def test_without_helmfile_its_templates_are_unknown_and_the_rest_is_proved(at: Callable[[Path], Case]) -> None:
    rendering = at(CHARTS / "lasuite" / "before").prove()
    assert not rendering.findings
    assert verdicts(rendering) == {
        "dev/pg": "skipped",
        "dev/mailcatcher": "skipped",
        "dev/courrier": "skipped",
        **{f"{name}/{release}": verdict for name in ("staging", "preprod", "production")
           for release, verdict in (("extra", "pass"), ("courrier", "unknown"))},
    }  # fmt: skip
    assert rendering.is_unknown
    assert "no helmfile in PATH" in check(rendering, "staging/courrier").evidence
    evidence = check(rendering, "staging/extra").evidence
    assert (
        evidence == "nothing differs in the manifests; without the encrypted values of env.d/staging/secrets.enc.yaml"
    )


def test_a_move_with_checksums_secrets_and_random_values_is_proved(releve: Case) -> None:
    rendering = releve.prove()
    assert not rendering.findings
    assert not rendering.is_unknown
    evidence = check(rendering, "staging/staging").evidence
    assert evidence.startswith("2 workloads and 1 other object differ, only in mail settings: ")
    assert "deployment/releve (DJANGO_EMAIL_HOST, " in evidence
    assert "cronjob/releve-letters (" in evidence
    assert "configmap/releve-config (settings.yaml)" in evidence
    assert "1 checksum followed" in evidence
    assert evidence.endswith(
        "; not compared, as it differs from run to run: secret/releve-app stringData.DJANGO_SECRET_KEY"
    )


VALUES = "values-staging.yaml"
SETTINGS = 'configmap/releve-config data["settings.yaml"]'
BREAKAGES = [
    (VALUES, '"0.5.0-rc1"', '"0.6.0"', ["deployment/releve spec.template.spec.containers[web].image"]),
    (VALUES, "  DJANGO_ALLOWED_HOSTS: releve-recette.example.fr\n", "", ["[web].env[DJANGO_ALLOWED_HOSTS]"]),
    (VALUES, "  tier: metering\n", "", ["deployment/releve metadata.labels.tier"]),
    (VALUES, "    bucket:", "  bucket:", [f"{SETTINGS}[line"]),
    (VALUES, "    debug: false", "    debug: true", [f'{SETTINGS}[line 2] is "  debug: true", was "  debug: false"']),
    (VALUES, "  storage:\n    bucket: releve-recette\n", "", [f"{SETTINGS}[line"]),
    (
        VALUES,
        "  password: tournesol-et-capucine",
        "  password: tournesol",
        ["secret/releve-app stringData.DB_PASSWORD is ********, was ********"],
    ),
    ("chart/templates/banner.yaml", "      for", "     for", ['configmap/releve-banner data["banner.txt"][line 2]']),
    (
        "chart/templates/secret.yaml",
        "  DB_PASSWORD: {{ .Values.database.password | quote }}\n",
        "",
        ["stringData.DB_PASSWORD is nothing, was ********"],
    ),
    ("chart/values.yaml", "quota: true", "quota: false", ["resourcequota/releve is gone"]),
    (
        "chart/templates/secret.yaml",
        "name: releve-app",
        "name: releve-apps",
        ["secret/releve-app is gone", "secret/releve-apps is new"],
    ),
    (
        "chart/templates/_env.tpl",
        "{{ $value | quote }}",
        "{{ $value }}",
        ['[web].env[DJANGO_EMAIL_PORT].value is 587, was "465"'],
    ),
    (
        VALUES,
        "DJANGO_EMAIL_HOST: smtp.tem.scaleway.com",
        "DJANGO_EMAIL_HOST: smtp.tem.scaleway.con",
        ['[web].env[DJANGO_EMAIL_HOST].value is "smtp.tem.scaleway.con"'],
    ),
]


@pytest.mark.parametrize(("path", "old", "new", "told"), BREAKAGES)
def test_anything_else_is_told_with_its_object_and_path(
    releve: Case, path: str, old: str, new: str, told: list[str]
) -> None:
    releve.edit(path, old, new)
    rendering = releve.prove()
    assert check(rendering, "staging/staging").verdict is Verdict.FAIL
    found = [each for each in rendering.findings if each.message.startswith("staging/staging: ")]
    assert {each.rule for each in found} == {"HM401"}
    for text in told:
        assert any(text in each.message for each in found), [each.message for each in found]
    assert all(each.place is not None for each in found)
    others = [each for each in rendering.findings if each not in found]
    assert bool(others) == path.startswith("chart/")


def test_what_cannot_be_rendered_any_more_is_told_without_its_secrets(releve: Case) -> None:
    fail = '{{ fail (print "no: " .Values.database.password) }}'
    broken = f'{{{{ if contains "scaleway" .Values.env.DJANGO_EMAIL_HOST }}}}{fail}{{{{ end }}}}'
    for side in (releve.before, releve.after):
        side["chart/templates/guard.yaml"] = broken.encode()
    Path("chart/templates/guard.yaml").write_text(broken, encoding="utf-8")
    rendering = releve.prove()
    assert verdicts(rendering) == {"staging/staging": "fail", "production/production": "fail"}
    assert {each.rule for each in rendering.findings} == {"HM402"}
    assert "releve/templates/guard.yaml" in rendering.findings[0].message
    assert "no: ********" in rendering.findings[0].message


def test_yaml_that_a_move_would_break_fails(releve: Case) -> None:
    releve.edit("values-staging.yaml", "\nsettings:", "\n settings:")
    rendering = releve.prove()
    assert check(rendering, "staging/staging").verdict is Verdict.FAIL
    (finding,) = rendering.findings
    assert finding.rule == "HM402"
    assert "values-staging.yaml" in finding.message
    assert "/tree/" not in finding.message


def test_what_failed_before_is_unknown(releve: Case) -> None:
    guard = '{{ required "database.password must not be " (get .Values.database "missing") }}'
    Path("chart/templates/guard.yaml").write_text(guard, encoding="utf-8")
    rendering = releve.prove()
    assert set(verdicts(rendering).values()) == {"unknown"}
    assert not rendering.findings
    assert "guard.yaml" in check(rendering, "staging/staging").evidence


def test_dependencies_that_are_not_here_are_unknown_with_the_command(releve: Case) -> None:
    with Path("chart/Chart.yaml").open("a", encoding="utf-8") as stream:
        stream.write("dependencies:\n  - name: redis\n    version: 1.0.0\n    repository: https://charts.example.fr\n")
    evidence = check(releve.prove(), "staging/staging").evidence
    assert "helm dependency build" in evidence
    assert "redis" in evidence


def test_without_helm_all_is_unknown(releve: Case) -> None:
    rendering = releve.prove(Programs(None))
    assert set(verdicts(rendering).values()) == {"unknown"}
    assert all("no helm in PATH" in each.evidence for each in rendering.checks)
    assert rendering.is_unknown


def test_what_is_no_helm_is_unknown(releve: Case) -> None:
    rendering = releve.prove(Programs(shutil.which("true")))
    assert set(verdicts(rendering).values()) == {"unknown"}


def test_a_file_that_is_not_of_a_release_leaves_it_out(releve: Case) -> None:
    for side in (releve.before, releve.after):
        for path in set(side) - {"values-staging.yaml"}:
            del side[path]
    assert verdicts(releve.prove()) == {"staging/staging": "pass", "production/production": "skipped"}


def test_the_users_files_stay_as_they_are(releve: Case) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in Path().rglob("*")}
    assert not releve.prove().findings
    assert {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in Path().rglob("*")} == before


def test_helm_gets_no_cluster_and_tells_no_manifests(releve: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_DEBUG", "true")
    monkeypatch.setenv("HELM_KUBECONTEXT", "nowhere")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    Path("chart/templates/who.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: who}\n"
        'data: {x: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}}\n',
        encoding="utf-8",
    )
    assert not releve.prove().findings
    Path("chart/templates/who.yaml").write_text("a: {{ .Values.database.password }}\n  b: c\n", encoding="utf-8")
    assert set(verdicts(releve.prove()).values()) == {"unknown"}


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: releve
spec:
  destination: {{namespace: compteurs, server: https://kubernetes.default.svc}}
  source:
    repoURL: https://git.example.fr/releve.git
    path: chart
    helm:
{helm}
"""
PARAMETERS = """\
      parameters:
        - {name: env.DJANGO_EMAIL_HOST, value: snap-mail.numerique.gouv.fr}
        - {name: env.DJANGO_EMAIL_PORT, value: "465", forceString: true}
        - {name: env.DJANGO_EMAIL_USE_SSL, value: "True", forceString: true}
        - {name: env.DJANGO_ALLOWED_HOSTS, value: "a.example.fr,b.example.fr"}
"""
OBJECT = """\
      valuesObject:
        env:
          DJANGO_ALLOWED_HOSTS: a.example.fr,b.example.fr
          DJANGO_EMAIL_HOST: snap-mail.numerique.gouv.fr
          DJANGO_EMAIL_PORT: "465"
          DJANGO_EMAIL_USE_SSL: "True"
"""


@pytest.mark.parametrize("helm", [PARAMETERS, OBJECT, OBJECT.replace("valuesObject:", "values: |")])
def test_an_applications_values_are_given_to_helm_as_argo_cd_does(
    helm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(RENDER / "releve" / "chart", tmp_path / "tree" / "chart")
    (tmp_path / "tree" / "application.yaml").write_text(APPLICATION.format(helm=helm), encoding="utf-8")
    monkeypatch.chdir(tmp_path / "tree")
    case = open_case("releve-app")
    rendering = case.prove()
    assert not rendering.findings
    (found,) = rendering.checks
    assert found.verdict is Verdict.PASS
    assert all(name in found.evidence for name in ("DJANGO_EMAIL_HOST", "DJANGO_EMAIL_PORT", "DJANGO_EMAIL_USE_TLS"))
    case.edit("application.yaml", "a.example.fr,b.example.fr", "a.example.fr")
    assert "env[DJANGO_ALLOWED_HOSTS].value" in str(case.prove().findings)


def test_a_helm_releases_values_are_given_to_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(RENDER / "releve" / "chart", tmp_path / "tree" / "charts" / "releve")
    (tmp_path / "tree" / "releve.yaml").write_text(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: releve, namespace: compteurs}\n"
        "spec:\n  chart: {spec: {chart: ./charts/releve}}\n  values:\n"
        + "".join(f"  {line[6:]}\n" if len(line) > 6 else "" for line in OBJECT.splitlines()[1:]),
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path / "tree")
    rendering = open_case("releve-app").prove()
    (found,) = rendering.checks
    assert (found.verdict, rendering.findings) == (Verdict.PASS, ())
    assert "DJANGO_EMAIL_USE_TLS" in found.evidence


@pytest.mark.parametrize("chart", ["oci://registry.example.fr/charts/releve", "socle/releve"])
def test_charts_that_are_elsewhere_are_not_fetched(chart: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(RENDER / "releve" / "values-staging.yaml", tmp_path / "values.yaml")
    (tmp_path / "helmfile.yaml").write_text(
        f"releases:\n  - name: releve\n    chart: {chart}\n    values: [values.yaml]\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    (found,) = open_case().prove().checks
    assert found.verdict is Verdict.UNKNOWN
    assert found.evidence == f"its chart {chart} is not here, and charts are not fetched"


def helmfile_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    tree = copy_tree(RENDER / "helmfile", tmp_path / "tree")
    shutil.copytree(RENDER / "releve" / "chart", tree / "chart")
    monkeypatch.chdir(tree)
    return open_case()


def test_helmfile_renders_its_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(str(tools.helm()), str(tools.helmfile()))
    case = helmfile_tree(tmp_path, monkeypatch)
    rendering = case.prove(programs)
    assert verdicts(rendering) == {"staging/releve": "pass", "production/releve": "pass"}
    assert "deployment/releve (DJANGO_EMAIL_HOST" in check(rendering, "staging/releve").evidence
    told = check(render_all(case.environments, programs, case.is_mail), "staging/releve").evidence
    assert "DJANGO_EMAIL_FROM=releve@recette.example.fr" in told
    staging = "env.d/staging/values.yaml.gotmpl"
    case.environments = [each for each in case.environments if each.name == "staging"]
    case.edit(staging, "bucket: {{ .Release.Name }}", "bucket: {{ .Environment.Name }}")
    (finding,) = case.prove(programs).findings
    assert (finding.rule, finding.place and finding.place.path) == ("HM401", staging)
    assert 'is "  bucket: staging-staging", was "  bucket: releve-staging"' in finding.message
    case.edit(staging, "{{ .Values.domain }}", "{{ .Values.domaine }}")
    (finding,) = case.prove(programs).findings
    assert finding.rule == "HM402"
    assert "domaine" in finding.message
    assert str(tmp_path) not in finding.message


def test_without_helmfile_its_own_values_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found, _) = helmfile_tree(tmp_path, monkeypatch).prove().checks
    assert found.verdict is Verdict.UNKNOWN
    assert "env.d/staging/values.yaml.gotmpl" in found.evidence


def test_rendering_alone_shows_what_the_manifests_say_of_mail(releve: Case) -> None:
    rendering = render_all(releve.environments, real(), releve.is_mail)
    assert not rendering.findings
    assert verdicts(rendering) == {"staging/staging": "pass", "production/production": "pass"}
    evidence = check(rendering, "staging/staging").evidence
    assert evidence.startswith(
        "6 objects: configmap/releve-config (settings.yaml: host: snap-mail.numerique.gouv.fr); "
    )
    assert "deployment/releve (DJANGO_EMAIL_FROM=releve@recette.example.fr, DJANGO_EMAIL_HOST=snap-mail" in evidence
    assert not any(password in str(rendering) for password in PASSWORDS)


def test_rendering_alone_masks_credentials_and_says_why_it_cannot(releve: Case) -> None:
    text = Path("values-staging.yaml").read_text(encoding="utf-8")
    mailed = text.replace(
        "  DJANGO_EMAIL_FROM", "  DJANGO_EMAIL_HOST_PASSWORD: tournesol-et-capucine\n  DJANGO_EMAIL_FROM"
    )
    Path("values-staging.yaml").write_text(mailed, encoding="utf-8")
    Path("values-production.yaml").write_text("image: [\n", encoding="utf-8")
    rendering = render_all(releve.environments, real(), releve.is_mail)
    assert verdicts(rendering) == {"staging/staging": "pass", "production/production": "unknown"}
    assert "DJANGO_EMAIL_HOST_PASSWORD=********" in check(rendering, "staging/staging").evidence
    assert "values-production.yaml" in check(rendering, "production/production").evidence
    assert not any(password in str(rendering) for password in PASSWORDS)


def test_helm_is_looked_for_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helm = str(tools.helm())
    assert Programs.find(helm).helm == helm
    assert Programs(helm).version.startswith(("v3.", "v4."))
    monkeypatch.setenv("HELMMAIL_HELM", helm)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Programs.find() == Programs(helm)
    with pytest.raises(InputError, match="--helm: /nowhere/helm is no program"):
        Programs.find("/nowhere/helm")
    monkeypatch.delenv("HELMMAIL_HELM")
    assert Programs.find().why_not.startswith("there is no helm in PATH")


def test_a_program_is_stopped_with_its_children_after_its_time(tmp_path: Path) -> None:
    start = time.monotonic()
    with Mirror() as mirror:
        output = run(["sh", "-c", f"(sleep 1; touch {tmp_path}/alive) & wait"], mirror, 0.2)
        assert output.code is None
        assert message(output, mirror) == "sh was stopped after 0.2 seconds"
    assert time.monotonic() - start < 1
    time.sleep(1)
    assert not (tmp_path / "alive").exists()


def test_a_mirror_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before", encoding="utf-8")
    (tmp_path / "link").symlink_to("a")
    kept: list[str] = []

    def fail() -> None:
        with Mirror() as mirror:
            kept.append(mirror.folder)
            assert stat.S_IMODE(os.stat(mirror.folder).st_mode) == 0o700
            mirror.copy([str(tmp_path)])
            mirror.lay({str(tmp_path / "link"): b"after"})
            assert Path(mirror.path(str(tmp_path / "link"))).read_text(encoding="utf-8") == "after"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not os.path.exists(kept[0])
    assert (tmp_path / "a").read_text(encoding="utf-8") == "before"


def test_a_folder_that_holds_itself_is_not_copied_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helmmail.validation.render.mirror.MAX_FILES", 300)
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("again", "more"):
        (tree / name).symlink_to(".")
    with Mirror() as mirror, pytest.raises(MirrorError, match="more than 300 files"):
        mirror.copy([str(tree)])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_removes_the_copies_and_the_programs(number: signal.Signals, tmp_path: Path) -> None:
    script = (
        # What a background job of a shell ignores, its children would ignore too.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from helmmail.validation.render.helm import run\nfrom helmmail.validation.render.mirror import Mirror\n"
        "with Mirror() as mirror:\n    print(mirror.folder, flush=True)\n"
        f"    run(['sh', '-c', 'sleep 1; touch {tmp_path}/alive'], mirror, 60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().decode().strip()
        assert os.path.isdir(folder)
        time.sleep(0.2)
        process.send_signal(number)
        process.communicate(timeout=10)
    assert not os.path.exists(folder)
    assert process.returncode != 0
    time.sleep(1)
    assert not (tmp_path / "alive").exists()
