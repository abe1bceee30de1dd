"""JSON Schema as Helm checks it, over values of which some are not known.

Helm's validator is santhosh-tekuri/jsonschema v6; this package follows its order, its short cuts and its regular
expressions, so that both report the same (pointer, keyword) pairs. What Python's jsonschema cannot say is the third
outcome: a template gives the value, so that nobody knows whether it fits.
"""
