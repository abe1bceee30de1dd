"""The syntax of an SPF record, to the letter of RFC 7208, section 12."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from helmmail.lazy import pattern

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DIRECTIVE = pattern(r"([+\-?~]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)", 16)  # 16: re.DOTALL
_MODIFIER = pattern(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", 16)
_MACRO = pattern(r"%\{([slodiphcrtvSLODIPHCRTV])([0-9]*)(r?)([-.+,/_=]*)\}|%%|%_|%-")
_LITERAL = pattern(r"[\x21-\x24\x26-\x7e]")
_TOP_LABEL = pattern(r"(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?\Z")
_CIDR = pattern(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")

_DIGITS = 9
"""Digits of a macro's number of labels: RFC 7208, section 7.3 wants 127 to be possible, and names have no more."""
MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
ASKING = ("include", "a", "mx", "ptr", "exists", "redirect")
"""The terms that count towards the ten lookups (RFC 7208, section 4.6.4)."""


class SpfSyntaxError(ValueError):
    """A record that every receiver has to answer with permerror; the text names the term."""


@dataclass(frozen=True)
class Term:
    """A mechanism or modifier. `domain` is its domain-spec as written ("" means the domain itself)."""

    text: str
    name: str
    qualifier: str = "+"
    domain: str = ""
    cidr4: int = 32
    cidr6: int = 128
    network: Network | None = None

    @property
    def has_macro(self) -> bool:
        """Whether the domain depends on the mail, so that it cannot be looked up beforehand."""
        return "%" in self.domain


@dataclass(frozen=True)
class SpfRecord:
    """A record that is right in form: its mechanisms in order, and its modifiers."""

    text: str
    mechanisms: tuple[Term, ...] = ()
    redirect: Term | None = None
    exp: Term | None = None
    unknown: tuple[str, ...] = field(default=())

    @property
    def all(self) -> Term | None:
        """The first `all`; nothing after it is ever looked at (RFC 7208, section 5.1)."""
        return next((term for term in self.mechanisms if term.name == "all"), None)

    @property
    def effective(self) -> tuple[Term, ...]:
        """The mechanisms that can be reached."""
        stop = self.all
        return self.mechanisms if stop is None else self.mechanisms[: self.mechanisms.index(stop) + 1]

    @property
    def asking(self) -> tuple[Term, ...]:
        """The terms that may cost a lookup, in order; `redirect` counts only without an `all` (section 6.1)."""
        terms = tuple(term for term in self.effective if term.name in ASKING)
        return terms if self.redirect is None or self.all else (*terms, self.redirect)


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record (RFC 7208, section 4.5): its version section is `v=spf1` exactly."""
    return text.lower() == "v=spf1" or text[:7].lower() == "v=spf1 "


def parse(text: str) -> SpfRecord:
    """The record in `text`; raises SpfSyntaxError for anything that section 12 does not allow."""
    mechanisms: list[Term] = []
    modifiers: dict[str, Term] = {}
    unknown: list[str] = []
    for word in text[6:].split(" "):  # a blank alone separates terms: a tab or line end is an error
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            mechanisms.append(_mechanism(word))
            continue
        name = modifier[1].lower()
        if name not in ("redirect", "exp"):
            check_macros(modifier[2], word)
            unknown.append(word)
        elif name in modifiers:
            raise SpfSyntaxError(f"'{name}=' stands twice")
        else:
            modifiers[name] = Term(word, name, domain=_domain(modifier[2], word))
    return SpfRecord(text, tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"), tuple(unknown))


def _mechanism(word: str) -> Term:
    found = _DIRECTIVE.fullmatch(word)
    if found is None:
        raise SpfSyntaxError(f"'{word}' is no mechanism")
    qualifier, name, rest = found[1] or "+", found[2].lower(), found[3]
    if name not in MECHANISMS:
        raise SpfSyntaxError(f"'{word}': SPF has no mechanism '{found[2]}'")
    if name == "all":
        if rest:
            raise SpfSyntaxError(f"'{word}': 'all' takes no value")
        return Term(word, name, qualifier)
    if name in ("ip4", "ip6"):
        return Term(word, name, qualifier, network=_network(name, rest, word))
    if name in ("include", "exists"):
        if not rest.startswith(":"):
            raise SpfSyntaxError(f"'{word}': '{name}' needs a domain after a colon")
        return Term(word, name, qualifier, _domain(rest[1:], word))
    if name == "ptr":
        if rest and not rest.startswith(":"):
            raise SpfSyntaxError(f"'{word}': expected a colon and a domain after 'ptr'")
        return Term(word, name, qualifier, _domain(rest[1:], word) if rest else "")
    return _with_cidr(word, name, qualifier, rest)


def _with_cidr(word: str, name: str, qualifier: str, rest: str) -> Term:
    cidr = _CIDR.search(rest)
    assert cidr is not None  # it matches the empty end
    cidr4, cidr6 = int(cidr[1] or 32), int(cidr[2] or 128)
    if cidr4 > 32 or cidr6 > 128:
        raise SpfSyntaxError(f"'{word}': a prefix is longer than the address")
    target = rest[: cidr.start()]
    if target and not target.startswith(":"):
        raise SpfSyntaxError(f"'{word}': expected a colon and a domain, or a prefix length, after '{name}'")
    return Term(word, name, qualifier, _domain(target[1:], word) if target else "", cidr4, cidr6)


def _network(name: str, rest: str, word: str) -> Network:
    address, slash, length = rest[1:].partition("/")
    if not rest.startswith(":") or (slash and (not length.isdecimal() or (length[0] == "0" and length != "0"))):
        raise SpfSyntaxError(f"'{word}': expected an address, with or without a prefix length, after '{name}:'")
    try:
        if name == "ip4":
            return ipaddress.IPv4Network(f"{address}/{length or 32}", strict=False)
        if "%" in address:
            raise ValueError
        return ipaddress.IPv6Network(f"{address}/{length or 128}", strict=False)
    except ValueError:
        raise SpfSyntaxError(f"'{word}': '{rest[1:]}' is no IPv{name[2]} address or network") from None


def check_macros(text: str, word: str, explanation: bool = False) -> bool:
    """Whether `text` ends with a macro; raises SpfSyntaxError where it is no macro-string (section 7.1)."""
    place, ends = 0, False
    while place < len(text):
        macro = _MACRO.match(text, place)
        if macro is not None:
            if macro[1] and macro[1].lower() in "crt" and not explanation:
                raise SpfSyntaxError(f"'{word}': the macro %{{{macro[1]}}} belongs in an explanation only")
            if macro[2] and not 0 < len(macro[2].lstrip("0")) <= _DIGITS:
                what = "a number of labels that no name has" if macro[2].strip("0") else "a macro of no labels"
                raise SpfSyntaxError(f"'{word[:60]}': {what}")
            place, ends = macro.end(), True
        elif _LITERAL.match(text, place) or (explanation and text[place] == " "):
            place, ends = place + 1, False
        else:
            raise SpfSyntaxError(f"'{word}': {text[place]!r} may not stand there")
    return ends


def _domain(text: str, word: str) -> str:
    ends_with_macro = check_macros(text, word)
    if not text or not (ends_with_macro or ("." in text and _TOP_LABEL.match(text.rstrip(".").rpartition(".")[2]))):
        raise SpfSyntaxError(f"'{word}': '{text}' is no domain name")
    return text
