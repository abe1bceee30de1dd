"""The rungs of the ladder, one module each: what it needs (`RULES`), when it is climbed, and how it judges.

A rung is pure: it takes a view of the cluster and what was found in pods, and gives judgements.
"""
