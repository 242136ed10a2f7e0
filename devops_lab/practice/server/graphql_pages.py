"""Pages of the practice server's GraphQL: connections, cursors, and what a query may cost before it is carried out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

LARGEST = 100
MOST_NODES = 500_000
NODES_A_POINT = 100
LISTED = frozenset({"nodes", "edges", "pageInfo"})
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Connection(Generic[Thing]):
    """One page of things with their cursors, and what lies around it."""

    edges: tuple[tuple[str, Thing], ...]
    total: int
    has_next: bool = False
    has_previous: bool = False


def problem(kind: str, message: str) -> GraphQLError:
    """Return an error with GitHub's word for its type."""
    return GraphQLError(message, extensions={"type": kind})


def page(
    things: Sequence[Thing], key: Callable[[Thing], Any], arguments: Mapping[str, Any], info: GraphQLResolveInfo
) -> Connection[Thing]:
    """Return the page that `first` or `last` names after or before a cursor; a cursor is the `key` of a thing.

    So it stays where it is when things come and go before it.
    """
    first, last = arguments.get("first"), arguments.get("last")
    name = info.field_name
    if first is None and last is None:
        if LISTED & set(_selected(info)):
            message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
            raise problem("MISSING_PAGINATION_BOUNDARIES", message)
        return Connection((), len(things))
    for word, number in (("first", first), ("last", last)):
        if number is not None and number > LARGEST:
            message = (
                f"Requesting {number} records on the `{name}` connection exceeds the `{word}` limit of 100 records."
            )
            raise problem("EXCESSIVE_PAGINATION", message)
        if number is not None and number < 0:
            raise problem("INVALID_CURSOR_ARGUMENTS", f"`{word}` on the `{name}` connection cannot be less than zero.")
    keys = [str(key(thing)) for thing in things]
    start = _place(keys, arguments.get("after"), -1) + 1
    end = max(_place(keys, arguments.get("before"), len(keys)), start)
    low, high = start, end
    if first is not None:
        high = min(end, start + first)
    if last is not None:
        low = max(low, high - last)
    edges = tuple((_cursor(keys[place]), things[place]) for place in range(low, high))
    return Connection(edges, len(things), high < len(things), low > 0)


def _selected(info: GraphQLResolveInfo) -> Iterator[str]:
    waiting = [node.selection_set for node in info.field_nodes]
    while waiting:
        selections = waiting.pop()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                yield node.name.value
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                waiting.append(info.fragments[node.name.value].selection_set)


def _cursor(key: str) -> str:
    return base64.b64encode(f"cursor:v2:{key}".encode()).decode()


def _place(keys: list[str], cursor: str | None, without: int) -> int:
    if cursor is None:
        return without
    try:
        start, _, key = base64.b64decode(cursor, validate=True).decode().rpartition("cursor:v2:")
        return keys.index(key) if not start else keys.index("")
    except (binascii.Error, ValueError):
        message = f"`{cursor[:100]}` does not appear to be a valid cursor."
        raise problem("INVALID_CURSOR_ARGUMENTS", message) from None


# ---------------------------------------------------------------------- what a query costs


@dataclass
class Cost:
    """How many nodes a query may ask for at most, and how many requests its connections would have been."""

    nodes: int = 0
    requests: int = 0

    @property
    def points(self) -> int:
        """The points of the rate limit, at least one."""
        return max(1, round(self.requests / NODES_A_POINT))


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Cost:
    """Return what a query that is valid costs by GitHub's rules, whatever it will find."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    defaults = {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
    counter = _Counter(schema, fragments, {**defaults, **variables})
    if schema.query_type is not None:
        counter.walk(operation.selection_set, schema.query_type, 1)
    return counter.cost


class _Counter:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self.schema, self.fragments, self.variables, self.cost = schema, fragments, variables, Cost()

    def walk(self, selections: SelectionSetNode | None, kind: Any, times: int) -> None:
        for node in selections.selections if selections else ():
            if not self._included(node.directives) or self.cost.nodes > MOST_NODES * 2:
                continue
            if isinstance(node, FieldNode):
                self._field(node, kind, times)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                self.walk(node.selection_set, self.schema.type_map[named.name.value] if named else kind, times)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                self.walk(fragment.selection_set, self.schema.type_map[fragment.type_condition.name.value], times)

    def _field(self, node: FieldNode, kind: Any, times: int) -> None:
        definition = getattr(kind, "fields", {}).get(node.name.value)
        if definition is None:
            return
        inner = get_named_type(definition.type)
        given = {one.name.value: self._value(one.value) for one in node.arguments or ()}
        many = 1
        if inner.name.endswith("Connection"):
            many = next((size for size in (given.get("first"), given.get("last")) if isinstance(size, int)), 0)
            many = max(many, 0)
            self.cost.requests += times if many else 0
            self.cost.nodes += times * many
        elif "ids" in given and _is_list(definition.type):
            many = len(given["ids"]) if isinstance(given["ids"], list) else 1
            self.cost.nodes += many
        self.walk(node.selection_set, inner, times * max(many, 1))

    def _included(self, directives: Iterable[Any] | None) -> bool:
        for one in directives or ():
            condition = next((self._value(given.value) for given in one.arguments or ()), None)
            if (one.name.value == "include" and condition is False) or (one.name.value == "skip" and condition is True):
                return False
        return True

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            return self.variables.get(node.name.value)
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, ListValueNode):
            return list(node.values or ())
        return getattr(node, "value", None)


def _is_list(kind: Any) -> bool:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def is_connection(kind: GraphQLObjectType) -> bool:
    """Say whether a type is a page of things."""
    return kind.name.endswith("Connection")
