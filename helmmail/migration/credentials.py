"""Plans a block's credentials: references to a Secret, never text."""

from __future__ import annotations

from helmmail import rules
from helmmail.document.template import has_expressions
from helmmail.errors import InputError
from helmmail.migration.draft import Draft, State
from helmmail.migration.secretref import assume_form, choose_secret, has_variable_names, is_of_mail, stands_elsewhere
from helmmail.model import Finding, Severity
from helmmail.redact import MASK
from helmmail.settings.block import server
from helmmail.settings.carriers import Entry, Form, Name
from helmmail.settings.carriers.shape import holds_anchor


def plan_credentials(draft: Draft) -> None:
    """Keeps, replaces, inserts or removes credentials. Raises InputError where the user has to name a Secret."""
    if draft.target.provider.auth == "none":
        _drop_credentials(draft)
        return
    if not draft.target.provider.needs_auth:
        return
    _switch_on(draft)
    if _named_secret(draft) or (draft.block.host_role == "url" and _url_credentials(draft)):
        return
    missing: list[str] = []
    for role in ("user", "password"):
        entry = draft.block.entry(role)
        if entry is None:
            missing.append(role)
        else:
            _credential(draft, role, entry)
    if missing:
        _insert_credentials(draft, missing)


def _switch_on(draft: Draft) -> None:
    """Makes the application log in at all, where its dialect has a switch for that."""
    reason = f"{draft.target.provider.id} wants a login"
    for name, entries in draft.block.switches.items():
        assert draft.block.shape is not None
        switch = draft.block.shape.switches[name]
        for entry in entries:
            value = entry.value
            if (
                not switch.lets(value.text if value.form is Form.LITERAL else None)
                and value.form is not Form.EXPRESSION
            ):
                draft.settle(entry, draft.word(switch.on[0], value.text), reason)
        if not entries and not switch.lets(None) and not draft.inserts_nothing:
            word = draft.word(switch.on[0], draft.block.truth)
            if not draft.insert(name, word, reason):
                draft.by_hand(f"{'/'.join(name)} is not set", word)


def _drop_credentials(draft: Draft) -> None:
    for role in ("user", "password"):
        for entry in draft.block.settings.get(role, ()):
            if draft.target.remove_credentials and not draft.block.inherits(entry):
                draft.result.splices.append(draft.carrier.remove(entry))
                draft.change(entry, entry.name, MASK, None, f"{draft.target.provider.id} takes no credentials")
            elif entry.value.form is not Form.EMPTY:
                draft.find(
                    rules.CREDENTIALS_UNUSED,
                    Severity.NOTE,
                    f"{entry.name}: {draft.target.provider.id} takes no credentials",
                    entry,
                    "--remove-credentials takes it out",
                )


def _named_secret(draft: Draft) -> bool:
    """A native block that names a Secret for its credentials keeps it; what it holds must change."""
    entry = draft.block.entry("secret")
    if entry is None or entry.value.form is Form.EMPTY or not (entry.value.text or entry.value.form is Form.OTHER):
        return False
    named = f"Secret {entry.value.text} ({entry.name})" if entry.value.text else f"Secret that {entry.name} names"
    if draft.result.state is State.MOVES:
        draft.find(
            rules.CREDENTIALS_TO_CHANGE,
            Severity.WARNING,
            f"the credentials come from the {named}",
            entry,
            f"put the user name and password of {draft.target.provider.id} there",
        )
    user = draft.block.entry("user")
    if user is not None and user.value.form is Form.LITERAL:
        _credential(draft, "user", user)
    return True


def _url_credentials(draft: Draft) -> bool:
    entry = draft.block.host_entry
    text = draft.block.host_text(entry)
    match = server("url", text) if text is not None else None
    if match is None or draft.result.state is not State.MOVES:
        return True
    provider = draft.target.provider
    if match["userinfo"] and "$(" not in match["userinfo"] and not has_expressions(match["userinfo"]):
        draft.find(
            rules.CREDENTIALS_IN_CLEAR,
            Severity.ERROR,
            f"{entry.name} holds credentials in clear text ({MASK}), still those of the old provider",
            entry,
            f"move the whole URL into a Secret, with the user name and password of {provider.id}",
        )
    elif match["userinfo"]:
        draft.find(
            rules.CREDENTIALS_TO_CHANGE,
            Severity.WARNING,
            f"{entry.name} takes its credentials from variables",
            entry,
            f"what they hold must become the user name and password of {provider.id}",
        )
    elif "user" not in draft.block.settings:
        draft.find(
            rules.SETTING_BY_HAND,
            Severity.WARNING,
            f"{entry.name} holds no credentials, and {provider.id} wants them",
            entry,
            "put the URL with user name and password into a Secret and refer to it",
        )
    else:
        return False
    return True


def _credential(draft: Draft, role: str, entry: Entry) -> None:
    value = entry.value
    what = draft.target.provider.data.get("username" if role == "user" else "password", role)
    if role == "user" and draft.target.user is not None and value.form in (Form.LITERAL, Form.EMPTY):
        draft.set(entry, draft.target.user, "the user name at the new provider")
    elif value.form is Form.REFERENCE:
        _reference_kept(draft, role, entry, what)
    elif value.form is Form.EXPRESSION:
        if draft.result.state is State.MOVES:
            draft.find(
                rules.CREDENTIALS_TO_CHANGE,
                Severity.WARNING,
                f"{entry.name} is a template expression",
                entry,
                f"its value must become the {role} at {draft.target.provider.id}",
            )
    elif value.form in (Form.LITERAL, Form.EMPTY):
        _literal_credential(draft, role, entry)


