"""Plans the move of one settings block."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, unquote

from helmmail import rules
from helmmail.document.edit import Splice, is_true, spell_truth
from helmmail.document.template import has_expressions
from helmmail.errors import InputError
from helmmail.migration.target import Target
from helmmail.model import Change, Finding, Place, Security, Severity
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.settings.block import HOST_ROLES, Block, server, url_query, url_scheme
from helmmail.settings.carrier import Entry, Form, Name, Value, secret_name
from helmmail.settings.dialect import Flag, UrlScheme

_DISPLAY_NAME = re.compile(r"(?P<before>.*<)[^<>]*(?P<after>>.*)", re.DOTALL)


class State(Enum):
    """Where a block stands before the move."""

    MOVES = "moves"
    THERE = "there"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class SecretNeed:
    """Keys that a Secret must hold for a block; `prefix` is the dialect's."""

    secret: str
    keys: tuple[str, ...]
    prefix: str
    place: Place


@dataclass(slots=True)
class BlockPlan:
    """What moving one block takes."""

    block: Block
    state: State
    splices: list[Splice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    needs: list[SecretNeed] = field(default_factory=list)


def plan_block(block: Block, target: Target, base: BlockPlan | None = None) -> BlockPlan:
    """The plan for a block. Raises InputError where the user has to name a Secret.

    A partial block follows `base`, the plan of the block that has the host.
    """
    planner = _Planner(block, target)
    if base is not None:
        planner.follow(base)
    return planner.plan()


def state_of(block: Block, target: Target) -> State:
    """Whether a block moves, is at the target already, or belongs to neither provider."""
    host = block.host
    if host is not None and target.source.owns(host):
        return State.MOVES
    return State.THERE if host is not None and target.provider.owns(host) else State.STAYS


class _Planner:
    def __init__(self, block: Block, target: Target) -> None:
        self.block = block
        self.target = target
        self.carrier = block.carrier
        self.document = block.document
        self.result = BlockPlan(block, state_of(block, target))
        self.inserted: list[tuple[Name, str]] = []
        self.port, self.security = target.port, target.security

    def plan(self) -> BlockPlan:
        if self.result.state is State.STAYS:
            return self.result
        if self.result.state is State.THERE and not self.block.partial:
            self._keep_working_port()
        if not self.block.partial:
            self._host()
        self._port()
        self._flags()
        self._sender()
        self._credentials()
        return self.result

    def follow(self, base: BlockPlan) -> None:
        """Takes the state, and the port that a block at the target keeps, from the block that has the host."""
        self.result.state = base.state
        if base.state is State.THERE:
            self.port = base.block.port or self.port
            self.security = self.target.provider.security(self.port) or self.security

    @property
    def _inserts_nothing(self) -> bool:
        """Whether the settings that are missing here stand, or get inserted, where the host stands."""
        return self.block.partial or self.block.inherits(self.block.host_entry)

    # -- what every step uses -------------------------------------------------------------------------------

    def _find(self, rule: str, severity: Severity, message: str, entry: Entry | None = None, fix: str = "") -> None:
        offset = (entry or self.block.host_entry).key_start
        self.result.findings.append(Finding(rule, severity, message, self.document.place(offset), fix or None))

    def _change(self, entry: Entry, setting: str, old: str | None, new: str | None, reason: str) -> None:
        self.result.changes.append(Change(setting, old, new, reason, self.document.place(entry.key_start)))

    def _set(self, entry: Entry, text: str, reason: str) -> None:
        """Gives an entry that holds a literal (or nothing) another text."""
        value = entry.value
        if value.text == text and value.form is Form.LITERAL:
            return
        splice = self.carrier.literal(entry, text)
        if value.form is Form.EMPTY and value.start == value.end and not value.style:
            splice = Splice(splice.start, splice.end, ("" if self.carrier.kind == "lines" else " ") + splice.text)
        self.result.splices.append(splice)
        self._change(entry, entry.name, _shown(entry.name, value), _hidden(entry.name, text), reason)
        if value.anchor and value.alias is None:
            self._aliases_follow(entry)

    def _aliases_follow(self, entry: Entry) -> None:
        name = entry.value.anchor
        lines = [
            str(self.document.line_of(match.start()) + 1)
            for match in re.finditer(rf"\*{re.escape(name or '')}(?![^\s,\]}}])", self.document.masked)
        ]
        if lines:
            message = f"{entry.name} keeps its anchor &{name}; its aliases follow, on line {', '.join(lines)}"
            self._find(rules.ALIASES_FOLLOW, Severity.NOTE, message, entry)

    def _expression(self, entry: Entry, wanted: str) -> None:
        text = " ".join(entry.value.text.split())
        text = mask_url(text if len(text) <= 80 else text[:77] + "...")
        self._find(
            rules.TEMPLATE_VALUE,
            Severity.WARNING,
            f"{entry.name} is the template expression {text}; it is not overwritten",
            entry,
            f"make it give {wanted} where its value comes from",
        )

    def _settle(self, entry: Entry, text: str, reason: str) -> None:
        """Sets a literal; names what cannot be set."""
        form = entry.value.form
        if form in (Form.LITERAL, Form.EMPTY):
            self._set(entry, text, reason)
        elif form is Form.EXPRESSION:
            self._expression(entry, _hidden(entry.name, text))
        elif form is Form.REFERENCE:
            self._by_hand(f"{entry.name} comes from {entry.value.store} {entry.value.text}", text, entry)
        else:
            self._by_hand(f"{entry.name} is not a plain value", text, entry)

    def _by_hand(self, what: str, wanted: str, entry: Entry | None = None) -> None:
        self._find(rules.SETTING_BY_HAND, Severity.WARNING, what, entry, f"set it to {wanted} by hand")

    @property
    def _may_insert(self) -> bool:
        """Whether missing settings can be added: the dialect must know their names (and, by a merge key, the
        map that they come from gets them)."""
        return self.block.shape is not None and not self._inserts_nothing

    def _insert(self, name: Name, text: str, reason: str, *, number: bool = False) -> bool:
        anchor = self._last(name)
        if not self._may_insert or anchor is None:
            return False
        like = self._quoting()
        try:
            splice = self.carrier.insert(anchor, name[-1], text, like, number=number)
        except NotImplementedError:
            return False
        self.result.splices.append(splice)
        self._change(anchor, name[-1], None, _hidden(name[-1], text), reason)
        return True

    def _quoting(self) -> Entry:
        return self.block.host_entry

    def _last(self, name: Name) -> Entry | None:
        """The setting after which a new one goes: the last that stands in the same map and branch."""
        block = self.block
        branches = self.document.branches
        host = block.host_entry
        best: Entry | None = None
        for entry in block.members():
            if block.inherits(entry) or block.names.get(entry.key_start, (entry.name,))[:-1] != name[:-1]:
                continue
            if branches and branches.at(entry.key_start) != branches.at(host.key_start):
                continue
            if best is None or entry.start > best.start:
                best = entry
        return best

    # -- host, port, TLS ------------------------------------------------------------------------------------

    def _keep_working_port(self) -> None:
        """At the target already: its own port stays, if the provider offers it in the mode that is set."""
        port = self.block.port
        offered = self.target.provider.security(port) if port is not None else None
        if port is not None and offered is not None:
            self.port, self.security = port, offered

    def _host(self) -> None:
        block, role = self.block, self.block.host_role
        if self.result.state is State.THERE and role == "host":
            return
        for entry in block.settings[role]:
            text = entry.value.literal
            if text is None:
                if entry.value.form is not Form.EMPTY:
                    self._settle(entry, self.target.host, "")
                continue
            match = server(role, text)
            host = match["host"].lower().rstrip(".") if match else ""
            if match is None or not (self.target.source.owns(host) or self.target.provider.owns(host)):
                continue
            kept = self.target.provider.owns(host)
            name = match["host"] if kept else self.target.host
            new = name
            if role == "hostport":
                separate = "port" in block.settings and not match["port"]
                new = name if separate else f"{name}:{self.port}"
            elif role == "url":
                new = self._url(match, name, text)
            self._set(entry, new, f"{self.target.provider.id} takes mail at this host")
        for entry in block.settings.get("tls_name", ()):
            if entry.value.literal is not None and self.target.source.owns(entry.value.literal):
                self._set(entry, self.target.host, "the TLS certificate carries this name")

    def _url(self, match: re.Match[str], host: str, text: str) -> str:
        schemes = self.block.schemes
        current = url_scheme(schemes, match)
        fits = current is not None and current.security is self.security
        able = [each for each in schemes if each.security is self.security]
        same = [each for each in able if each.scheme == match["scheme"].lower()]
        wanted = current if fits else next(iter(same + able), None)
        if wanted is None:
            self._by_hand(f"{self.block.host_entry.name}: no URL scheme is known for {self.security.value} TLS",
                          self.security.value)
            wanted = current or UrlScheme(match["scheme"], self.security, {}, None)
        query = match["query"]
        if not fits and query is not None:
            query = _query(query, wanted, schemes)
        parameter = self._sender_parameter()
        sender = self.target.sender_of(self.document.path)
        if parameter and sender and parameter in url_query(match):
            pairs = [pair.partition("=") for pair in (query or "").split("&")]
            query = "&".join(f"{key}={_encoded_sender(value, sender)}" if key == parameter else key + equals + value
                             for key, equals, value in pairs)
        userinfo = f"{match['userinfo']}@" if match["userinfo"] is not None else ""
        tail = f"?{query}" if query else ""
        return f"{wanted.scheme}://{userinfo}{host}:{self.port}{match['path']}{tail}{text[match.end():]}"

    def _sender_parameter(self) -> str:
        """The query key of a URL that holds the sender, "" where the dialect has none."""
        return self.block.sender_parameter

    def _port(self) -> None:
        block = self.block
        entries = block.settings.get("port", [])
        for entry in entries:
            self._settle(entry, str(self.port), f"{self.security.value} port of {self.target.provider.id}")
        if entries or block.host_role != "host" or self._inserts_nothing:
            return
        if block.shape is not None and block.shape.default_port == self.port:
            return
        name = self._role_name("port")
        reason = f"{self.security.value} port of {self.target.provider.id}"
        if name is None or not self._insert(name, str(self.port), reason, number=True):
            self._by_hand(f"no port stands beside {block.host_entry.name}", str(self.port))

    def _role_name(self, role: str) -> Name | None:
        if self.block.shape is None:
            return None
        names = self.block.shape.order.get(role)
        return names[0] if names else None

    def _flags(self) -> None:
        block = self.block
        if block.host_role == "url":
            return
        reason = f"port {self.port} takes {_tls_words(self.security)}"
        renamed = self._rename_flag(reason)
        for name, (flag, entries) in block.flags.items():
            if name in renamed:
                continue
            for entry in entries:
                self._set_flag(flag, entry, reason)
            if not entries and not flag.fits(None, self.security):
                self._insert_flag(name, flag, reason)
        for entry in block.unclear:
            if entry.value.form is Form.LITERAL:
                message = f"{entry.name}: {entry.value.text} may mean implicit TLS or STARTTLS, by application"
                fix = f"make sure that it means {_tls_words(self.security)} (port {self.port})"
                self._find(rules.TLS_UNCLEAR, Severity.WARNING, message, entry, fix)

    def _rename_flag(self, reason: str) -> set[Name]:
        """A lone true flag of the wrong kind gets the name of the right one (`USE_SSL: True` -> `USE_TLS: True`)."""
        flags = self.block.flags
        for wrong, (flag, entries) in flags.items():
            if not entries or not flag.is_truth or not flag.fits(None, self.security):
                continue
            if not all(entry.value.form is Form.LITERAL and is_true(entry.value.text) for entry in entries):
                continue
            if flag.fits(entries[-1].value.text, self.security) or any(map(self.block.inherits, entries)):
                continue
            for right, (other, others) in flags.items():
                needed = not others and other.is_truth and not other.fits(None, self.security)
                if needed and wrong[:-1] == right[:-1] and other.fits("true", self.security):
                    for entry in entries:
                        self.result.splices.append(self.carrier.rename(entry, right[-1]))
                        shown = entry.value.text
                        self._change(entry, right[-1], f"{wrong[-1]}: {shown}", f"{right[-1]}: {shown}", reason)
                    return {wrong, right}
        return set()

    def _set_flag(self, flag: Flag, entry: Entry, reason: str) -> None:
        words = flag.words.get(self.security)
        value = entry.value
        if not words:
            if value.form is Form.LITERAL:
                self._by_hand(f"{entry.name}: no value is known for {self.security.value} TLS", self.security.value, entry)
            return
        if value.form is Form.EMPTY:
            if flag.fits(None, self.security):
                return
        elif value.form is Form.LITERAL and flag.fits(value.text, self.security):
            return
        self._settle(entry, self._word(words[0], value.text), reason)

    def _word(self, word: str | bool, like: str) -> str:
        if isinstance(word, str):
            return word
        return spell_truth(word, like)

    def _insert_flag(self, name: Name, flag: Flag, reason: str) -> None:
        words = flag.words.get(self.security)
        if not words or self._inserts_nothing:
            return
        like = next((entries[-1].value.text for each, entries in self.block.flags.values() if entries and each.is_truth),
                    self.block.truth)
        word = self._word(words[0], like)
        if not self._insert(name, word, reason):
            self._by_hand(f"{'/'.join(name)} is not set", word)

    # -- sender ---------------------------------------------------------------------------------------------

    def _sender(self) -> None:
        block, sender = self.block, self.target.sender_of(self.document.path)
        moves = self.result.state is State.MOVES
        if sender is None:
            if moves:
                self._sender_domain()
            return
        if "sender_local" in block.settings or "sender_domain" in block.settings:
            local, _, domain = sender.rpartition("@")
            for role, text in (("sender_local", local), ("sender_domain", domain)):
                for entry in block.settings.get(role, ()):
                    self._settle(entry, text, "the sender at the new provider")
            return
        entries = block.settings.get("sender", [])
        for entry in entries:
            text = entry.value.text if entry.value.form is Form.LITERAL else ""
            self._settle(entry, _named_sender(text, sender), "the sender at the new provider")
        if entries or self._inserts_nothing:
            return
        if block.host_role == "url" and self._sender_parameter() and self._sender_parameter() in (block.literal("url") or ""):
            return
        name = self._role_name("sender")
        if name is None or not self._insert(name, sender, "the sender at the new provider"):
            if moves:
                self._by_hand(f"no sender stands beside {block.host_entry.name}", sender)

    def _sender_domain(self) -> None:
        entry = self.block.entry("sender")
        text = self.block.literal("sender")
        if entry is None or not text or "@" not in text:
            return
        domain = text.rpartition("@")[2].strip(" >\"'").lower()
        if domain and domain not in self.target.verified_domains:
            message = f"{entry.name}: the domain {domain} is not known to be verified at {self.target.provider.id}"
            self._find(rules.SENDER_DOMAIN, Severity.WARNING, message, entry,
                       "verify it there, or give --sender; list verified domains in helmmail.yaml")

    # -- credentials ----------------------------------------------------------------------------------------

    def _credentials(self) -> None:
        if self.target.provider.auth == "none":
            self._drop_credentials()
            return
        if not self.target.provider.needs_auth:
            return
        self._switch_on()
        if self._named_secret() or (self.block.host_role == "url" and self._url_credentials()):
            return
        missing: list[str] = []
        for role in ("user", "password"):
            entry = self.block.entry(role)
            if entry is None:
                missing.append(role)
            else:
                self._credential(role, entry)
        if missing:
            self._insert_credentials(missing)

    def _switch_on(self) -> None:
        """Makes the application log in at all, where its dialect has a switch for that."""
        reason = f"{self.target.provider.id} wants a login"
        for name, entries in self.block.switches.items():
            assert self.block.shape is not None
            switch = self.block.shape.switches[name]
            for entry in entries:
                value = entry.value
                if not switch.lets(value.text if value.form is Form.LITERAL else None) and value.form is not Form.EXPRESSION:
                    self._settle(entry, self._word(switch.on[0], value.text), reason)
            if not entries and not switch.lets(None) and not self._inserts_nothing:
                word = self._word(switch.on[0], self.block.truth)
                if not self._insert(name, word, reason):
                    self._by_hand(f"{'/'.join(name)} is not set", word)

    def _drop_credentials(self) -> None:
        for role in ("user", "password"):
            for entry in self.block.settings.get(role, ()):
                if self.target.remove_credentials and not self.block.inherits(entry):
                    self.result.splices.append(self.carrier.remove(entry))
                    self._change(entry, entry.name, MASK, None, f"{self.target.provider.id} takes no credentials")
                elif entry.value.form is not Form.EMPTY:
                    self._find(rules.CREDENTIALS_UNUSED, Severity.NOTE,
                               f"{entry.name}: {self.target.provider.id} takes no credentials", entry,
                               "--remove-credentials takes it out")

    def _named_secret(self) -> bool:
        """A native block that names a Secret for its credentials keeps it; what it holds must change."""
        entry = self.block.entry("secret")
        if entry is None or entry.value.form is Form.EMPTY or not entry.value.text:
            return False
        if self.result.state is State.MOVES:
            self._find(rules.CREDENTIALS_TO_CHANGE, Severity.WARNING,
                       f"the credentials come from the Secret {entry.value.text} ({entry.name})", entry,
                       f"put the user name and password of {self.target.provider.id} there")
        user = self.block.entry("user")
        if user is not None and user.value.form is Form.LITERAL:
            self._credential("user", user)
        return True

    def _url_credentials(self) -> bool:
        entry = self.block.host_entry
        match = server("url", entry.value.text) if entry.value.form is Form.LITERAL else None
        if match is None or self.result.state is not State.MOVES:
            return True
        provider = self.target.provider
        if match["userinfo"]:
            self._find(rules.CREDENTIALS_IN_CLEAR, Severity.ERROR,
                       f"{entry.name} holds credentials in clear text ({MASK}), still those of the old provider", entry,
                       f"move the whole URL into a Secret, with the user name and password of {provider.id}")
        elif "user" not in self.block.settings:
            self._find(rules.SETTING_BY_HAND, Severity.WARNING, f"{entry.name} holds no credentials, and {provider.id} "
                       "wants them", entry, "put the URL with user name and password into a Secret and refer to it")
        else:
            return False
        return True

    def _credential(self, role: str, entry: Entry) -> None:
        value = entry.value
        what = self.target.provider.data.get("username" if role == "user" else "password", role)
        if role == "user" and self.target.user is not None and value.form in (Form.LITERAL, Form.EMPTY):
            self._set(entry, self.target.user, "the user name at the new provider")
        elif value.form is Form.REFERENCE:
            self._reference_kept(role, entry, what)
        elif value.form is Form.EXPRESSION:
            if self.result.state is State.MOVES:
                self._find(rules.CREDENTIALS_TO_CHANGE, Severity.WARNING, f"{entry.name} is a template expression", entry,
                           f"its value must become the {role} at {self.target.provider.id}")
        elif value.form in (Form.LITERAL, Form.EMPTY):
            self._literal_credential(role, entry)

    def _reference_kept(self, role: str, entry: Entry, what: str) -> None:
        secret = self.block.secret_of(role)
        if secret is not None:
            self._need(*secret)
        if self.result.state is State.MOVES:
            self._find(rules.CREDENTIALS_TO_CHANGE, Severity.WARNING,
                       f"{entry.name} comes from {entry.value.store} {entry.value.text}, whose content must change", entry,
                       f"put there: {what}")

    def _literal_credential(self, role: str, entry: Entry) -> None:
        secret, like = self._secret()
        if secret is not None and self.carrier.holds_references and self._env_names and not self.block.inherits(entry):
            if entry.value.alias is None and entry.value.anchor is None:
                self.result.splices.append(self.carrier.refer(entry, secret, entry.name, like))
                self._change(entry, entry.name, MASK, f"Secret {secret}, key {entry.name}",
                             "a credential is a reference, never text")
                self._need(secret, entry.name)
                return
        if entry.value.form is Form.EMPTY:
            self._find(rules.SETTING_BY_HAND, Severity.WARNING,
                       f"{entry.name} is empty, and {self.target.provider.id} wants credentials", entry,
                       f"give it the {role} at {self.target.provider.id}")
        elif self.result.state is State.MOVES:
            self._find(rules.CREDENTIALS_IN_CLEAR, Severity.ERROR,
                       f"{entry.name} holds a credential in clear text ({MASK}), still that of the old provider", entry,
                       f"move it into a Secret, with the {role} at {self.target.provider.id}")

    @property
    def _env_names(self) -> bool:
        """Whether the block's names are environment variables, which can refer to a Secret's key."""
        return self.block.shape is None or not self.block.shape.is_native

    def _insert_credentials(self, roles: list[str]) -> None:
        provider = self.target.provider
        if self._inserts_nothing:
            return
        names = [(role, self._role_name(role)) for role in roles]
        if "user" in roles and self.target.user is not None:
            name = dict(names)["user"]
            if name is not None and self._insert(name, self.target.user, f"{provider.id} wants a user name"):
                names = [each for each in names if each[0] != "user"]
        wanted = [name for _, name in names if name is not None]
        if not names:
            return
        if not (self._may_insert and self._env_names and self.carrier.holds_references and len(wanted) == len(names)):
            self._credentials_by_hand([role for role, _ in names])
            return
        secret, like = self._secret()
        if secret is None:
            if self.carrier.env_from:
                self._credentials_from_environment(names)
                return
            variables = " and ".join(name[-1] for name in wanted)
            raise InputError(f"{self.block.place}: {variables} must refer to a Secret, and none can be told from the "
                             "settings around; give --secret NAME")
        anchor = self._last(("",))
        assert anchor is not None
        for name in wanted:
            self.result.splices.append(self.carrier.insert_reference(anchor, name[-1], secret, name[-1], like))
            self._change(anchor, name[-1], None, f"Secret {secret}, key {name[-1]}", f"{provider.id} wants credentials")
        self._need(secret, *(name[-1] for name in wanted))

    def _credentials_by_hand(self, roles: list[str]) -> None:
        provider = self.target.provider
        if self.result.state is State.MOVES:
            self._find(rules.SETTING_BY_HAND, Severity.WARNING,
                       f"{provider.id} wants a user name and password; no {' and no '.join(roles)} stands here",
                       fix="add it in the form that this file has for credentials")

    def _credentials_from_environment(self, names: list[tuple[str, Name | None]]) -> None:
        if self.result.state is not State.MOVES:
            return
        sources = ", ".join(self.carrier.env_from)
        keys = " and ".join(name[-1] for _, name in names if name is not None)
        self._find(rules.CREDENTIALS_TO_CHANGE, Severity.WARNING,
                   f"no {' and no '.join(role for role, _ in names)} stands here; envFrom brings {sources}", None,
                   f"put {keys} of {self.target.provider.id} there")

    def _need(self, secret: str, *keys: str) -> None:
        if has_expressions(secret):
            return
        prefix = self.block.shape.prefix if self.block.shape is not None else ""
        self.result.needs.append(SecretNeed(secret, keys, prefix, self.block.place))

    def _secret(self) -> tuple[str | None, Entry | None]:
        """The Secret that credentials shall be in, and a reference to shape new ones after.

        First --secret, then the block's own references, those with the dialect's prefix, then the only Secret
        that the carrier refers to. Raises InputError where several fit.
        """
        references = [entry for entry in self.carrier.references() if entry.value.alias is None and not entry.value.anchor]
        references = [entry for entry in references if not self.block.inherits(entry)] or []
        given = self.target.secret_of(self.document.path)
        if given is not None:
            own = [entry for entry in references if secret_name(self.document, entry) == given]
            return given, self._nearest(own or references)
        groups = [
            [entry for entry in references if entry in self.block.settings.get("user", []) + self.block.settings.get("password", [])]
        ]
        prefix = self.block.shape.prefix if self.block.shape is not None else ""
        if prefix:
            groups.append([entry for entry in references if entry.name.startswith(prefix)])
        if not self.carrier.env_from:
            groups.append(references)
        for group in groups:
            names = {secret_name(self.document, entry) for entry in group}
            if len(names) > 1:
                raise InputError(f"{self.block.place}: the settings around refer to several Secrets "
                                 f"({', '.join(sorted(names))}); give --secret NAME")
            if names:
                return names.pop(), self._nearest(group)
        return None, None

    def _nearest(self, references: list[Entry]) -> Entry | None:
        host = self.block.host_entry.start
        before = [entry for entry in references if entry.start < host]
        if before:
            return before[-1]
        return references[0] if references else None


def _tls_words(security: Security) -> str:
    return {Security.IMPLICIT: "implicit TLS", Security.STARTTLS: "STARTTLS", Security.NONE: "no TLS"}[security]


def _hidden(name: str, text: str) -> str:
    return MASK if is_credential(name) else mask_url(text)


def _shown(name: str, value: Value) -> str | None:
    return None if value.form is Form.EMPTY else _hidden(name, value.text)


def _query(query: str, wanted: UrlScheme, schemes: tuple[UrlScheme, ...]) -> str:
    """A URL's query with the keys that speak of TLS made to say, where they stand, what `wanted` says."""
    speaking = {key for scheme in schemes for key in scheme.query}
    missing = [f"{key}={value}" for key, value in wanted.query.items()]
    kept: list[str] = []
    for pair in query.split("&"):
        if pair.partition("=")[0] not in speaking:
            kept.append(pair)
        elif missing:
            kept.extend(missing)
            missing = []
    return "&".join([*missing, *(pair for pair in kept if pair)])


def _named_sender(old: str, address: str) -> str:
    """The new address with the old one's display name."""
    named = _DISPLAY_NAME.fullmatch(old)
    return f"{named['before']}{address}{named['after']}" if named else address


def _encoded_sender(old: str, address: str) -> str:
    """As `_named_sender`, in a URL's query: percent-encoded as far as the old one was."""
    return quote(_named_sender(unquote(old), address), safe="" if "%40" in old else "@")


__all__ = ["HOST_ROLES", "BlockPlan", "SecretNeed", "State", "plan_block", "state_of"]
