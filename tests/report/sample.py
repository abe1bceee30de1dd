"""One rich result, and what every form of the report makes of it.

`python -m tests.report.sample` writes tests/report/golden/ anew: read the difference before you keep it.
"""

from __future__ import annotations

from pathlib import Path

from helmmail import __version__
from helmmail.model import Change, Check, Finding, Place, Severity, Verdict
from helmmail.report import formats, github
from helmmail.report.model import EnvironmentInfo, FileDiff, Result, Row
from helmmail.report.text import Style

GOLDEN = Path(__file__).parent / "golden"
ODD = "env.d/pré prod, 100%/values.yaml"
PRODUCTION = "env.d/production/values.yaml.gotmpl"
DEV = "env.d/dev/values.yaml"

LINES = {
    Place(PRODUCTION, 8, 5): "    EMAIL_USE_SSL: True",
    Place(ODD, 12, 24): '\tname: "Écoles 学校" # noreply@mél.example.fr, |pipe|',
    Place(ODD, 14, 13): "  PASSWORD: ********",
    Place(DEV, 3, 150): "  list: [" + ", ".join(f"host{number}.example.fr" for number in range(20)) + "]",
}

DIFF = f"""\
--- a/{PRODUCTION}
+++ b/{PRODUCTION}
@@ -6,4 +6,4 @@
     # ``` not the end of the block
-    EMAIL_HOST: snap-mail.example.fr
-    EMAIL_PORT: 465
+    EMAIL_HOST: smtp.tem.scaleway.com
+    EMAIL_PORT: 587
     </details> @octocat #170
"""

RESULT = Result(
    command="migrate",
    environments=[
        EnvironmentInfo("production", (PRODUCTION,), "helmfile.yaml"),
        EnvironmentInfo("préprod|2", (ODD,), "convention"),
        EnvironmentInfo("dev", (DEV,), "convention"),
    ],
    rows=[
        Row(
            "production",
            "django",
            "snap-mail.example.fr:465 (implicit) -> smtp.tem.scaleway.com:587 (starttls)",
            f"{PRODUCTION}:7:5",
        ),
        Row("production", "secret", "gets EMAIL_HOST_USER, EMAIL_HOST_PASSWORD", "templates/secret.yaml"),
        Row("préprod|2", "django", "snap-mail.example.fr completed: port", f"{ODD}:3:1"),
    ],
    changes=[
        Change("host", "snap-mail.example.fr", "smtp.tem.scaleway.com", "moves", Place(PRODUCTION, 7, 5)),
        Change("password", None, "********", "needed at scaleway", Place(PRODUCTION, 9, 5)),
    ],
    checks=[
        Check("render", Verdict.PASS, "production: 14 manifests, 3 changed in mail settings"),
        Check("render dev", Verdict.UNKNOWN, "helm is not in PATH"),
        Check("render préprod", Verdict.FAIL, "Deployment/web: spec.replicas\ndiffers: 2 | 3"),
        Check("helmfile", Verdict.SKIPPED, "no helmfile rules here"),
    ],
    findings=[
        Finding("HM222", Severity.NOTE, "no timeout is set", Place(DEV, 3, 150), None, Place(DEV, 3, 166)),
        Finding(
            "HM203",
            Severity.ERROR,
            "EMAIL_USE_SSL: implicit TLS cannot work on port 587,\nwhere the server waits for STARTTLS",
            Place(PRODUCTION, 8, 5),
            "write EMAIL_USE_TLS: True",
            Place(PRODUCTION, 8, 18),
        ),
        Finding(
            "HM207",
            Severity.WARNING,
            "the sender noreply@mél.example.fr | `x` <b>{{ .Values.x }}</b> #170 is not 100% verified, @octocat",
            Place(ODD, 12, 24),
            "see [there](https://example.fr/?a=1,2)",
            Place(ODD, 12, 45),
        ),
        Finding(
            "HM204",
            Severity.WARNING,
            "PASSWORD holds a credential in clear text (********)",
            Place(ODD, 14, 13),
            "move it into a Secret",
            Place(ODD, 14, 20),
        ),
        Finding("HM402", Severity.ERROR, "dev: helm cannot render what it could before"),
        Finding(
            "HM503",
            Severity.WARNING,
            "smtp.example.fr:587 (starttls): the port does not answer",
            fix="Run `helmmail migrate --port 2587`.",
            cause="port",
            evidence=("192.0.2.5 port 587: no answer in time", "2587 | <b>answers</b>, @octocat"),
        ),
        Finding("HM104", Severity.NOTE, "an encrypted file was not read into", Place("/srv/x y/secrets.enc.yaml")),
    ],
    todo=[
        (
            "put EMAIL_HOST_USER and EMAIL_HOST_PASSWORD into Secret guichet-smtp",
            ["kubectl patch secret guichet-smtp --patch-file /dev/stdin <<'EOF'\n{\"stringData\": {}}\nEOF"],
        ),
        ("make sure that Scaleway may send for mél.example.fr", []),
    ],
    summary={"from": "snap-mail", "to": "scaleway", "headline": "1 file would change; 2 errors above"},
    diffs=[
        FileDiff(PRODUCTION, DIFF),
        FileDiff("templates/<secret>.yaml", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+b\n"),
    ],
    again="helmmail migrate --dry-run",
)


def source(place: Place) -> str | None:
    return LINES.get(place)


def pages(rule: str) -> str | None:
    if rule != "HM203":
        return None
    return "# HM203\n\nThe TLS mode cannot work,\nso no mail is sent.\n\n```yaml\nEMAIL_USE_TLS: true\n```\n"


def everything() -> dict[str, str]:
    """Each form of the sample, by the name of its golden file."""
    names = {"text": "text.txt", "json": "json.json", "github": "github.txt", "gitlab": "gitlab.json"}
    names |= {"sarif": "sarif.json", "junit": "junit.xml", "markdown": "markdown.md"}
    assert set(names) == set(formats.FORMATS)
    made = {name: formats.render(form, RESULT, source=source, pages=pages) for form, name in names.items()}
    made["text-colour.txt"] = formats.render("text", RESULT, style=Style(colour=True), source=source)
    made["github-summary.md"] = github.summary(RESULT)
    return {name: text.replace(f'"{__version__}"', '"VERSION"') for name, text in made.items()}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in everything().items():
        (GOLDEN / name).write_text(text, encoding="utf-8", newline="")
