"""Evaluates values by a schema, in the order and with the short cuts of Helm's validator.

That is santhosh-tekuri/jsonschema v6 (`validator.go`). Beyond it there is a third outcome: where a value is a template
expression, or a template may add to a map, the outcome is not known, and nothing is reported that such a value could
cure.
"""

from __future__ import annotations

from typing import cast

from helmmail.environments.merge import EXPRESSION
from helmmail.validation.schema.instance import Here, Keys, Problem, Result, Value, kind_of
from helmmail.validation.schema.keywords import plan
from helmmail.validation.schema.nodes import Graph, Node, Resource


def problems(graph: Graph, value: Value, *, assert_formats: bool = False) -> list[Problem]:
    """What a value has wrong by a schema, whatever its expressions give.

    Formats are asserted in drafts 4 to 7, as by Helm; with `assert_formats` in all. Raises RecursionError where both
    are nested too deeply.
    """
    return _Run(graph, assert_formats).evaluate(graph.root, value, ()).problems


class _Run:
    def __init__(self, graph: Graph, assert_formats: bool) -> None:
        self.graph = graph
        self.go = graph.go
        self.assert_formats = assert_formats
        self._active: set[tuple[int, int]] = set()
        self._scope: list[Resource] = []

    def evaluate(self, node: Node, value: Value, path: Keys, via: str = "") -> Result:
        result = Result()
        if node.always is not None:
            if not node.always:
                result.problems.append(Problem(path, "false", False, value, {}, via=via))
            return result
        if value.data is EXPRESSION:
            result.unsure = True
            return result
        key = (id(node), id(value))
        if key in self._active:
            result.problems.append(Problem(path, "$ref", None, value, node.contents))
            return result
        self._active.add(key)
        entered = not self._scope or self._scope[-1] is not node.resource
        if entered:
            self._scope.append(node.resource)
        self._all(node, value, path, result)
        if entered:
            self._scope.pop()
        self._active.discard(key)
        return result

    def _all(self, node: Node, value: Value, path: Keys, result: Result) -> None:
        if node.plan is None:
            node.plan = plan(node, assert_formats=self.assert_formats)
        first, by_kind, last = node.plan
        here = Here(self, node, value, path, result)
        for step in first:
            if not step(here):
                return
        if value.open:
            result.unsure = True
        for step in by_kind.get(kind_of(value), ()):
            step(here)
        for step in last:
            step(here)

    def dynamic(self, node: Node, reference: str) -> Node | None:
        """What `$dynamicRef` or `$recursiveRef` means here: the outermost resource that has the anchor."""
        target = cast("Node | None", node.keywords[reference])
        if target is None:
            return None
        if reference == "$recursiveRef":
            if target.contents.get("$recursiveAnchor") is True:
                for resource in self._scope:
                    if isinstance(resource.contents, dict) and resource.contents.get("$recursiveAnchor") is True:
                        return self.graph.root_of(resource)
            return target
        anchor = str(node.contents[reference]).partition("#")[2]
        if anchor and target.contents.get("$dynamicAnchor") == anchor:
            for resource in self._scope:
                found = self.graph.anchored(resource, anchor)
                if found is not None:
                    return found
        return target
