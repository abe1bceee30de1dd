"""Fidelity and time beside named peers: `make bench`."""
