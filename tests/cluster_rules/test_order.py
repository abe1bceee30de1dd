"""What must always hold of the expansion and the order, against a second reading written for the tests."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helmmail.cluster.environment import resolve
from helmmail.cluster.expansion import pieces
from tests.cluster_rules.cases import Object
from tests.cluster_rules.test_environment import Held
from tests.strategies import examples, profile

NAMES = ["A", "B", "C", "P_A", "P_B"]
TEXTS = st.text(alphabet="$()ABP_ é", max_size=12)


def expand(text: str, known: dict[str, str]) -> str:
    """One character after another, with the state in words: a reading of its own, without `find` or slices."""
    out, name, state = "", "", "text"
    rest = list(text)
    while rest:
        character = rest.pop(0)
        if state == "text":
            if character == "$" and rest:
                state = "dollar"
            else:
                out += character
        elif state == "dollar":
            if character == "(" and ")" in rest:
                state, name = "name", ""
                continue
            out += "$" if character == "$" else "$" + character
            state = "text"
        elif character == ")":
            out += known.get(name, f"$({name})")
            state = "text"
        else:
            name += character
    return out


@profile(examples(400))
@given(TEXTS, st.dictionaries(st.sampled_from(["", *NAMES]), TEXTS))
def test_an_expansion_is_that_of_the_second_reading(text: str, known: dict[str, str]) -> None:
    found = "".join(known.get(piece, f"$({piece})") if is_reference else piece for piece, is_reference in pieces(text))
    assert found == expand(text, known)


@profile(examples(200))
@given(TEXTS)
def test_doubled_dollars_always_give_the_text_itself(text: str) -> None:
    assert "".join(piece for piece, _ in pieces(text.replace("$", "$$"))) == text


def _entries() -> st.SearchStrategy[Object]:
    name = st.sampled_from(NAMES)
    key = st.fixed_dictionaries(
        {"name": st.sampled_from(["one", "two", "gone"]), "key": st.sampled_from(NAMES), "optional": st.booleans()}
    )
    return st.one_of(
        st.builds(lambda name, value: {"name": name, "value": value}, name, TEXTS),
        st.builds(lambda name, key: {"name": name, "valueFrom": {"secretKeyRef": key}}, name, key),
        st.builds(lambda name, key: {"name": name, "valueFrom": {"configMapKeyRef": key}}, name, key),
    )


def _from() -> st.SearchStrategy[Object]:
    target = st.fixed_dictionaries({"name": st.sampled_from(["one", "two", "gone"]), "optional": st.booleans()})
    kind = st.sampled_from(["secretRef", "configMapRef"])
    return st.builds(
        lambda kind, target, prefix: {kind: target, "prefix": prefix}, kind, target, st.sampled_from(["", "P_"])
    )


DATA = st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4)
STORE = st.fixed_dictionaries({"one": DATA, "two": DATA})


def kubelet(container: Object, stores: dict[str, dict[str, Any]], links: dict[str, str]) -> dict[str, str] | None:
    """The environment as the kubelet makes it, with no thought for sources or secrets; None where it refuses."""
    made: dict[str, str] = {}
    for each in container["envFrom"]:
        kind = "secretRef" if "secretRef" in each else "configMapRef"
        store = stores[kind[:-3]].get(each[kind]["name"])
        if store is None and not each[kind]["optional"]:
            return None
        made.update({each["prefix"] + key: value for key, value in (store or {}).items()})
    for each in container["env"]:
        if "value" in each:
            made[each["name"]] = expand(each["value"], {**links, **made})
            continue
        ((kind, reference),) = each["valueFrom"].items()
        value = stores[kind[:-6]].get(reference["name"], {}).get(reference["key"])
        if value is not None:
            made[each["name"]] = value
        elif not reference["optional"]:
            return None
    return {**links, **made}


@profile(examples(400))
@given(STORE, STORE, st.lists(_from(), max_size=4), st.lists(_entries(), max_size=8), st.sampled_from(["a", "p-a", ""]))
def test_the_order_is_that_of_the_second_reading(
    secrets: dict[str, dict[str, str]],
    config_maps: dict[str, dict[str, str]],
    env_from: list[Object],
    entries: list[Object],
    linked: str,
) -> None:
    container = {"env": entries, "envFrom": env_from}
    services = [{"metadata": {"name": linked}, "spec": {"clusterIP": "10.0.0.2"}}] if linked else []
    links = {f"{linked.upper().replace('-', '_')}_SERVICE_HOST": "10.0.0.2"} if linked else {}
    encoded = {name: {key: value.encode() for key, value in data.items()} for name, data in secrets.items()}
    wanted = kubelet(container, {"secret": secrets, "configMap": config_maps}, links)
    found = resolve(container, Held(encoded, config_maps), services)
    assert bool(found.problems) is (wanted is None)
    if wanted is not None:
        assert {name: (each.data or b"").decode() for name, each in found.items()} == wanted


@profile(examples(300))
@given(STORE, STORE, st.lists(_from(), max_size=4), st.lists(_entries(), max_size=8))
def test_what_is_known_without_a_secret_is_what_is_known_with_it(
    secrets: dict[str, dict[str, str]],
    config_maps: dict[str, dict[str, str]],
    env_from: list[Object],
    entries: list[Object],
) -> None:
    """Never a false pass: what may not be read makes values unknown, but no value another, and no name free."""
    container = {"env": entries, "envFrom": env_from}
    encoded = {name: {key: value.encode() for key, value in data.items()} for name, data in secrets.items()}
    whole = resolve(container, Held(encoded, config_maps))
    found = resolve(container, Held(encoded, config_maps, denied=("one",)))
    for name in NAMES:
        there, here = whole.variable(name), found.variable(name)
        assert here.is_unknown or here.data == there.data
