"""A container's environment, in the order in which the kubelet makes it.

The order is that of `makeEnvironmentVariables` (Kubernetes 1.37, pkg/kubelet/kubelet_pods.go): `envFrom`, then `env`,
then what Services add. The image's own variables lie below all of this, and an entrypoint may still change it. Values
are fixed when a *container* starts: what is resolved here is what the next one would get.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from helmmail.cluster.downward import FieldUnknown, field, fields_of, resource
from helmmail.cluster.errors import Denied
from helmmail.cluster.expansion import pieces
from helmmail.cluster.hidden import Hidden
from helmmail.cluster.objects import Object, containers_of, name_of
from helmmail.cluster.services import MASTER_SERVICE, OF_ANY, OF_MASTER, links
from helmmail.lazy import pattern

UNKNOWN = "unknown: "
"""What the problem of a variable begins with whose value could not be found out."""
SERVICE_LINK = "service link"
"""The source of a variable that a Service makes."""
LITERAL = "env"
"""The source of a variable that the container's spec spells out, in which alone `$(VAR)` is replaced."""

_STRICT_NAME = pattern(r"(?!\.\.)(?!\.$)[-._a-zA-Z][-._a-zA-Z0-9]*")
_KEY = pattern(r"[-._a-zA-Z0-9]+")


class Sources(Protocol):
    """Where values come from. Each raises `Denied` for what may not be read, and gives None for what is not there."""

    def secret(self, name: str) -> Mapping[str, bytes] | None:
        """The decoded data of a Secret of the pod's namespace."""

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap of the pod's namespace (the kubelet does not look at its binaryData)."""


class Variable(NamedTuple):
    """One variable of a container.

    `value` is None where it is not known or not set, and `Hidden` if anything of it came from a Secret. `source` is
    'env', 'envFrom Secret app', 'Secret app/key', 'field spec.nodeName', 'service link' and the like. `problem` is ""
    if all is well; it begins with UNKNOWN if the value could not be found out, and else says why there is none.
    `references` are the sources of what stands in the value by `$(VAR)`. `shown` is a hidden value as far as it may be
    shown, with `$(VAR)` for what is hidden in it; "" where that is all.
    """

    name: str
    value: str | Hidden | None
    source: str
    problem: str = ""
    references: tuple[str, ...] = ()
    shown: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Its own source, and those of what its value is made of."""
        return tuple(dict.fromkeys((self.source, *self.references)))

    @property
    def is_unknown(self) -> bool:
        """Whether the value could not be found out, so that nothing may be concluded."""
        return self.problem.startswith(UNKNOWN)

    @property
    def data(self) -> bytes | None:
        """The bytes that the process gets, of a hidden value too: never for output."""
        if isinstance(self.value, Hidden):
            return self.value.reveal()
        return None if self.value is None else self.value.encode()


class Environment(dict[str, Variable]):
    """The variables of a container by name. Ask `variable` for one, as it also knows why one is missing.

    `problems` are the reasons for which the kubelet does not start the container at all (CreateContainerConfigError);
    the values then are those that it would have otherwise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.absent: dict[str, Variable] = {}
        """Names that an optional reference would have set, had its key been there; another source may set them."""
        self.unread: list[tuple[Callable[[str], bool], Variable]] = []
        """What could not be read: whether it may set a name, and the variable that it would be."""

    def variable(self, name: str) -> Variable:
        """The variable of a name: set, not set (its problem says so), or perhaps set by what could not be read."""
        if name in self:
            return self[name]
        for may_set, unread in self.unread:
            if may_set(name):
                return unread._replace(name=name)
        return self.absent.get(name, Variable(name, None, "", "not set"))

    def behind(self, name: str) -> Variable | None:
        """The variable behind `$(name)`, or what could not be read and may set it; None where it stays as written."""
        if name in self:
            return self[name]
        return next((unread for may_set, unread in self.unread if may_set(name)), None)

    def expand(self, text: str) -> Variable:
        """What a text becomes as the value of a further variable: a nameless one, `Hidden` as any other."""
        return _expanded("", text, self.behind)


