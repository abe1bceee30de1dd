"""The records to publish, read back by what reads them: a name server, and HCL's own decoder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helmmail.errors import InputError
from helmmail.mail.needs import DnsNeeds
from helmmail.mail.records import TERRAFORM_HOSTS, Record, as_terraform, as_text, as_zone, split, wanted
from helmmail.settings.provider import Providers
from tests import tools
from tests.mail_dns.conftest import World

SCALEWAY = DnsNeeds.from_profile(Providers.load().get("scaleway").data)
KEY = "v=DKIM1; h=sha256; k=rsa; p=" + "Ab+/" * 98
HCLDEC = "v2.24.0"

AWKWARD = [
    Record("a.example", "TXT", 'quote " backslash \\ semicolon ; \u00e9 ${template} %{macro} $${x'),
    Record("a.example", "TXT", "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"),
    Record("long.a.example", "TXT", "\u00e9" * 400),
    Record("k1._domainkey.a.example", "CNAME", "k1.dkim.example"),
    Record("a.example", "MX", "10 blackhole.tem.scaleway.com"),
    Record("empty.a.example", "TXT", ""),
]


@pytest.mark.parametrize(
    "form", [as_text, as_zone, *(lambda r, h=h: as_terraform(r, "a.example", h) for h in TERRAFORM_HOSTS)]
)
def test_what_others_wrote_is_printable_and_stays_on_its_line(form: Callable[[list[Record]], str]) -> None:
    odd = "x\x1b]0;evil\x07\nevil.example. 1 IN A 192.0.2.6\u202e"
    for record in (
        Record("a.example", "TXT", f"v=spf1 {odd}"),
        Record(f"{odd}.a.example", "CNAME", odd),
        Record("a.example", "MX", f"10{odd} {odd}", odd),
        Record("a.example", f"A{odd}", odd),
    ):
        text = form([record])
        assert all(char.isprintable() or char == "\n" for char in text)
        assert not any(line.lstrip().startswith("evil") for line in text.splitlines())


def test_the_records_of_a_domain_at_scaleway() -> None:
    records = wanted("A.example.", SCALEWAY, keys=[("project", KEY)])
    assert [(record.name, record.type, record.value) for record in records] == [
        ("a.example", "TXT", "v=spf1 include:_spf.tem.scaleway.com -all"),
        ("project._domainkey.a.example", "TXT", KEY),
        ("_dmarc.a.example", "TXT", "v=DMARC1; p=none"),
        ("a.example", "MX", "10 blackhole.tem.scaleway.com"),
    ]
    text = as_text(records)
    assert f"project._domainkey.a.example  TXT  {KEY}\n" in text  # whole, to be pasted
    kept = wanted("a.example", SCALEWAY, spf="v=spf1 mx -all", dmarc="v=DMARC1; p=reject")
    assert [record.value for record in kept[:2]] == ["v=spf1 mx -all", "v=DMARC1; p=reject"]


def test_strings_have_at_most_255_octets_and_no_torn_characters() -> None:
    for text in ("", "x" * 255, "x" * 256, "\u00e9" * 400, "\U0001f600" * 200):
        parts = split(text)
        assert "".join(parts) == text
        assert all(len(part.encode()) <= 255 for part in parts)
    assert len(split("x" * 256)) == 2


def test_a_name_server_reads_the_zone_file_back(world: World) -> None:
    records = [*wanted("b.example", SCALEWAY, keys=[("project", KEY)]), *AWKWARD]
    ask = world(as_zone(records))
    for record in records:
        assert record.value in ask(record.name, record.type).records


def decode(folder: Path, terraform: str, attribute: str, kind: str) -> dict[str, object]:
    """The attribute of every resource, as HCL evaluates it."""
    try:
        hcldec = tools.tool("hcldec", HCLDEC, "github.com/hashicorp/hcl/v2/cmd/hcldec")
    except tools.ToolError as error:
        tools._give_up(str(error))
    others = "".join(f'    attr "{name}" {{\n      type = string\n    }}\n' for name in sorted(ALL - {attribute}))
    (folder / "spec").write_text(
        'block_map {\n  block_type = "resource"\n  labels = ["kind", "name"]\n  object {\n'
        f'    attr "{attribute}" {{\n      type = {kind}\n    }}\n{others}  }}\n}}\n'
    )
    (folder / "main.tf").write_text(terraform)
    command = [str(hcldec), "--spec", str(folder / "spec"), "-V", str(folder / "vars"), str(folder / "main.tf")]
    (folder / "vars").write_text('var = { zone_id = "Z1" }\n')
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (blocks,) = json.loads(done.stdout).values()
    return {name: block[attribute] for name, block in blocks.items()}


ALL = {
    "dns_zone",
    "zone",
    "zone_id",
    "name",
    "subdomain",
    "type",
    "fieldtype",
    "data",
    "content",
    "target",
    "records",
    "ttl",
    "priority",
}


def quoted(text: str) -> str:
    return " ".join(
        '"' + part.replace("\\", "\\\\").replace('"', '\\"').replace("\u00e9", "\\195\\169") + '"'
        for part in split(text)
    )


@pytest.mark.parametrize("host", TERRAFORM_HOSTS)
def test_terraform_reads_what_was_meant(tmp_path: Path, host: str) -> None:
    attribute = {"scaleway": "data", "aws": "records", "cloudflare": "content", "ovh": "target"}[host]
    text = as_terraform(AWKWARD, "a.example", host)
    values = decode(tmp_path, text, attribute, "list(string)" if host == "aws" else "string")
    assert len(values) == len(AWKWARD)
    found = [value[0] if isinstance(value, list) else value for value in values.values()]
    texts = [record.value for record in AWKWARD if record.type == "TXT"]
    if host == "scaleway":
        assert set(texts) <= set(found)
    elif host == "aws":
        assert {text.replace('""', "") for text in map(str, found)} >= set(texts) - {""}
    else:
        assert set(map(quoted, texts)) <= set(found)
    target = "k1.dkim.example" + ("" if host == "cloudflare" else ".")
    assert target in found
    mail = "blackhole.tem.scaleway.com" + ("" if host == "cloudflare" else ".")
    assert (mail if host in ("scaleway", "cloudflare") else f"10 {mail}") in found


def test_terraform_is_formatted_and_its_names_are_unique() -> None:
    text = as_terraform(AWKWARD, "a.example")
    assert text.startswith(
        'resource "scaleway_domain_record" "mail_apex_txt" {\n  dns_zone = "a.example"\n  name     = ""\n'
    )
    assert '"mail_apex_txt_2"' in text
    assert "  priority = 10\n" in text
    with pytest.raises(InputError, match="does not lie in the zone"):
        as_terraform(AWKWARD, "b.example")
    with pytest.raises(InputError, match="known are scaleway"):
        as_terraform(AWKWARD, "a.example", "nowhere")
