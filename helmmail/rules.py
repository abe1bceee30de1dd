"""The rules that findings belong to: stable ids, one line each.

HM1xx is about files and what stands in them, HM2xx about mail settings.
"""

from __future__ import annotations

TEMPLATE_VALUE = "HM101"
OLD_HOST_LEFT = "HM102"
COMMENTED_OUT = "HM103"
ENCRYPTED = "HM104"
SKIPPED_FILE = "HM105"
ALIASES_FOLLOW = "HM106"
SETTINGS_SCHEMA = "HM201"
TLS_UNCLEAR = "HM202"
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

RULES = {
    TEMPLATE_VALUE: "a setting is a template expression, which is not overwritten",
    OLD_HOST_LEFT: "the old provider's host is still written here",
    COMMENTED_OUT: "a commented-out setting names the old provider's host",
    ENCRYPTED: "an encrypted file is never touched",
    SKIPPED_FILE: "a file was not looked at",
    ALIASES_FOLLOW: "aliases follow a value that changed",
    SETTINGS_SCHEMA: "the settings break schemas/smtp-settings.schema.json",
    TLS_UNCLEAR: "the settings do not say which TLS mode they mean",
    CREDENTIALS_IN_CLEAR: "a credential stands in clear text",
    CREDENTIALS_TO_CHANGE: "what a Secret holds must change",
    SETTING_BY_HAND: "a setting has to be made by hand",
    SENDER_DOMAIN: "the sender's domain is not known to be verified at the new provider",
    SECRET_KEY_MISSING: "a Secret lacks a key that the settings refer to",
    CREDENTIALS_UNUSED: "credentials stand that the provider does not use",
    ODD_ONE_OUT: "a setting differs from the other environments",
    FORM_ASSUMED: "the form of a reference to a Secret was assumed",
    SECRET_CHOSEN: "credentials refer to a Secret that was told from the settings around",
    SERVICE_WINS: "a named service wins over host and port",
}