def resolve(
    container: Object,
    sources: Sources,
    services: Sequence[Object] | None = (),
    *,
    service_links: bool = True,
    fields: Mapping[str, str] | None = None,
    siblings: Sequence[Object] = (),
    strict_names: bool = False,
) -> Environment:
    """The environment that the kubelet gives to a container when it starts.

    `services` are those of the pod's namespace, with `kubernetes` of `default` if it was read; None where they could
    not be listed, so that what a Service may set is unknown. `service_links` is the pod's enableServiceLinks, `fields`
    what `fields_of` gives for the pod, `siblings` its other containers, which a resourceFieldRef may name.
    `strict_names` leaves out the keys of an envFrom that are no C-like names, as kubelets did up to 1.29. What `Denied`
    keeps from being read makes its variables unknown, and those that it may overwrite.
    """
    made = _Making(sources, fields or {}, container, siblings, strict_names=strict_names)
    made.link(services, enabled=service_links)
    for each in container.get("envFrom") or ():
        made.take_all(each)
    for each in container.get("env") or ():
        made.take(each)
    return made.finish()


def resolve_pod(
    pod: Object, sources: Sources, services: Sequence[Object] | None = (), *, strict_names: bool = False
) -> dict[str, Environment]:
    """The environment of every container of a pod (or of a pod template), init containers and sidecars too, by name."""
    spec = pod.get("spec") or {}
    containers, fields = containers_of(spec), fields_of(pod)
    enabled = spec.get("enableServiceLinks") is not False
    return {
        each["name"]: resolve(
            each,
            sources,
            services,
            service_links=enabled,
            fields=fields,
            siblings=containers,
            strict_names=strict_names,
        )
        for each in containers
    }


class _Making:
    """An environment that grows: `made` is the kubelet's tmpEnv, `links` its serviceEnv."""

    def __init__(
        self,
        sources: Sources,
        fields: Mapping[str, str],
        container: Object,
        siblings: Sequence[Object],
        *,
        strict_names: bool,
    ) -> None:
        self.sources = sources
        self.fields = fields
        self.container = container
        self.siblings = siblings
        self.strict_names = strict_names
        self.made = Environment()
        self.links = Environment()

    def link(self, services: Sequence[Object] | None, *, enabled: bool) -> None:
        """Makes the variables of the Services, for references and for the end."""
        if services is None and enabled:
            self._unlinked(OF_ANY, "Services could not be read")
            return
        services = services or ()
        found = links(services, self.fields.get("metadata.namespace"), enabled=enabled)
        for name, values in found.items():
            variable = Variable(name, values[-1][1], SERVICE_LINK)
            if len({value for _, value in values}) > 1:
                which = " and ".join(sorted(service for service, _ in values))
                variable = variable._replace(value=None, problem=f"{UNKNOWN}the Services {which} both set it")
            self.links[name] = variable
        if not any(name_of(each) == MASTER_SERVICE for each in services):
            self._unlinked(OF_MASTER, "the Service kubernetes of namespace default was not read")

    def _unlinked(self, names: re.Pattern[str], why: str) -> None:
        def may_set(name: str) -> bool:
            return names.fullmatch(name) is not None

        self.links.unread.append((may_set, Variable("", None, SERVICE_LINK, f"{UNKNOWN}{why}")))

    def take_all(self, reference: Object) -> None:
        """One entry of envFrom: every key of a Secret or ConfigMap, with its prefix."""
        kind = "Secret" if reference.get("secretRef") else "ConfigMap"
        target = reference.get("secretRef") or reference.get("configMapRef") or {}
        name, prefix = target.get("name", ""), reference.get("prefix") or ""
        source = f"envFrom {kind} {name}"
        try:
            data = self._read(kind, name)
        except Denied as denied:
            self._doubt(prefix, source, f"{UNKNOWN}{denied}")
            return
        if data is None:
            if not target.get("optional"):
                self.made.problems.append(f"{kind} {name} does not exist ({source})")
            return
        for key, value in data.items():
            variable = prefix + key
            if not self.strict_names or _STRICT_NAME.fullmatch(variable):
                self._set(Variable(variable, value, source))

    def take(self, entry: Object) -> None:
        """One entry of env: a literal with references in it, or a value from elsewhere."""
        name, literal, origin = entry["name"], entry.get("value") or "", entry.get("valueFrom") or {}
        if literal or not origin:
            self._set(_expanded(name, str(literal), self._behind))
        elif "secretKeyRef" in origin:
            self._take_key(name, "Secret", origin["secretKeyRef"])
        elif "configMapKeyRef" in origin:
            self._take_key(name, "ConfigMap", origin["configMapKeyRef"])
        else:
            self._set(self._measure(name, origin))

    def finish(self) -> Environment:
        """The whole, with what Services add to names that are not set yet."""
        for name, link in self.links.items():
            # What could not be read comes before a Service, and may have set the name.
            if name not in self.made:
                self.made[name] = self.made.variable(name) if self._may_be_set(name) else link
        self.made.unread += self.links.unread
        return self.made

    def _may_be_set(self, name: str) -> bool:
        return any(may_set(name) for may_set, _ in self.made.unread)

    def _read(self, kind: str, name: str) -> Mapping[str, str | Hidden] | None:
        if kind == "ConfigMap":
            return self.sources.config_map(name)
        data = self.sources.secret(name)
        return None if data is None else {key: Hidden(value) for key, value in data.items()}

    def _doubt(self, prefix: str, source: str, why: str) -> None:
        """Takes back what an envFrom that could not be read may have overwritten."""

        def may_set(name: str) -> bool:
            return name.startswith(prefix) and _KEY.fullmatch(name, len(prefix)) is not None

        for name in self.made:
            if may_set(name):
                self.made[name] = Variable(name, None, source, why)
        self.made.unread.append((may_set, Variable("", None, source, why)))

    def _set(self, variable: Variable) -> None:
        data = variable.data
        if data is not None and b"\0" in data:
            variable = variable._replace(value=None, problem="holds a NUL byte, with which no process can start")
        if variable.problem and not variable.is_unknown:
            self.made.problems.append(f"{variable.name}: {variable.problem}")
        self.made[variable.name] = variable

    def _take_key(self, name: str, kind: str, reference: Object) -> None:
        target, key = reference.get("name", ""), reference.get("key", "")
        source = f"{kind} {target}/{key}"
        try:
            data = self._read(kind, target)
        except Denied as denied:
            self._set(Variable(name, None, source, f"{UNKNOWN}{denied}"))
            return
        if data is not None and key in data:
            self._set(Variable(name, data[key], source))
            return
        problem = f"{kind} {target} does not exist" if data is None else f"{kind} {target} has no key {key}"
        if not reference.get("optional"):
            self._set(Variable(name, None, source, problem))
        else:
            self.made.absent[name] = Variable(name, None, source, f"not set: {problem}, and it is optional")

    def _measure(self, name: str, origin: Object) -> Variable:
        """A variable from the pod's fields, a container's resources, or a file in a volume."""
        kind = next(iter(origin))
        reference = origin[kind]
        source = f"{kind} {reference.get('fieldPath') or reference.get('resource') or reference.get('key')}"
        try:
            if kind == "fieldRef":
                return Variable(name, field(self.fields, reference["fieldPath"]), f"field {reference['fieldPath']}")
            if kind == "resourceFieldRef":
                return Variable(name, resource(reference, self._container(reference.get("containerName"))), source)
        except FieldUnknown as reason:
            return Variable(name, None, source, f"{UNKNOWN}{reason}")
        return Variable(name, None, source, f"{UNKNOWN}{kind} cannot be read from outside the pod")

    def _container(self, name: str | None) -> Object:
        if not name or name == self.container.get("name"):
            return self.container
        for each in self.siblings:
            if each.get("name") == name:
                return each
        raise FieldUnknown(f"container {name} is not among those of the pod")

    def _behind(self, name: str) -> Variable | None:
        """What stands so far, then Services."""
        found = self.made.behind(name)
        return self.links.behind(name) if found is None else found


