"""Tests of the way to a cluster and of the probes in its containers."""
