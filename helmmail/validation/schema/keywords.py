"""What each keyword of JSON Schema asks of a value: one step a keyword, or one for those that work together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from helmmail.environments.merge import EXPRESSION
from helmmail.validation.schema.combine import LAST, refer
from helmmail.validation.schema.instance import Here, Plain, Value, equal, exact, kind_of
from helmmail.validation.schema.nodes import Node
from helmmail.validation.schema.patterns import fits_format


def _type(here: Here) -> bool:
    wanted = here.get("type")
    types = [wanted] if isinstance(wanted, str) else wanted
    kind = kind_of(here.value)
    if kind in types:
        return True
    number = exact(here.value.data) if kind == "number" and "integer" in types else None
    if number is not None and number.denominator == 1:
        return True
    here.fail("type")
    return False


def _const(here: Here) -> bool:
    outcome = equal(here.value, Plain(here.get("const")), loose=here.run.go)
    return _decided(here, "const", outcome)


def _enum(here: Here) -> bool:
    wanted = [Plain(each) for each in here.get("enum")]
    loose = here.run.go and any(kind_of(each) == "number" for each in wanted)
    outcomes = [equal(here.value, each, loose=loose) for each in wanted]
    return _decided(here, "enum", True if True in outcomes else None if None in outcomes else False)


def _decided(here: Here, word: str, outcome: bool | None) -> bool:
    if outcome is None:
        here.result.unsure = True
    elif not outcome:
        here.fail(word, here.node.keywords[word])
    return outcome is not False


def _format(here: Here) -> bool:
    data = here.value.data
    if isinstance(data, str) and not fits_format(here.get("format"), data, go=here.run.go):
        here.fail("format")
        return False
    return True


# Maps


def _min_properties(here: Here) -> None:
    if len(here.value.entries or ()) < here.get("minProperties") and not here.value.open:
        here.fail("minProperties")


def _max_properties(here: Here) -> None:
    if len(here.value.entries or ()) > here.get("maxProperties") and not here.value.open:
        here.fail("maxProperties")


def _required(here: Here) -> None:
    _missing(here, "required", here.get("required"))


def _missing(here: Here, word: str, names: list[str], because: str = "") -> None:
    if here.value.open:
        return
    missing = [name for name in names if name not in (here.value.entries or {})]
    if missing:
        here.fail(word, because or None, missing)


def _dependencies(word: str) -> Callable[[Here], None]:
    def step(here: Here) -> None:
        for name, wanted in here.get(word).items():
            if name not in (here.value.entries or {}):
                continue
            if isinstance(wanted, Node):
                here.result.take(here.same(wanted))
            else:
                _missing(here, word, wanted, name)

    return step


def _members(here: Here) -> None:
    properties, patterns = here.get("properties") or {}, here.get("patternProperties") or {}
    additional = here.get("additionalProperties")
    compiled = here.node.patterns
    extra: list[str] = []
    for name in here.value.entries or ():
        seen = False
        unsure = False
        if name in properties:
            seen = True
            here.result.below(here.child(properties[name], name, "properties"))
        for pattern, node in patterns.items():
            found = compiled[pattern].found(name)
            if found:
                seen = True
                here.result.below(here.child(node, name, "patternProperties"))
            elif found is None:
                unsure = True
        if unsure and not seen:
            here.result.unsure = True
            here.result.maybe.add(name)
            continue
        if not seen and additional is not None:
            seen = True
            if additional.always is False:
                extra.append(name)
            else:
                here.result.below(here.child(additional, name, "additionalProperties"))
        if seen:
            here.result.seen.add(name)
    if extra:
        here.fail("additionalProperties", False, extra)


def _property_names(here: Here) -> None:
    node = here.get("propertyNames")
    for name in here.value.entries or ():
        outcome = here.run.evaluate(node, Plain(name), here.path)
        here.result.unsure = here.result.unsure or outcome.unsure
        if outcome.problems:
            problem = here.fail("propertyNames", keys=(name,))
            problem.branches = [(node, outcome.problems)]


# Lists


def _min_items(here: Here) -> None:
    if len(here.value.items or ()) < here.get("minItems") and not here.value.open:
        here.fail("minItems")


def _max_items(here: Here) -> None:
    if len(here.value.items or ()) > here.get("maxItems") and not here.value.open:
        here.fail("maxItems")


def _unique_items(here: Here) -> None:
    if here.get("uniqueItems") is not True or here.value.open:
        return
    buckets: dict[tuple[str, object], list[tuple[int, Value]]] = {}
    for index, item in enumerate(here.value.items or ()):
        if item.data is EXPRESSION:
            here.result.unsure = True
            continue
        size = len(item.entries) if item.entries is not None else len(item.items) if item.items is not None else None
        bucket = buckets.setdefault((kind_of(item), item.data if size is None else size), [])
        for before, other in bucket:
            outcome = equal(item, other)
            if outcome:
                here.fail("uniqueItems", keys=(before, index))
                return
            here.result.unsure = here.result.unsure or outcome is None
        bucket.append((index, item))


def _items(here: Here) -> None:
    count = len(here.value.items or ())
    items = here.get("items")
    places, place_word = (items, "items") if isinstance(items, list) else (here.get("prefixItems") or [], "prefixItems")
    if here.value.open and (places or here.get("additionalItems")):
        return  # which item stands where depends on the template
    for index, node in enumerate(places[:count]):
        here.result.below(here.child(node, index, place_word))
        here.result.seen.add(index)
    rest = items if isinstance(items, Node) else here.get("additionalItems") if isinstance(items, list) else None
    if rest is None:
        return
    word = "items" if isinstance(items, Node) else "additionalItems"
    left = range(len(places), count)
    if rest.always is False and word == "additionalItems":
        if left:
            here.fail("additionalItems", False, list(left))
    else:
        for index in left:
            here.result.below(here.child(rest, index, word))
    here.result.seen.update(range(count))


def _contains(here: Here) -> None:
    node = here.get("contains")
    count = len(here.value.items or ())
    outcomes = [here.child(node, index, "contains") for index in range(count)]
    matched = [index for index, outcome in enumerate(outcomes) if outcome.valid]
    doubtful = [index for index, outcome in enumerate(outcomes) if not outcome.problems and outcome.unsure]
    if here.node.draft >= 2020:
        here.result.seen.update(matched)
        here.result.maybe.update(doubtful)
    if here.value.open:
        return
    minimum, maximum = here.get("minContains"), here.get("maxContains")
    least = 1 if minimum is None else minimum
    if len(matched) + len(doubtful) < least:
        problem = here.fail("contains" if minimum is None else "minContains", least)
        problem.branches = [(node, outcome.problems) for outcome in outcomes if outcome.problems] or [(node, [])]
    elif maximum is not None and len(matched) > maximum:
        here.fail("maxContains")
    elif doubtful and (len(matched) < least or maximum is not None):
        here.result.unsure = True


# Texts and numbers


def _min_length(here: Here) -> None:
    if len(str(here.value.data)) < here.get("minLength"):
        here.fail("minLength")


def _max_length(here: Here) -> None:
    if len(str(here.value.data)) > here.get("maxLength"):
        here.fail("maxLength")


def _pattern(here: Here) -> None:
    found = here.node.patterns[here.get("pattern")].found(str(here.value.data))
    if found is None:
        here.result.unsure = True
    elif not found:
        here.fail("pattern")


def _bound(word: str, other: str, sign: int) -> Callable[[Here], None]:
    """A limit and its exclusive form, which in draft 4 is a flag beside it."""

    def step(here: Here) -> None:
        number = exact(here.value.data)
        flag = here.get(other)
        for name, exclusive in ((word, flag is True), (other, True)):
            limit = exact(here.get(name))
            if number is None or limit is None:
                continue
            distance = (number - limit) * sign
            if distance < 0 or (exclusive and distance == 0):
                here.fail(other if exclusive else word, here.get(name))

    return step


def _multiple_of(here: Here) -> None:
    number, unit = exact(here.value.data), exact(here.get("multipleOf"))
    if number is not None and unit and (number / unit).denominator != 1:
        here.fail("multipleOf")


FIRST: Mapping[str, Callable[[Here], bool]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "format": _format,
    "$ref": refer,
}
"""These come first, and where one of them fails the rest of the schema is not looked at."""

STEPS: Mapping[str, Mapping[str, Callable[[Here], None]]] = {
    "object": {
        "minProperties": _min_properties,
        "maxProperties": _max_properties,
        "required": _required,
        "dependencies": _dependencies("dependencies"),
        "properties": _members,
        "patternProperties": _members,
        "additionalProperties": _members,
        "propertyNames": _property_names,
        "dependentSchemas": _dependencies("dependentSchemas"),
        "dependentRequired": _dependencies("dependentRequired"),
    },
    "array": {
        "minItems": _min_items,
        "maxItems": _max_items,
        "uniqueItems": _unique_items,
        "items": _items,
        "prefixItems": _items,
        "contains": _contains,
    },
    "string": {"minLength": _min_length, "maxLength": _max_length, "pattern": _pattern},
    "number": {
        "minimum": (_minimum := _bound("minimum", "exclusiveMinimum", 1)),
        "exclusiveMinimum": _minimum,
        "maximum": (_maximum := _bound("maximum", "exclusiveMaximum", -1)),
        "exclusiveMaximum": _maximum,
        "multipleOf": _multiple_of,
    },
}
"""The steps for each JSON type."""

Step = Callable[[Here], object]
Plan = tuple[list[Callable[[Here], bool]], dict[str, list[Step]], list[Step]]


def plan(node: Node, *, assert_formats: bool) -> Plan:
    """The steps for a subschema: those that come first, those for each type, those that come last.

    Formats are asserted in drafts 4 to 7; with `assert_formats` in all.
    """
    words = node.keywords
    first = [
        step
        for word, step in FIRST.items()
        if word in words and (word != "format" or assert_formats or node.draft < 2019)
    ]
    by_kind: dict[str, list[Step]] = {
        kind: list(dict.fromkeys(step for word, step in steps.items() if word in words))
        for kind, steps in STEPS.items()
    }
    return first, by_kind, list(dict.fromkeys(step for word, step in LAST.items() if word in words))
