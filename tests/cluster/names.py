"""Addresses and names that the parts of the test cluster share."""

from __future__ import annotations

HOST = "198.18.201.1"
NODE = "198.18.201.2"
"""Both ends of the link between host and node, in the range that RFC 2544 keeps for test networks."""
LINK = "helmmail-test"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
"""Pods and Services live in the node's own network: the host has no route to them, and may use the same addresses."""
API_SERVICE = "10.96.0.1"
MAIL_SERVICE = "10.96.0.25"
MAIL_NAMES = ("smtp.tem.scaleway.com", "smtp.tem.scw.cloud")
"""The provider's names, which the cluster's DNS gives to the mail server of the tests."""
NODE_NAME = "node1"
IMAGES = {name: f"cluster.test/{name}:1" for name in ("pause", "busybox", "mailpit", "python")}
"""The images of the node. The names' host exists nowhere, so that nobody is ever asked for them."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
