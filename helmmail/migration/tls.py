"""Plans a block's TLS settings: each flag says what the port needs, never two at once."""

from __future__ import annotations

from helmmail import rules
from helmmail.document.edit import is_true
from helmmail.migration.draft import Draft, tls_words
from helmmail.model import Security, Severity
from helmmail.settings.carriers import Entry, Form, Name
from helmmail.settings.dialect import Flag, fold

_PLAIN_WORDS = {
    Security.STARTTLS: frozenset({"starttls", "starttlsrequired", "smtpstarttls"}),
    Security.IMPLICIT: frozenset({"implicit", "ssltls", "forcetls", "smtps"}),
    Security.NONE: frozenset({"none", "plain"}),
}
"""Words that say the mode whatever the application."""


def plan_tls(draft: Draft) -> None:
    """Sets, renames or inserts the flags of the block's dialect; names those whose meaning is unclear."""
    block = draft.block
    if block.host_role == "url":
        return
    reason = f"port {draft.port} takes {tls_words(draft.security)}"
    renamed = _rename_flag(draft, reason)
    # What a template gives is not known here: a flag set beside it could make two.
    templated = any(entry.value.form is Form.EXPRESSION for _, entries in block.flags.values() for entry in entries)
    for name, (flag, entries) in block.flags.items():
        if name in renamed:
            continue
        for entry in entries:
            _set_flag(draft, flag, entry, reason)
        if not entries and not flag.fits(None, draft.security) and not templated:
            _insert_flag(draft, name, flag, reason)
    for entry in block.unclear:
        if entry.value.form is Form.LITERAL and fold(entry.value.text) not in _PLAIN_WORDS[draft.security]:
            _doubt(draft, entry)


def _doubt(draft: Draft, entry: Entry) -> None:
    message = f"{entry.name}: {entry.value.text} may mean implicit TLS or STARTTLS, by application"
    fix = f"make sure that it means {tls_words(draft.security)} (port {draft.port})"
    draft.find(rules.TLS_UNCLEAR, Severity.WARNING, message, entry, fix)


def _rename_flag(draft: Draft, reason: str) -> set[Name]:
    """A lone true flag of the wrong kind gets the name of the right one (`USE_SSL: True` -> `USE_TLS: True`)."""
    flags = draft.block.flags
    for wrong, (flag, entries) in flags.items():
        if not entries or not flag.is_truth or not flag.fits(None, draft.security):
            continue
        if not all(entry.value.form is Form.LITERAL and is_true(entry.value.text) for entry in entries):
            continue
        if flag.fits(entries[-1].value.text, draft.security) or any(map(draft.block.inherits, entries)):
            continue
        for right, (other, others) in flags.items():
            needed = not others and other.is_truth and not other.fits(None, draft.security)
            if needed and wrong[:-1] == right[:-1] and other.fits("true", draft.security):
                for entry in entries:
                    draft.result.splices.append(draft.carrier.rename(entry, right[-1]))
                    shown = entry.value.text
                    draft.change(entry, right[-1], f"{wrong[-1]}: {shown}", f"{right[-1]}: {shown}", reason)
                return {wrong, right}
    return set()


def _set_flag(draft: Draft, flag: Flag, entry: Entry, reason: str) -> None:
    words = flag.words.get(draft.security)
    value = entry.value
    if not words:
        if value.form is Form.LITERAL:
            draft.by_hand(
                f"{entry.name}: no value is known for {draft.security.value} TLS", draft.security.value, entry
            )
        return
    if value.form is Form.EMPTY:
        if flag.fits(None, draft.security):
            return
    elif value.form is Form.LITERAL and flag.fits(value.text, draft.security):
        return
    elif value.form is Form.LITERAL and draft.block.is_doubtful(flag, value.text):
        if fold(value.text) not in _PLAIN_WORDS[draft.security]:
            _doubt(draft, entry)
        return
    draft.settle(entry, draft.word(words[0], value.text), reason)


def _insert_flag(draft: Draft, name: Name, flag: Flag, reason: str) -> None:
    words = flag.words.get(draft.security)
    if not words or draft.inserts_nothing:
        return
    siblings = [entries[-1] for each, entries in draft.block.flags.values() if entries and each.is_truth]
    like = siblings[0] if siblings and siblings[0].value.form is Form.LITERAL else None
    word = draft.word(words[0], like.value.text if like is not None else draft.block.truth)
    if not draft.insert(name, word, reason, like=like):
        draft.by_hand(f"{'/'.join(name)} is not set", word)
