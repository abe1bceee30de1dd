"""Made-up domains with SPF and DMARC as people write them, mistakes included: the lines of a zone for each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.mail_dns.servers import txt


@dataclass
class Domain:
    """A domain, who sends for it (the domain itself or one below it), and all that the zone says of both."""

    name: str
    sender: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def zone(self) -> str:
        return "".join(self.lines)


class Maker:
    """Makes domains from a seed: the same ones each time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.count = 0

    def flip(self, chance: float) -> bool:
        return self.random.random() < chance

    def fresh(self, domain: Domain, word: str) -> str:
        self.count += 1
        return f"{word}{self.count}.{domain.name}"

    def domain(self, number: int) -> Domain:
        made = Domain(f"s{self.seed}n{number}.fr")
        made.lines.append(f"{made.name}. 60 IN A 192.0.2.{number % 250 + 1}\n")
        if self.flip(0.9):
            made.lines.append(f"{made.name}. 60 IN MX 10 mx.{made.name}.\nmx.{made.name}. 60 IN A 192.0.2.77\n")
        self.spf(made)
        self.dmarc(made)
        return made

    # SPF

    def spf(self, made: Domain) -> None:
        if self.flip(0.06):
            return
        record = self.record(made, 0)
        if self.flip(0.05):
            made.lines.append(txt(made.name, "v=spf1 mx ~all"))
        if self.flip(0.3):
            made.lines.append(txt(made.name, "site-verification=abc"))
        if self.flip(0.04):
            made.lines.append(txt(made.name, "v=spf10 mx ~all"))
        if self.flip(0.1):
            record = self.spoil(record)
        made.lines.append(txt(made.name, record))

    def record(self, made: Domain, depth: int) -> str:
        terms = [self.term(made, depth) for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
        end = self.random.choice(("-all", "-all", "~all", "?all", "+all", "all", "", "redirect"))
        if end == "redirect":
            target = self.fresh(made, "r")
            if not self.flip(0.1):
                made.lines.append(txt(target, self.record(made, depth + 1) if depth < 3 else "v=spf1 -all"))
            end = f"redirect={target}"
        terms.append(end)
        if self.flip(0.1):
            terms.append(f"exp=why.{made.name}")
        if self.flip(0.1):
            terms.append("moo=thing")
        if self.flip(0.05):
            terms.append("mx")  # after all
        text = " ".join(["v=spf1", *(term for term in terms if term)])
        return text.upper() if self.flip(0.03) else text

    def term(self, made: Domain, depth: int) -> str:
        kind = self.random.choice(
            ("ip4", "ip4", "ip6", "a", "a:", "mx", "mx:", "include", "include", "include", "exists", "ptr", "macro")
        )
        sign = self.random.choice(("", "", "", "", "+", "-", "~", "?"))
        if kind == "ip4":
            return f"{sign}ip4:198.51.100.{self.random.randrange(256)}{self.random.choice(('', '/24', '/32', '/0'))}"
        if kind == "ip6":
            return f"{sign}ip6:2001:db8::{self.random.randrange(99)}{self.random.choice(('', '/64', '/128'))}"
        if kind in ("a", "mx"):
            return sign + kind + self.random.choice(("", "", "/24", "/24//64", "//64"))
        if kind == "ptr":
            return f"{sign}ptr"
        if kind == "macro":
            return sign + self.random.choice(
                ("exists:%{i}._spf.%{d2}", "include:%{d}.spf.example.fr", "a:%{l1r-}.example.fr")
            )
        if kind == "exists":
            return f"{sign}exists:{self.fresh(made, 'e')}"
        target = self.fresh(made, "t")
        if kind == "a:":
            if not self.flip(0.2):
                made.lines.append(f"{target}. 60 IN {self.random.choice(('A 192.0.2.9', 'AAAA 2001:db8::9'))}\n")
            return f"{sign}a:{target}{self.random.choice(('', '/28'))}"
        if kind == "mx:":
            if not self.flip(0.2):
                count = 11 if self.flip(0.1) else self.random.choice((1, 2, 3))
                made.lines += [
                    f"{target}. 60 IN MX {n} h{n}.{target}.\nh{n}.{target}. 60 IN A 192.0.2.{n}\n"
                    for n in range(1, count + 1)
                ]
            return f"{sign}mx:{target}"
        if self.flip(0.06):
            return f"{sign}include:{target}"  # leads nowhere
        if self.flip(0.03):
            return f"{sign}include:{made.name}"  # itself
        if self.flip(0.1):
            made.lines.append(f"{target}. 60 IN CNAME c.{target}.\n")
            made.lines.append(txt(f"c.{target}", "v=spf1 ip4:203.0.113.0/24 -all"))
        else:
            inner = self.record(made, depth + 1) if depth < 3 and self.flip(0.5) else "v=spf1 ip4:203.0.113.0/24 ~all"
            made.lines.append(txt(target, self.spoil(inner) if self.flip(0.03) else inner))
        return f"{sign}include:{target}"

    def spoil(self, record: str) -> str:
        """One mistake, as people make them."""
        mistakes: tuple[Callable[[str], str], ...] = (
            lambda text: text.replace(" ", "  ", 1),
            lambda text: text + " ",
            lambda text: " " + text,
            lambda text: text.replace("v=spf1", "v=spf2", 1),
            lambda text: text.replace("v=spf1 ", "v=spf1", 1),
            lambda text: text + " ip4:300.1.2.3",
            lambda text: text.replace("v=spf1", "v=spf1 ip4:10.0.0.0/33", 1),
            lambda text: text.replace("v=spf1", "v=spf1 ip4=192.0.2.1", 1),
            lambda text: text.replace("v=spf1", "v=spf1 ipv4:192.0.2.1", 1),
            lambda text: text.replace("v=spf1", "v=spf1 include", 1),
            lambda text: text.replace("v=spf1", "v=spf1 include:", 1),
            lambda text: text.replace("v=spf1", "v=spf1 a:", 1),
            lambda text: text.replace("v=spf1", "v=spf1 ip6:192.0.2.1", 1),
            lambda text: text.replace("v=spf1", "v=spf1 a:host", 1),
            lambda text: text.replace("v=spf1", "v=spf1 exists:%{z}.example.fr", 1),
            lambda text: text.replace("v=spf1", "v=spf1 mx/33", 1),
            lambda text: text.replace("v=spf1", "v=spf1 192.0.2.1", 1),
            lambda text: text.replace("v=spf1", "v=spf1 ;", 1),
            lambda text: text.replace("v=spf1", "v=spf1 redirect=x.example.fr redirect=y.example.fr", 1),
            lambda text: text.replace("v=spf1", "v=spf1\tmx", 1),
        )
        return self.random.choice(mistakes)(record)

    # DMARC

    def dmarc(self, made: Domain) -> None:
        made.sender = made.name
        if self.flip(0.35):
            made.sender = f"mail.{made.name}" if self.flip(0.7) else f"a.b.c.d.e.f.g.h.{made.name}"
            made.lines.append(f"{made.sender}. 60 IN A 192.0.2.3\n")
            if self.flip(0.4):
                made.lines.append(txt(f"_dmarc.{made.sender}", self.policy(made)))
        if self.flip(0.08):
            return
        made.lines.append(txt(f"_dmarc.{made.name}", self.policy(made)))
        if self.flip(0.05):
            made.lines.append(txt(f"_dmarc.{made.name}", "v=DMARC1; p=reject"))

    def policy(self, made: Domain) -> str:
        pick = self.random.choice
        tags = [pick(("p=none", "p=quarantine", "p=reject", "p=reject", "P=None"))]
        if self.flip(0.06):
            tags = pick(([], ["p=nonsense"], ["p="]))
        if self.flip(0.3):
            tags.append(pick(("sp=none", "sp=reject", "sp=quarantine", "sp=never")))
        if self.flip(0.2):
            tags.append(pick(("np=reject", "np=none", "np=maybe")))
        if self.flip(0.3):
            tags.append(pick(("adkim=s", "adkim=r", "adkim=x", "aspf=s", "aspf=r")))
        if self.flip(0.2):
            tags.append(pick(("pct=50", "pct=100", "rf=afrf", "ri=86400", "pct=fifty")))
        if self.flip(0.15):
            tags.append(pick(("fo=1", "fo=1:d:s", "t=y", "t=n", "psd=n", "psd=u", "psd=y", "psd=z")))
        if self.flip(0.5):
            tags.append(
                pick(
                    (
                        f"rua=mailto:d@{made.name}",
                        f"rua=mailto:a@{made.name},mailto:b@{made.name}",
                        "rua=d@example.fr",
                        "rua=mailto:x@reports.example",
                        "rua=mailto:x@reports.example!10m",
                        "rua=https://reports.example/d",
                    )
                )
            )
        if self.flip(0.05):
            tags.append("moo=1")
        if self.flip(0.03):
            tags.append(tags[0] if tags else "p=none")
        if self.flip(0.04):
            tags.append("nothing")
        version = pick(("v=DMARC1",) * 12 + ("v = DMARC1", "V=DMARC1", "v=dmarc1", "v=DMARC2", " v=DMARC1", "DMARC1"))
        glue = pick((";", "; ", "; ", "; ", " ; "))
        return version + glue + glue.join(tags) + pick(("", ";", "; "))
