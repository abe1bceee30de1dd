"""Plans the move of one settings block."""

from __future__ import annotations

from collections.abc import Collection

from helmmail import rules
from helmmail.migration.credentials import plan_credentials
from helmmail.migration.draft import BlockPlan, Draft, State, tls_words
from helmmail.migration.sender import plan_sender
from helmmail.migration.server import plan_server
from helmmail.migration.target import Target
from helmmail.migration.tls import plan_tls
from helmmail.model import Severity
from helmmail.settings.block import Block
from helmmail.settings.carriers import Form


def plan_block(
    block: Block,
    target: Target,
    base: BlockPlan | None = None,
    owned: Collection[int] = (),
    *,
    direct: bool = False,
) -> BlockPlan:
    """The plan for a block. Raises InputError where the user has to name a Secret.

    A partial block follows `base`, the plan of the block that has the host. `owned` says where the values
    start that the document's blocks hold, `direct` that references stand without `valueFrom` in other files.
    """
    draft = Draft(block, target, owned, direct=direct)
    if base is not None:
        draft.follow(base)
    if draft.result.state is State.STAYS:
        _note_template(draft)
    else:
        plan_server(draft)
        plan_tls(draft)
        plan_sender(draft)
        plan_credentials(draft)
    return draft.result


def _note_template(draft: Draft) -> None:
    entry = draft.block.host_entry
    if entry.value.form is Form.EXPRESSION and draft.block.host is None and not draft.block.partial:
        draft.find(
            rules.TEMPLATE_VALUE,
            Severity.NOTE,
            f"{entry.name} is a template expression; whether it gives {draft.target.source.id} is not known here",
            entry,
            f"if so, make it give {draft.target.host}, and port {draft.target.port} with {tls_words(draft.security)}",
        )
