"""Environments: which files belong to which, as the config, deployers' files and names say, and what they add up to."""
