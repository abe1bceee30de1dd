"""Each dialect, from its profile alone: a block at the old server in every TLS mode is read, moved and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from helmmail.document.edit import apply
from helmmail.document.source import Document
from helmmail.migration.blockplan import plan_block
from helmmail.migration.target import Target
from helmmail.model import Security
from helmmail.settings.block import Block
from helmmail.settings.dialect import Dialect, Dialects, Shape
from helmmail.settings.provider import Provider, Providers
from helmmail.settings.reader import Reader
from helmmail.validation.settings import check_blocks

OLD = "snap-mail.numerique.gouv.fr"
NEW = "smtp.tem.scaleway.com"
PORTS = {Security.IMPLICIT: 465, Security.STARTTLS: 587, Security.NONE: 1025}
DIALECTS = Dialects.load()
PROVIDERS = Providers.load()
READER = Reader(DIALECTS, lambda host: PROVIDERS.owner(host) is not None)
ANYWHERE = Provider("anywhere", "Takes all", (NEW,), {port: mode for mode, port in PORTS.items()}, 587, auth="optional")


@dataclass(frozen=True)
class Case:
    dialect: Dialect
    shape: Shape
    number: int
    before: Security
    after: Security

    def __str__(self) -> str:
        kind = f"native{self.number}" if self.shape.is_native else "env"
        return f"{self.dialect.id}-{kind}-{self.before.value}-to-{self.after.value}"


def modes(dialect: Dialect, shape: Shape) -> Iterator[Security]:
    """The TLS modes that the dialect can write out."""
    for mode in Security:
        if "url" in shape.order:
            if any(scheme.security is mode for scheme in dialect.schemes):
                yield mode
        elif all(flag.words[mode] for flag in shape.flags.values()):
            yield mode


def cases() -> Iterator[Case]:
    for dialect in DIALECTS:
        for number, shape in enumerate(dialect.shapes):
            able = list(modes(dialect, shape))
            yield from (Case(dialect, shape, number, one, other) for one in able for other in able)


CASES = list(cases())


def written(case: Case, *, flags: bool = True) -> str:
    """A values file with one block in the dialect's own names, in the mode before the move."""
    shape, mode = case.shape, case.before
    settings: dict[tuple[str, ...], str] = {}
    port = str(PORTS[mode])
    for role in ("host", "hostport", "url"):
        if role in shape.order:
            settings[shape.order[role][0]] = _server(case, role, port)
    if "port" in shape.order and "url" not in shape.order:
        settings[shape.order["port"][0]] = f'"{port}"'
    if "sender" in shape.order:
        settings[shape.order["sender"][0]] = "app@example.fr"
    for role in ("user", "password"):
        if role in shape.order:
            settings[shape.order[role][0]] = f"old-{role}"
    if flags:
        for name, flag in shape.flags.items():
            if not flag.same_as:
                word = flag.words[mode][0]
                settings[name] = str(word).lower() if isinstance(word, bool) else f'"{word}"'
    for name in sorted(shape.needs)[:1] if not shape.needs & settings.keys() else ():
        settings[name] = '"x"'
    for name, switch in shape.switches.items():
        settings[name] = str(switch.on[0]).lower() if isinstance(switch.on[0], bool) else switch.on[0]
    return _yaml(shape.at or ("env",), settings)


def _server(case: Case, role: str, port: str) -> str:
    if role == "host":
        return OLD
    if role == "hostport":
        return f"{OLD}:{port}"
    scheme = next(each for each in case.dialect.schemes if each.security is case.before)
    query = "&".join(f"{key}={value}" for key, value in scheme.query.items())
    return f'"{scheme.scheme}://{OLD}:{port}' + (f'?{query}"' if query else '"')


def _yaml(at: tuple[str, ...], settings: dict[tuple[str, ...], str]) -> str:
    tree: dict[str, object] = {}
    for name, text in settings.items():
        node = tree
        for key in (*at, *name[:-1]):
            below = node.setdefault(key, {})
            assert isinstance(below, dict)
            node = below
        node[name[-1]] = text

    def lines(node: dict[str, object], indent: str) -> Iterator[str]:
        for key, value in node.items():
            if isinstance(value, dict):
                yield f"{indent}{key}:\n"
                yield from lines(value, indent + "  ")
            else:
                yield f"{indent}{key}: {value}\n"

    return "".join(lines(tree, ""))


def only_block(text: str, wanted: str) -> Block:
    blocks = [block for block in READER.blocks(Document("values.yaml", text.encode())) if block.host == wanted]
    assert len(blocks) == 1, f"{len(blocks)} blocks in:\n{text}"
    return blocks[0]


def moved(text: str, mode: Security) -> tuple[str, list[str]]:
    block = only_block(text, OLD)
    target = Target(PROVIDERS.get("snap-mail"), ANYWHERE, NEW, PORTS[mode], mode, sender="new@example.fr")
    plan = plan_block(block, target)
    return apply(block.document.text, dict.fromkeys(plan.splices)), [finding.message for finding in plan.findings]


@pytest.mark.parametrize("case", [case for case in CASES if case.before is case.after], ids=str)
def test_what_the_profile_says_is_read_as_it_says(case: Case) -> None:
    block = only_block(written(case), OLD)
    assert block.dialect == case.dialect.id
    assert block.port == PORTS[case.before]
    possible = block.possible_security()
    assert case.before in possible or not says_tls(block), "the profile's own words contradict one another"
    assert len(possible) <= 1 or case.before is Security.NONE


@pytest.mark.parametrize("case", [case for case in CASES if case.before is not case.after], ids=str)
def test_a_block_arrives_with_host_port_and_tls_of_the_new_server(case: Case) -> None:
    text = written(case)
    after, findings = moved(text, case.after)
    block = only_block(after, NEW)
    assert block.dialect == case.dialect.id, after
    assert block.port == PORTS[case.after], after
    assert case.after in block.possible_security() or not says_tls(block), f"{after}\n{findings}"
    assert OLD not in after
    assert not list(check_blocks([block])), after
    assert moved_again(after, case.after) == after


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.before is not case.after and "url" not in case.shape.order], ids=str
)
def test_a_block_without_tls_settings_gets_those_that_it_needs(case: Case) -> None:
    text = written(case, flags=False)
    block = only_block(text, OLD)
    if case.before not in block.possible_security() and block.flags:
        return  # in this dialect the old mode has to be said
    after, findings = moved(text, case.after)
    block = only_block(after, NEW)
    told = any(finding.endswith("is not set") for finding in findings)
    assert case.after in block.possible_security() or not says_tls(block) or told, f"{after}\n{findings}"


def says_tls(block: Block) -> bool:
    """Whether the block's own settings say its TLS mode, rather than its port."""
    return bool(block.flags) or block.host_role == "url"


def moved_again(text: str, mode: Security) -> str:
    block = only_block(text, NEW)
    target = Target(PROVIDERS.get("snap-mail"), ANYWHERE, NEW, PORTS[mode], mode, sender="new@example.fr")
    return apply(block.document.text, dict.fromkeys(plan_block(block, target).splices))
