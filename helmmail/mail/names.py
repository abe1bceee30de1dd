"""Domain names in other letters, in the form that mail and DNS carry: A-labels by IDNA 2008 (RFC 5890, 5891)."""

from __future__ import annotations


def ascii_domain(domain: str) -> str:
    """A domain with each label in ASCII; one that is ASCII already stays as it is.

    Capitals and wide forms are mapped first (UTS 46), the four letters in which IDNA 2003 differs (`ß` is one) are not:
    there `faß.de` would be `fass.de`, which belongs to somebody else. Raises ValueError for what is no domain name.
    """
    if domain.isascii():
        return domain
    import idna

    mapped = idna.uts46_remap(domain, std3_rules=False, transitional=False)
    return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))


def ascii_address(address: str) -> str:
    """An address with its domain in ASCII (RFC 6531, 3.7.1 wants no more); what stands before the @ is left as it is.

    Raises ValueError as above.
    """
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


def needs_utf8(address: str) -> bool:
    """Whether a server must offer SMTPUTF8 (RFC 6531) for it: what stands before the @ has no form in ASCII."""
    return not address.rpartition("@")[0].isascii()
