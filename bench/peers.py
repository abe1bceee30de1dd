"""The peers, as small programs: each reads files and changes one value, or only parses."""

from __future__ import annotations

READ = """
import sys, os
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), 'rb') as file:
            text = file.read().decode().lower()
        'snap-mail.numerique.gouv.fr' in text or 'smtp.tem.scaleway.com' in text
"""
"""The floor of a run that finds nothing: reading each file, and looking for two names in it."""

LIBYAML = """
import sys, os
import _ruamel_yaml as libyaml
end = libyaml.StreamEndEvent
paths = sys.argv[1:]
if os.path.isdir(paths[0]):
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(paths[0]) for name in names]
for path in paths:
    with open(path, 'rb') as file:
        text = file.read().decode()
    next_event = libyaml.CParser(text).get_event
    while type(next_event()) is not end:
        pass
"""
"""The least that parsing can cost: ruamel.yaml's libyaml parser, events only, nothing kept."""

LOAD = (
    LIBYAML.replace("import _ruamel_yaml as libyaml\nend = libyaml.StreamEndEvent\n", "import yaml\n").split(
        "    next_event"
    )[0]
    + """
    for document in yaml.load_all(text, yaml.CSafeLoader):
        pass
"""
)
"""The floor of a run that changes files: libyaml's parse to values, by the fastest loader that Python has."""

RUAMEL = """
import io, sys, os
from ruamel.yaml import YAML
old, new, write = sys.argv[1], sys.argv[2], sys.argv[3] == 'write'
def swap(node):
    items = node.items() if hasattr(node, 'items') else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        if isinstance(value, str) and value == old:
            node[key] = type(value)(new) if type(value) is not str else new
        else:
            swap(value)
paths = sys.argv[4:]
if os.path.isdir(paths[0]):
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(paths[0]) for name in names]
for path in paths:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.allow_duplicate_keys = True
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    with open(path, newline='') as file:
        documents = list(yaml.load_all(file))
    for document in documents:
        swap(document)
    out = io.StringIO()
    yaml.dump_all(documents, out)
    if write:
        with open(path, 'w', newline='') as file:
            file.write(out.getvalue())
"""
"""ruamel.yaml's round trip, tuned: quotes kept, no line breaks, the common indent."""
