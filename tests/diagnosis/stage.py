"""A whole provider on loopback: mail servers, DNS with blocklists, an API; and a repository that uses it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.mail_api import shapes
from tests.mail_api.server import Reply, Server, serving
from tests.mail_api.shapes import DOMAIN, DOMAINS, NAME, TEM
from tests.mail_dns.servers import nsd, txt
from tests.mail_smtp.certificates import Authority
from tests.mail_smtp.servers import LOOPBACK, Mailpit, free_port, mailpit

SENDER = f"noreply@{NAME}"
SELECTOR = "key1"
RELAY = "185.0.2.7"
LISTED = "185.0.2.9"
"""Public addresses: a blocklist cannot know those of documentation."""


@dataclass
class Stage:
    """`submission` wants STARTTLS and AUTH, `implicit` TLS from the first byte; nothing listens on `closed`.

    `dns` is the port of the DNS server; `authority` the file with the authority of the servers' certificates.
    """

    folder: Path
    submission: Mailpit
    implicit: Mailpit
    closed: int
    dns: int
    api: Server
    authority: Path

    @property
    def resolver(self) -> tuple[str, str]:
        return "--resolver", f"{LOOPBACK}:{self.dns}"

    def repository(
        self, folder: Path, port: int | None = None, tls: str = "EMAIL_USE_TLS", sender: str = SENDER
    ) -> Path:
        """Two environments and the provider in helmmail.yaml; production uses `port`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "helmmail.yaml").write_text(
            f"""
providers:
  - id: ours
    title: Our own
    hosts: [{LOOPBACK}]
    ports: {{{self.submission.port}: starttls, {self.implicit.port}: implicit, {self.closed}: starttls}}
    default_port: {self.submission.port}
    auth: required
    tls_required: true
    dns:
      spf_include: [_spf.ours.example]
      spf_nested: false
      dkim: <project-id>._domainkey TXT
      mx: [blackhole.ours.example]
      dmarc: v=DMARC1; p=none
    api:
      base: https://api.ours.example{TEM.removesuffix("/regions/fr-par")}/regions/{{region}}/
      regions: [fr-par]
      client: scaleway
      token: {{variable: SCW_SECRET_KEY, header: X-Auth-Token}}
    confidence: low
environments:
  staging: {{values: [staging.yaml], namespace: staging, release: courrier}}
  production: {{values: [production.yaml], namespace: production, release: courrier}}
"""
        )
        (folder / "staging.yaml").write_text(values(self.submission.port, "EMAIL_USE_TLS"))
        (folder / "production.yaml").write_text(values(port or self.submission.port, tls))
        return folder

    def know(self, status: str = "checked", **words: str) -> None:
        """What the API says of the sender's domain."""
        self.api.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.domain(status))))
        self.api.on("GET", DOMAIN, Reply(body=shapes.domain(status)))
        self.api.on("GET", f"{DOMAIN}/verification", Reply(body=shapes.verification(**words)))
        self.api.on("GET", f"{TEM}/blocklists", Reply(body=shapes.blocklist()))


def values(port: int, tls: str) -> str:
    return f"""
backend:
  envVars:
    DJANGO_EMAIL_HOST: "{LOOPBACK}"
    DJANGO_EMAIL_PORT: {port}
    DJANGO_{tls}: True
    DJANGO_EMAIL_FROM: "{SENDER}"
    DJANGO_EMAIL_HOST_USER:
      secretKeyRef: {{name: courrier-mail, key: DJANGO_EMAIL_HOST_USER}}
    DJANGO_EMAIL_HOST_PASSWORD:
      secretKeyRef: {{name: courrier-mail, key: DJANGO_EMAIL_HOST_PASSWORD}}
"""


def key(bits: int = 2048) -> str:
    """The text of a DKIM record."""
    made = rsa.generate_private_key(65537, bits).public_key()
    der = made.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; h=sha256; k=rsa; p={base64.b64encode(der).decode()}"


def zone(**changes: str) -> str:
    """The world's DNS: a domain in order at the provider, two relays, and Spamhaus; `changes` replace its parts."""
    parts = {
        "spf": txt(NAME, "v=spf1 include:_spf.ours.example -all"),
        "dkim": txt(f"{SELECTOR}._domainkey.{NAME}", key()),
        "dmarc": txt(f"_dmarc.{NAME}", f"v=DMARC1; p=reject; rua=mailto:dmarc@{NAME}"),
        "mx": f"{NAME}. 60 IN MX 10 blackhole.ours.example.\nblackhole.ours.example. 60 IN A {RELAY}\n",
        "include": txt("_spf.ours.example", f"v=spf1 ip4:{RELAY} ip4:{LISTED} -all"),
        "names": _name(RELAY, "a") + _name(LISTED, "b"),
        "list": _listed("127.0.0.2", "127.0.0.2") + _listed(LISTED, "127.0.0.2"),
    }
    return "".join({**parts, **changes}.values())


def _name(address: str, name: str) -> str:
    backwards = ".".join(reversed(address.split(".")))
    return f"{backwards}.in-addr.arpa. 60 IN PTR {name}.ours.example.\n{name}.ours.example. 60 IN A {address}\n"


def _listed(address: str, code: str) -> str:
    return f"{'.'.join(reversed(address.split('.')))}.zen.spamhaus.org. 60 IN A {code}\n"


@contextmanager
def stage(folder: Path, dns: str | None = None) -> Iterator[Stage]:
    """Starts all of it, and stops it."""
    authority = Authority(folder / "ca")
    pair = authority.issue("mail")
    with ExitStack() as stack:
        yield Stage(
            folder,
            stack.enter_context(mailpit(folder, "--smtp-require-starttls", "--enable-chaos", pair=pair, login=True)),
            stack.enter_context(mailpit(folder, "--smtp-require-tls", pair=pair)),
            free_port(),
            stack.enter_context(nsd(folder / "nsd", dns or zone())),
            stack.enter_context(serving()),
            authority.certificate,
        )
