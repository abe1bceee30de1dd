"""`python -m tests.cluster` builds what is missing and starts a cluster to look around in; Enter ends it."""

from __future__ import annotations

import sys

from tests.cluster.fixtures import shared

if __name__ == "__main__":
    with shared(node="--no-node" not in sys.argv) as made:
        sys.stdout.write(f"export KUBECONFIG={made.kubeconfig} PATH={made.programs}:$PATH\nEnter ends it. ")
        sys.stdout.flush()
        sys.stdin.readline()
