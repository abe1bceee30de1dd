"""YAML files of other programs (a kubeconfig, a cloud's configuration): plain data, and nothing of it in an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helmmail.errors import InputError


def read_map(file: Path, *, mend: str, unreadable: str, no_map: str, problems: bool = False) -> Mapping[str, Any]:
    """The map in a file; an empty one for an empty file.

    `mend` says what to do about a file that is no YAML, `unreadable` about one that cannot be read, and `no_map` what
    is wrong with one that holds something else. With `problems` the parser's words are told, which quote no values.
    Raises InputError.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe")
    reader.allow_duplicate_keys = True  # the error for one would quote both values
    try:
        content = reader.load(file.read_bytes())
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        problem = f": {error.problem}" if problems else ""
        raise InputError(f"{place}: this is no YAML{problem}; {mend}") from None
    except (YAMLError, ValueError):  # what stands in the file is not repeated
        raise InputError(f"{file}: this is no YAML in UTF-8; {mend}") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; {unreadable}") from None
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(f"{file}: {no_map}")
    return content
