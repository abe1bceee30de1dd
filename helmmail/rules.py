"""The rules that findings belong to: stable ids, each with a severity and one line.

HM1xx is about files and what stands in them, HM2xx about mail settings, HM3xx about the schemas of charts, HM4xx about
rendered manifests. `docs/rules/` has a page for each.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from helmmail.model import Severity

_PACKAGE = Path(__file__).parent / "rule_pages"
_CHECKOUT = Path(__file__).parent.parent / "docs" / "rules"

TEMPLATE_VALUE = "HM101"
OLD_HOST_LEFT = "HM102"
COMMENTED_OUT = "HM103"
ENCRYPTED = "HM104"
SKIPPED_FILE = "HM105"
ALIASES_FOLLOW = "HM106"
IGNORED_WITHOUT_REASON = "HM107"
DUPLICATE_KEY = "HM108"
SETTINGS_SCHEMA = "HM201"
TLS_UNCLEAR = "HM202"
TLS_AGAINST_PORT = "HM203"
CREDENTIALS_IN_CLEAR = "HM204"
CREDENTIALS_TO_CHANGE = "HM205"
SETTING_BY_HAND = "HM206"
SENDER_DOMAIN = "HM207"
SECRET_KEY_MISSING = "HM208"
CREDENTIALS_UNUSED = "HM209"
ODD_ONE_OUT = "HM210"
SERVICE_WINS = "HM211"
SECRET_CHOSEN = "HM212"
FORM_ASSUMED = "HM213"
BOTH_TLS_FLAGS = "HM214"
ENV_NOT_TEXT = "HM215"
FALSE_AS_TEXT = "HM216"
HALF_CREDENTIALS = "HM217"
SENDER_MISSING = "HM218"
SENDER_NOT_ALIGNED = "HM219"
UNKNOWN_SETTING = "HM220"
WORKLOAD_LEFT_BEHIND = "HM221"
NO_TIMEOUT = "HM222"
VARIABLE_NOT_READ = "HM223"
PLACEHOLDER_BROKEN = "HM224"
REFERENCE_MALFORMED = "HM225"
CHART_SCHEMA = "HM301"
USER_SCHEMA = "HM302"
RENDER_DIFFERS = "HM401"
RENDER_FAILS = "HM402"
MAIL_REPUTATION = "HM501"
MAIL_AUTHENTICATION = "HM502"
MAIL_PORT = "HM503"
MAIL_RATE = "HM504"
MAIL_TLS = "HM505"
MAIL_CREDENTIALS = "HM506"
MAIL_SENDER = "HM507"
MAIL_RECIPIENT = "HM508"
MAIL_CONTENT = "HM509"
MAIL_PROVIDER = "HM510"


class Rule(NamedTuple):
    """What a rule says, and how bad it is.

    An error is what cannot work; what depends on files that were not given is a warning at most.
    """

    severity: Severity
    title: str


RULES = {
    TEMPLATE_VALUE: Rule(Severity.WARNING, "a setting is a template expression, which is not overwritten"),
    OLD_HOST_LEFT: Rule(Severity.WARNING, "the old provider's host is still written here"),
    COMMENTED_OUT: Rule(Severity.NOTE, "a comment names the old provider's host"),
    ENCRYPTED: Rule(Severity.WARNING, "an encrypted file is never touched"),
    SKIPPED_FILE: Rule(Severity.WARNING, "a file was not looked at"),
    ALIASES_FOLLOW: Rule(Severity.NOTE, "aliases follow a value that changed"),
    IGNORED_WITHOUT_REASON: Rule(Severity.WARNING, "an ignore comment gives no reason, or names no rule"),
    DUPLICATE_KEY: Rule(Severity.WARNING, "a key stands twice in one map, and the last one wins"),
    SETTINGS_SCHEMA: Rule(Severity.ERROR, "the settings break schemas/smtp-settings.schema.json"),
    TLS_UNCLEAR: Rule(Severity.WARNING, "the settings do not say which TLS mode they mean"),
    TLS_AGAINST_PORT: Rule(Severity.ERROR, "the TLS mode cannot work on the port"),
    CREDENTIALS_IN_CLEAR: Rule(Severity.WARNING, "a credential stands in clear text"),
    CREDENTIALS_TO_CHANGE: Rule(Severity.WARNING, "what a Secret holds must change"),
    SETTING_BY_HAND: Rule(Severity.WARNING, "a setting has to be made by hand"),
    SENDER_DOMAIN: Rule(Severity.WARNING, "the sender's domain is not known to be verified at the new provider"),
    SECRET_KEY_MISSING: Rule(Severity.WARNING, "a Secret lacks a key that the settings refer to"),
    CREDENTIALS_UNUSED: Rule(Severity.NOTE, "credentials stand that the provider does not use"),
    ODD_ONE_OUT: Rule(Severity.NOTE, "a setting differs from the other environments"),
    SERVICE_WINS: Rule(Severity.ERROR, "a named service wins over host and port"),
    SECRET_CHOSEN: Rule(Severity.NOTE, "credentials refer to a Secret that was told from the settings around"),
    FORM_ASSUMED: Rule(Severity.WARNING, "the form of a reference to a Secret was assumed"),
    BOTH_TLS_FLAGS: Rule(Severity.ERROR, "implicit TLS and STARTTLS are both on"),
    ENV_NOT_TEXT: Rule(Severity.ERROR, "the value of an environment variable in a list is no text"),
    FALSE_AS_TEXT: Rule(Severity.WARNING, "a text that says false is read as true by the application"),
    HALF_CREDENTIALS: Rule(Severity.WARNING, "a user name without a password, or a password without a user name"),
    SENDER_MISSING: Rule(Severity.WARNING, "no sender is set, so that the application's default is used"),
    SENDER_NOT_ALIGNED: Rule(Severity.WARNING, "the provider cannot sign for the sender's domain"),
    UNKNOWN_SETTING: Rule(Severity.WARNING, "a mail setting that the application does not know"),
    WORKLOAD_LEFT_BEHIND: Rule(Severity.WARNING, "another workload of the environment uses another server"),
    NO_TIMEOUT: Rule(Severity.NOTE, "no timeout is set, so that a blocked port holds a worker up"),
    VARIABLE_NOT_READ: Rule(Severity.ERROR, "the application does not read the variable"),
    PLACEHOLDER_BROKEN: Rule(Severity.ERROR, "blanks within the braces of a placeholder keep it from being replaced"),
    REFERENCE_MALFORMED: Rule(Severity.ERROR, "a reference to a Secret or ConfigMap does not have its form"),
    CHART_SCHEMA: Rule(Severity.ERROR, "the merged values break the chart's values.schema.json"),
    USER_SCHEMA: Rule(Severity.ERROR, "the merged values break the schema given with --schema"),
    RENDER_DIFFERS: Rule(Severity.ERROR, "the rendered manifests differ in more than mail settings"),
    RENDER_FAILS: Rule(Severity.ERROR, "the manifests cannot be rendered"),
    MAIL_REPUTATION: Rule(Severity.ERROR, "receivers think badly of the relay or of the sending domain"),
    MAIL_AUTHENTICATION: Rule(Severity.ERROR, "SPF, DKIM or DMARC do not vouch for the sender"),
    MAIL_PORT: Rule(Severity.ERROR, "the mail server's port cannot be reached"),
    MAIL_RATE: Rule(Severity.ERROR, "more is sent than the provider or the receiver takes"),
    MAIL_TLS: Rule(Severity.ERROR, "no encrypted connection comes about"),
    MAIL_CREDENTIALS: Rule(Severity.ERROR, "the provider does not accept user and password"),
    MAIL_SENDER: Rule(Severity.ERROR, "the sender's address is not accepted"),
    MAIL_RECIPIENT: Rule(Severity.ERROR, "the recipient's address takes no mail"),
    MAIL_CONTENT: Rule(Severity.ERROR, "the mail is refused for what it holds"),
    MAIL_PROVIDER: Rule(Severity.ERROR, "the mail server has a problem of its own"),
}


def page(rule: str) -> str:
    """The page about a rule, in Markdown, of the installed package or else of the checkout.

    Raises KeyError for an unknown id.
    """
    if rule not in RULES:
        raise KeyError(rule)
    folder = _PACKAGE if _PACKAGE.is_dir() else _CHECKOUT
    return (folder / f"{rule}.md").read_text(encoding="utf-8")