def _reference_kept(draft: Draft, role: str, entry: Entry, what: str) -> None:
    secret = draft.block.secret_of(role)
    if secret is not None:
        draft.need(*secret)
    if draft.result.state is State.MOVES:
        draft.find(
            rules.CREDENTIALS_TO_CHANGE,
            Severity.WARNING,
            f"{entry.name} comes from {entry.value.store} {entry.value.text}, whose content must change",
            entry,
            f"put there: {what}",
        )


def _literal_credential(draft: Draft, role: str, entry: Entry) -> None:
    secret, like = choose_secret(draft)
    joined = draft.block.inherits(entry) or entry.value.alias is not None or holds_anchor(draft.document, entry)
    if secret is not None and draft.carrier.holds_references and has_variable_names(draft) and not joined:
        if like is None and draft.carrier.kind == "map":
            assume_form(draft)
        draft.result.splices.append(draft.carrier.refer(entry, secret, entry.name, like))
        draft.change(
            entry, entry.name, MASK, f"Secret {secret}, key {entry.name}", "a credential is a reference, never text"
        )
        draft.need(secret, entry.name)
        return
    if entry.value.form is Form.EMPTY:
        draft.find(
            rules.SETTING_BY_HAND,
            Severity.WARNING,
            f"{entry.name} is empty, and {draft.target.provider.id} wants credentials",
            entry,
            f"give it the {role} at {draft.target.provider.id}",
        )
    elif draft.result.state is State.MOVES and entry.value.text.startswith("$"):
        draft.find(
            rules.CREDENTIALS_TO_CHANGE,
            Severity.WARNING,
            f"{entry.name} is looked up by the application ({entry.value.text})",
            entry,
            f"what it stands for must become the {role} at {draft.target.provider.id}",
        )
    elif draft.result.state is State.MOVES:
        fix = "replace it, and keep it out of version control" if draft.carrier.in_secret else "move it into a Secret"
        draft.find(
            rules.CREDENTIALS_IN_CLEAR,
            Severity.ERROR,
            f"{entry.name} holds a credential in clear text ({MASK}), still that of the old provider",
            entry,
            f"{fix}, with the {role} at {draft.target.provider.id}",
        )


def _insert_credentials(draft: Draft, roles: list[str]) -> None:
    provider = draft.target.provider
    if draft.inserts_nothing:
        return
    names = [(role, draft.role_name(role)) for role in roles]
    if "user" in roles and draft.target.user is not None:
        name = dict(names)["user"]
        if name is not None and draft.insert(name, draft.target.user, f"{provider.id} wants a user name"):
            names = [each for each in names if each[0] != "user"]
    wanted = [name for _, name in names if name is not None]
    if not names:
        return
    if not (
        draft.may_insert and has_variable_names(draft) and draft.carrier.holds_references and len(wanted) == len(names)
    ):
        _credentials_by_hand(draft, names)
        return
    secret, like = choose_secret(draft)
    if secret is None:
        if draft.carrier.env_from:
            _credentials_from_environment(draft, names)
            return
        variables = " and ".join(name[-1] for name in wanted)
        raise InputError(
            f"{draft.block.place}: {variables} must refer to a Secret, and none can be told from the "
            "settings around; give --secret NAME"
        )
    anchor = draft.last(("",))
    assert anchor is not None
    if like is None and draft.carrier.kind == "map":
        assume_form(draft)
    for name in wanted:
        draft.result.splices.append(draft.carrier.insert_reference(anchor, name[-1], secret, name[-1], like))
        draft.change(anchor, name[-1], None, f"Secret {secret}, key {name[-1]}", f"{provider.id} wants credentials")
    draft.need(secret, *(name[-1] for name in wanted))
    if draft.target.secret_of(draft.document.path) is None and like is not None and not is_of_mail(draft, like):
        draft.find(
            rules.SECRET_CHOSEN,
            Severity.NOTE,
            f"the credentials refer to Secret {secret}, the only one that the settings around use",
            fix="give --secret NAME for another",
        )


def _credentials_by_hand(draft: Draft, names: list[tuple[str, Name | None]]) -> None:
    provider = draft.target.provider
    if draft.result.state is State.MOVES:
        elsewhere = [
            (name[-1], at)
            for _, name in names
            if name is not None and (at := stands_elsewhere(draft, name[-1])) is not None
        ]
        for word, at in elsewhere:
            draft.result.findings.append(
                Finding(
                    rules.CREDENTIALS_TO_CHANGE,
                    Severity.WARNING,
                    f"{word} stands here, apart from {draft.block.host_entry.name}; what it holds must change",
                    draft.document.place(at),
                    f"put there what {provider.id} gives",
                )
            )
        if len(elsewhere) == len(names):
            return
        known = " and ".join("/".join(name) for _, name in names if name is not None)
        draft.find(
            rules.SETTING_BY_HAND,
            Severity.WARNING,
            f"{provider.id} wants a user name and password; {_none_of(names)} stands here",
            fix=f"add {known or 'it'} in the form that this file has for credentials",
        )


def _none_of(names: list[tuple[str, Name | None]]) -> str:
    return "no " + " and no ".join(role for role, _ in names)


def _credentials_from_environment(draft: Draft, names: list[tuple[str, Name | None]]) -> None:
    if draft.result.state is not State.MOVES:
        return
    sources = ", ".join(draft.carrier.env_from)
    keys = " and ".join(name[-1] for _, name in names if name is not None)
    draft.find(
        rules.CREDENTIALS_TO_CHANGE,
        Severity.WARNING,
        f"{_none_of(names)} stands here; envFrom brings {sources}",
        None,
        f"put {keys} of {draft.target.provider.id} there",
    )
