"""AWS's service models, as botocore ships them, read without importing botocore.

botocore's own loader and `botocore.model` bring urllib3, dateutil and the signers along: 17 MB of
resident memory (measured 2026-11, Python 3.11) for what is a gzip of JSON. So the files are read
here directly, their documentation is thrown away, and shapes are built when first asked for.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lambent.wire.message import WireError
from lambent.wire.query_compatible import ERRORS, add_errors, make_query_variant
from lambent.wire.routes import RouteTable

PROTOCOLS = ("rest-json", "json", "query", "rest-xml")
"""The protocols that Lambent speaks, the preferred first."""


class Shape:
    """A shape as one place refers to it: the shape's own traits with the reference's on top."""

    __slots__ = (
        "_key",
        "_member",
        "_members",
        "_model",
        "_value",
        "kind",
        "name",
        "rule",
        "traits",
        "wire_names",
    )

    def __init__(self, model: Mapping[str, Any], name: str, traits: Mapping[str, Any]) -> None:
        self._model = model
        self.name = name
        self.traits = traits
        self.kind: str = traits["type"]
        self.rule: Any = None
        """Kept for `validation`: the constraints, compiled when first checked."""
        self.wire_names: dict[str, str] | None = None
        """Kept for `json_body`: member names by their names on the wire."""
        self._members: dict[str, Shape] | None = None
        self._member: Shape | None = None
        self._key: Shape | None = None
        self._value: Shape | None = None

    @property
    def members(self) -> dict[str, Shape]:
        """Members of a structure by name, in the model's order."""
        if self._members is None:
            members = self.traits.get("members", {})
            self._members = {name: make_shape(self._model, ref) for name, ref in members.items()}
        return self._members

    @property
    def member(self) -> Shape:
        """What a list holds."""
        if self._member is None:
            self._member = make_shape(self._model, self.traits["member"])
        return self._member

    @property
    def key(self) -> Shape:
        """A map's keys."""
        if self._key is None:
            self._key = make_shape(self._model, self.traits["key"])
        return self._key

    @property
    def value(self) -> Shape:
        """A map's values."""
        if self._value is None:
            self._value = make_shape(self._model, self.traits["value"])
        return self._value

    @property
    def location(self) -> str | None:
        """Where in the HTTP message it stands; None: in the body."""
        return self.traits.get("location")

    @property
    def sensitive(self) -> bool:
        return "sensitive" in self.traits

    @property
    def flattened(self) -> bool:
        return "flattened" in self.traits

    @property
    def is_event_stream(self) -> bool:
        return "eventstream" in self.traits

    def wire_name(self, default: str) -> str:
        """Its name on the wire, where the model gives one."""
        name: str = self.traits.get("locationName", default)
        return name


def make_shape(model: Mapping[str, Any], ref: Mapping[str, Any]) -> Shape:
    """The shape that `ref` (an item of the model with a `shape` key) points to."""
    name = ref["shape"]
    traits = model[name]
    if len(ref) > 1:
        traits = {**traits, **ref}
    return Shape(model, name, traits)


class Operation:
    """One operation of a service; its shapes are built when first asked for."""

    __slots__ = (
        "_input",
        "_model",
        "_output",
        "_traits",
        "method",
        "name",
        "plan",
        "status",
        "uri",
    )

    def __init__(self, model: Mapping[str, Any], name: str, traits: Mapping[str, Any]) -> None:
        http = traits.get("http", {})
        self.name = name
        self.method: str = http.get("method", "POST")
        self.uri: str = http.get("requestUri", "/")
        self.status: int = http.get("responseCode", 200)
        self.plan: Any = None
        """Kept for the protocol: what it works out once for an operation."""
        self._model = model
        self._traits = traits
        self._input: Shape | None = None
        self._output: Shape | None = None

    def __repr__(self) -> str:
        return f"Operation({self.name})"

    @property
    def input(self) -> Shape | None:
        if self._input is None and "input" in self._traits:
            self._input = make_shape(self._model, self._traits["input"])
        return self._input

    @property
    def output(self) -> Shape | None:
        if self._output is None and "output" in self._traits:
            self._output = make_shape(self._model, self._traits["output"])
        return self._output

    @property
    def deprecated(self) -> bool:
        """Whether another operation has taken its place."""
        return bool(self._traits.get("deprecated"))

    @property
    def error_names(self) -> tuple[str, ...]:
        """The names of the error shapes that the model gives to this operation."""
        return tuple(ref["shape"] for ref in self._traits.get("errors", ()))


