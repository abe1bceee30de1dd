"""What a YAML document is: a Kubernetes manifest, a Secret, something encrypted."""

from __future__ import annotations

import re

from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern

_KIND = pattern(r"kind:[ \t]*[\"']?(?:External|Sealed)?Secret\b")


def kind_of(root: Node) -> str:
    """The `kind` of a Kubernetes manifest, "" for anything else."""
    if root.kind is not Kind.MAP:
        return ""
    kind = root.get("kind")
    return kind.value if kind is not None and kind.kind is Kind.SCALAR and root.get("apiVersion") is not None else ""


def is_encrypted(root: Node) -> bool:
    """Whether a document is sealed by SOPS or as a SealedSecret, and so must not be edited."""
    if root.kind is not Kind.MAP:
        return False
    sops = root.get("sops")
    return (sops is not None and sops.kind is Kind.MAP and sops.get("mac") is not None) or kind_of(
        root
    ) == "SealedSecret"


def is_encrypted_text(document: Document) -> bool:
    """As `is_encrypted`, for a dotenv file that SOPS wrote."""
    return document.is_dotenv and re.search(r"^sops_mac=", document.text, re.MULTILINE) is not None


def holds_encrypted(document: Document) -> bool:
    """Whether a document of the file is sealed, or the whole of a dotenv file. Raises as `Document.roots` does."""
    return is_encrypted_text(document) or any(map(is_encrypted, document.roots))


_HOST_NAME = pattern(r"(?:mail|smtp)\w{0,40}?(?:host|server|addr|url|dsn)\w{0,20}[\"']?[ \t]*[:=]", re.IGNORECASE)


def has_templated_mail(text: str) -> bool:
    """Whether a text has a line that gives a mail server by a template expression."""
    at = text.find("{{")
    while at >= 0:
        line = text[max(text.rfind("\n", 0, at) + 1, at - 200) : at]
        if "#" not in line and _HOST_NAME.search(line):
            return True
        end = text.find("\n", at)
        at = text.find("{{", end) if end >= 0 else -1
    return False


def may_make_secrets(text: str) -> bool:
    """Whether a text can hold what makes a Secret: a manifest, a generator, a file of SOPS."""
    return ("Secret" in text and _KIND.search(text) is not None) or "secretGenerator:" in text or "\nsops:" in text
