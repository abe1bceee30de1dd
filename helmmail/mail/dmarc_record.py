"""The syntax of a DMARC policy record (RFC 9989, sections 4.7 and 4.8; it replaces RFC 7489)."""

from __future__ import annotations

from dataclasses import dataclass

from helmmail.lazy import pattern

POLICIES = ("none", "quarantine", "reject")
REMOVED = ("pct", "rf", "ri")
"""Tags of RFC 7489 that receivers ignore now."""
KNOWN = ("v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "rua", "ruf", "t")

_VERSION = pattern(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")  # the value alone is case-sensitive
_TAG = pattern(r"[ \t]*([A-Za-z0-9]+)[ \t]*=[ \t]*(.*?)[ \t]*", 16)  # 16: re.DOTALL
_URI = pattern(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,!;]+(?:![0-9]+[kKmMgGtT]?)?")
_MAILTO = pattern(r"mailto:([^@?\s,!]+)@([A-Za-z0-9_.-]+)(?:\?[^!]*)?(?:![0-9]+[kKmMgGtT]?)?", 2)


@dataclass(frozen=True)
class DmarcRecord:
    """A policy record as receivers read it.

    `p` is "" where the record is of no effect (`broken` says why). `problems` are what receivers drop or read otherwise
    than it was meant; `removed` the tags that RFC 9989 does away with, as written.
    """

    text: str
    p: str = "none"
    sp: str = ""
    np: str = ""
    adkim: str = "r"
    aspf: str = "r"
    psd: str = "u"
    testing: bool = False
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    broken: str = ""
    problems: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def policy_for(self, own: bool, exists: bool = True) -> str:
        """The policy for the domain of the record (`own`), or for one below it (RFC 9989, section 4.10.1)."""
        if own:
            return self.p
        subdomain = self.sp or self.p
        return subdomain if exists else self.np or subdomain


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is a DMARC record: it begins with the version tag; others are discarded."""
    return bool(_VERSION.match(text))


def parse(text: str) -> DmarcRecord:
    """The record in a text for which `is_dmarc` holds. Never raises: receivers drop what they cannot read."""
    tags: dict[str, str] = {}
    problems: list[str] = []
    twice = ""
    for part in text.split(";"):
        found = _TAG.fullmatch(part)
        if found is None:
            if part.strip():
                problems.append(f"'{part.strip()[:60]}' is no tag (name=value)")
            continue
        name = found[1].lower()
        if name in tags:
            twice = twice or f"the tag '{name}' stands twice"
        tags.setdefault(name, found[2])
    problems += [f"'{name}' is no tag of DMARC" for name in tags if name not in KNOWN and name not in REMOVED]
    rua, ruf = (_addresses(name, tags.get(name), problems) for name in ("rua", "ruf"))
    policies = {name: tags[name].lower() for name in ("p", "sp", "np") if name in tags}
    wrong = [f"{name}={value}" for name, value in policies.items() if value not in POLICIES]
    broken = twice
    if wrong:
        problems.append(f"{', '.join(wrong)}: a policy is none, quarantine or reject")
        policies = {"p": "none"}
        broken = broken or ("" if rua else f"{', '.join(wrong)} is no policy, and there is no rua")
    if "p" not in tags:
        problems.append("there is no p: receivers take it as none, older ones ignore the record")
    modes = {name: _one_of(tags, name, "rs", problems) for name in ("adkim", "aspf")}
    return DmarcRecord(
        text,
        p="" if broken else policies.get("p", "none"),
        sp=policies.get("sp", ""),
        np=policies.get("np", ""),
        adkim=modes["adkim"],
        aspf=modes["aspf"],
        psd=_one_of(tags, "psd", "uyn", problems),
        testing=_one_of(tags, "t", "ny", problems) == "y",
        rua=rua,
        ruf=ruf,
        broken=broken,
        problems=tuple(problems),
        removed=tuple(f"{name}={tags[name]}" for name in REMOVED if name in tags),
    )


def _one_of(tags: dict[str, str], name: str, allowed: str, problems: list[str]) -> str:
    """The value of a tag of one letter; the first of `allowed` is the default, and stands for a wrong one."""
    value = tags.get(name, allowed[0]).lower()
    if len(value) == 1 and value in allowed:
        return value
    problems.append(f"{name}={value}: allowed are {', '.join(allowed)}")
    return allowed[0]


def _addresses(name: str, value: str | None, problems: list[str]) -> tuple[str, ...]:
    found = []
    for part in (value or "").split(",") if value is not None else ():
        uri = part.strip()
        if _URI.fullmatch(uri) and (not uri.lower().startswith("mailto:") or _MAILTO.fullmatch(uri)):
            found.append(uri)
        else:
            problems.append(f"{name}: '{uri[:80]}' is no address of the form mailto:user@domain")
    return tuple(found)


def host_of(uri: str) -> str:
    """The domain that a `mailto:` address of a report goes to, "" for another scheme."""
    found = _MAILTO.fullmatch(uri)
    return found[2].lower().rstrip(".") if found else ""