class Operations(Mapping[str, Operation]):
    """The operations of a service, each built when first asked for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._traits: Mapping[str, Any] = document["operations"]
        self._shapes: Mapping[str, Any] = document["shapes"]
        self._built: dict[str, Operation] = {}

    def __getitem__(self, name: str) -> Operation:
        operation = self._built.get(name)
        if operation is None:
            operation = self._built[name] = Operation(self._shapes, name, self._traits[name])
        return operation

    def __iter__(self) -> Iterator[str]:
        return iter(self._traits)

    def __len__(self) -> int:
        return len(self._traits)


class Service:
    """One service: its protocol, operations and errors."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.metadata: Mapping[str, Any] = document["metadata"]
        self.api_version: str = self.metadata["apiVersion"]
        self.protocol = _choose_protocol(name, self.metadata)
        self.query_compatible = name in ERRORS
        """See `query_compatible`."""
        self.operations: Mapping[str, Operation] = Operations(document)
        self._model: Mapping[str, Any] = document["shapes"]
        self._routes: RouteTable[Operation] | None = None
        self._errors: dict[str, Shape | None] = {}

    def match(self, method: str, path: str, query: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a REST request, with the labels of its path percent-decoded."""
        if self._routes is None:
            self._routes = RouteTable((op.method, op.uri, op) for op in self.operations.values())
        return self._routes.match(method, path, query)

    def error_shape(self, operation: Operation | None, code: str) -> Shape | None:
        """The shape of an error, by its own name or by the code it has on the wire.

        Where two shapes share a code (IAM has some), the operation's own is meant.
        """
        if code in self._errors:
            return self._errors[code]
        name = self._error_name(operation, code)
        shape = None if name is None else make_shape(self._model, {"shape": name})
        if name is None or name == code:  # the same for every operation
            self._errors[code] = shape
        return shape

    def _error_name(self, operation: Operation | None, code: str) -> str | None:
        if "exception" in self._model.get(code, ()):
            return code
        candidates = (*(operation.error_names if operation else ()), *self._model)
        for name in candidates:
            traits = self._model[name]
            if "exception" in traits and traits.get("error", {}).get("code") == code:
                return name
        return None


def _choose_protocol(name: str, metadata: Mapping[str, Any]) -> str:
    offered = (metadata["protocol"], *metadata.get("protocols", ()))
    for protocol in offered:
        if protocol in PROTOCOLS:
            return str(protocol)
    raise WireError(
        "UnsupportedOperationException", f"Lambent does not speak {offered[0]}, which {name} needs."
    )


@cache
def load_service(name: str, protocol: str | None = None) -> Service:
    """The service whose folder in botocore's data is `name`, e.g. `lambda`, `logs`, `sts`.

    `protocol` is given for the other one of a service that is called by two.

    Read once a process, 5–10 ms. Raises LookupError where botocore has no such service.
    """
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("botocore is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "data" / name
    for path in sorted(folder.glob("*/service-2.json*"), reverse=True):
        packed = path.read_bytes()
        text = gzip.decompress(packed) if path.suffix == ".gz" else packed
        document = json.loads(text, object_hook=_without_prose)
        for shape in _UNCHECKED.get(name, ()):
            document["shapes"][shape].pop("enum", None)
        if name in ERRORS:
            add_errors(name, document)
            if protocol == "query":
                make_query_variant(name, document)
        return Service(name, document)
    raise LookupError(f"botocore has no model of {name}")


_UNCHECKED = {"s3": ("Event", "FilterRuleName")}
"""Shapes whose unknown names the service itself tells, in words of its own."""
_PROSE = ("documentation", "documentationUrl", "examples")


def _without_prose(node: dict[str, Any]) -> dict[str, Any]:
    for key in _PROSE:
        # A structure may have a member of that name: its value is a dict, prose never is.
        if isinstance(node.get(key), (str, list)):
            del node[key]
    return node
