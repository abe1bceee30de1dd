"""In a container: whether the application's processes have the values that are expected, by keyed digests.

Input: `key` (hexadecimal), `expected` (a digest for each name, null for a variable that should not be set). Output:
for each name true, false or null (not known), and why.
"""

from __future__ import annotations

import hashlib
import hmac

from helmmail.cluster.probes.processes import Process, answer, application, environment, given, leaves

SAME, OTHER, MISSING, HIDDEN = "same", "other", "missing", "hidden"


def main() -> None:
    """Compares and answers."""
    task = given()
    key = bytes.fromhex(task["key"])
    processes = application()
    if not processes:
        answer({"problem": "no process of the container can be seen in /proc"})
        return
    answer({"results": {name: _compare(name, digest, key, processes) for name, digest in task["expected"].items()}})


def _compare(name: str, digest: str | None, key: bytes, processes: list[Process]) -> list[object]:
    states = {each: _state(each, name.encode(), digest, key) for each in processes}
    working = leaves(processes)
    for each in processes:
        if states[each] == OTHER:
            return [False, f"{each} has another value"]
    for each in processes:
        if states[each] == HIDDEN and (each in working or each is processes[0]):
            return [None, f"the environment of {each} cannot be read"]
    without = [each for each in working if states[each] == MISSING]
    if not without:
        return [True, f"{working[0]} has it" if digest else "no process has it"]
    if len(without) == len(working):
        return [False, f"{without[0]} does not have it"]
    return [None, f"{without[0]} does not have it, others do"]


def _state(process: Process, name: bytes, digest: str | None, key: bytes) -> str:
    found = environment(process.pid)
    if found is None:
        return HIDDEN
    value = found.variables.get(name)
    if value is None:
        if found.damaged:
            return HIDDEN
        return MISSING if digest else SAME
    if digest is None:
        return OTHER
    same = hmac.compare_digest(hmac.new(key, value, hashlib.sha256).hexdigest(), digest)
    return SAME if same else OTHER


if __name__ == "__main__":
    main()
