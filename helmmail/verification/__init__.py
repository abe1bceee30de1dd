"""Verify: a ladder of questions to the live cluster, each answered with evidence."""