def _expanded(name: str, text: str, behind: Callable[[str], Variable | None]) -> Variable:
    """The variable of a literal, its references replaced; those that nothing stands behind stay as written."""
    parts: list[str | Hidden] = []
    shown: list[str] = []
    sources: list[str] = []
    problem = ""
    for piece, is_reference in pieces(text):
        found = behind(piece) if is_reference else None
        as_written = f"$({piece})" if is_reference else piece
        part = as_written if found is None else found.value
        if found is not None:
            sources += found.sources
            if part is None and not problem:
                doubt = UNKNOWN if found.is_unknown else ""
                problem = f"{doubt}$({piece}): {found.problem.removeprefix(UNKNOWN)}"
        parts.append(as_written if part is None else part)
        shown.append(part if isinstance(part, str) else as_written)
    references = tuple(dict.fromkeys(sources))
    if problem:
        return Variable(name, None, LITERAL, problem, references)
    value = _joined(parts)
    return Variable(name, value, LITERAL, "", references, "".join(shown) if isinstance(value, Hidden) else "")


def _joined(parts: Sequence[str | Hidden]) -> str | Hidden:
    if all(isinstance(each, str) for each in parts):
        return "".join(str(each) for each in parts)
    return Hidden(b"".join(_bytes(parts)))


def _bytes(parts: Sequence[str | Hidden]) -> Iterator[bytes]:
    for each in parts:
        yield each.encode() if isinstance(each, str) else each.reveal()
