"""A real Kubernetes for the tests: control plane, node, DNS and mail server, started by the first test that asks."""
