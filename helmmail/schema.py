"""helmmail's JSON Schemas: where they are, and what an instance has wrong by them.

jsonschema is imported only to validate; the schemas refer to one another by their ids and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

Keys = tuple[str | int, ...]
UNKNOWN_KEY = "unknown key"
"""What the message about a key starts with that a schema does not have."""

_PACKAGE = Path(__file__).parent / "schemas"
_CHECKOUT = Path(__file__).parent.parent / "schemas"
_BASE = "https://helmmail.dev/schemas/"
_TYPES = {"object": "a map", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number",
          "boolean": "true or false", "null": "null"}  # fmt: skip


@cache
def load(name: str) -> dict[str, Any]:
    """The schema `NAME.schema.json`, of the installed package or else of the checkout.

    Raises FileNotFoundError where there is none of that name.
    """
    import json

    for folder in (_PACKAGE, _CHECKOUT):
        path = folder / f"{name}.schema.json"
        if path.is_file():
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return data
    raise FileNotFoundError(f"no schema named {name}")


def errors(instance: object, name: str) -> list[tuple[Keys, str]]:
    """What is wrong with an instance by a schema: the path of keys and a message, sorted; nothing for a valid one.

    The path of an unknown key ends with that key.
    """
    found = {pair for error in _validator(name).iter_errors(_with_text_keys(instance)) for pair in _explain(error)}
    return sorted(found, key=lambda pair: ([(isinstance(key, str), str(key).rjust(9)) for key in pair[0]], pair[1]))


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.exceptions import NoSuchResource

    def retrieve(uri: str) -> Resource[Any]:
        try:
            return Resource.from_contents(load(uri.removeprefix(_BASE).removesuffix(".schema.json")))
        except FileNotFoundError:
            raise NoSuchResource(uri) from None

    return Draft202012Validator(load(name), registry=Registry(retrieve=retrieve))  # type: ignore[call-arg]


def _with_text_keys(instance: object) -> object:
    """JSON has text keys only; YAML's `587: starttls` has a number."""
    if isinstance(instance, Mapping):
        return {str(key): _with_text_keys(value) for key, value in instance.items()}
    if isinstance(instance, list | tuple):
        return [_with_text_keys(item) for item in instance]
    return instance


def _explain(error: ValidationError) -> Iterator[tuple[Keys, str]]:
    path: Keys = tuple(error.absolute_path)
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _explain(_nearest(error))
    elif error.validator == "oneOf" and (names := _alternatives(error)):
        if isinstance(error.instance, Mapping):  # else its type is told
            here = " and ".join(name for name in names if name in error.instance)
            yield path, f"{here} exclude each other; keep one of them"
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = list(error.schema.get("properties", {}))
        for key in error.instance:
            if key not in known:
                yield (*path, key), f"{UNKNOWN_KEY} '{key}'{_suggest(key, known)}"
    elif error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        for key in missing:
            yield path, f"the key '{key}' is missing; add it"
    else:
        yield path, _message(error)


def _alternatives(error: ValidationError) -> list[str]:
    """The keys of which a schema wants exactly one; none where it wants something else."""
    if any(set(each) != {"required"} for each in error.validator_value):
        return []
    return [key for each in error.validator_value for key in each["required"]]


def _nearest(error: ValidationError) -> ValidationError:
    """Of the alternatives' errors, the one that lies deepest: the alternative that was meant got furthest."""
    context: Sequence[ValidationError] = error.context or ()
    return max(context, key=lambda each: (len(each.absolute_path), each.validator != "type"))


def _message(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    return "; ".join(explain(str(error.validator), error.validator_value, error.instance, schema))


def explain(
    keyword: str, wanted: Any, instance: object, schema: Mapping[str, Any], display: str | None = None
) -> tuple[str, str]:
    """What an instance that breaks a keyword has wrong, and what to do. `display` is printed for the instance."""
    shown = _shown(instance) if display is None else display
    match keyword:
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            if "string" in types and isinstance(instance, bool | int | float):
                return f"{shown} is not text", "put it in quotes"
            return f"{shown} is not {type_words(types)}", "correct it"
        case "enum":
            return f"{shown} is not one of {', '.join(map(str, wanted))}", "choose one of them"
        case "const":
            return f"{shown} is not {wanted}", "write that"
        case "pattern" | "format":
            title = schema.get("title")
            return f"{shown} {f'is not {title}' if title else f'does not have the form {wanted}'}", "correct it"
        case "minItems" | "minLength" | "minProperties" if wanted == 1:
            return "there is nothing here", "fill it in or remove the key"
        case "uniqueItems":
            return "something stands here twice", "remove one"
    if keyword in _LIMITS:
        return f"{shown} {_LIMITS[keyword].format(wanted)}", "correct it"
    return f"{shown} breaks the schema's rule '{keyword}'", "correct it"


_LIMITS = {
    "minimum": "is smaller than {}",
    "exclusiveMinimum": "is not larger than {}",
    "maximum": "is larger than {}",
    "exclusiveMaximum": "is not smaller than {}",
    "multipleOf": "is not a multiple of {}",
    "minLength": "has fewer than {} characters",
    "maxLength": "has more than {} characters",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "minProperties": "has fewer than {} keys",
    "maxProperties": "has more than {} keys",
}


def type_words(types: Sequence[str]) -> str:
    """JSON's types in people's words: `text or a whole number`."""
    return " or ".join(_TYPES.get(each, each) for each in types)


def _shown(instance: object) -> str:
    if isinstance(instance, Mapping):
        return "a map"
    if isinstance(instance, list):
        return "a list"
    import json

    text = json.dumps(instance, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _suggest(word: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}" if known else "; remove it"
