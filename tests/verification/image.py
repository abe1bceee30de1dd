"""helmmail's own image for the test cluster: what the Dockerfile makes, on the cluster's Python, without Docker."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from string import Template
from typing import Any

from tests.ci.test_docker import arguments
from tests.cluster import images
from tests.cluster.handle import Cluster
from tests.conftest import ROOT
from tests.tools import ToolError, _give_up, _once, _run, _say, cache

REPOSITORY = "cluster.test/helmmail"
_LIBRARY, _PROGRAM = "/opt/helmmail/lib", "/opt/helmmail/bin/helmmail"
_STARTED = """#!{python}
import sys
sys.path.insert(0, "{library}")
from helmmail.cli import main
sys.exit(main())
"""


def load(cluster: Cluster) -> str:
    """Puts the image on the node and gives its tag in REPOSITORY back; skips the test where it cannot be made."""
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        work = Path(folder)
        with tarfile.open(images.made() / "python.tar") as base:
            base.extractall(work, filter="data")
        (described,) = json.loads((work / "manifest.json").read_text(encoding="utf-8"))
        try:
            layers = [*(work / each for each in described["Layers"]), _added(work)]
        except ToolError as error:
            _give_up(str(error))
        tag = hashlib.sha256(layers[-1].read_bytes()).hexdigest()[:12]  # another tree's tests have another
        images.write(work / "image.tar", f"{REPOSITORY}:{tag}", layers, **_configuration())
        client = ["ctr", "--address", str(cluster.own / "containerd.sock"), "--namespace", "k8s.io"]
        subprocess.run([*client, "images", "import", str(work / "image.tar")], check=True, capture_output=True)
        return tag


def _configuration() -> dict[str, Any]:
    """What the last stage of the Dockerfile says of the image."""
    (entry,), (user,), (variables,) = arguments("ENTRYPOINT"), arguments("USER"), arguments("ENV")
    return {
        "Entrypoint": json.loads(entry),
        "User": user,
        "WorkingDir": arguments("WORKDIR")[-1],
        "Env": [Template(each).substitute(PATH=images._PATH) for each in shlex.split(variables)],
    }


def _added(work: Path) -> Path:
    """A layer with helmmail, what it depends on, and its command."""
    dependencies, package = _dependencies(), _package(work)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{package}{os.pathsep}{dependencies}"}
    for command in ("providers", "dialects"):  # which stores the profiles in their quick form
        _run([images.python(), "-P", "-m", "helmmail", command], environment)
    program = work / "helmmail"
    program.write_text(_STARTED.format(python=Path(images.python()).resolve(), library=_LIBRARY), encoding="utf-8")
    program.chmod(0o755)
    with images.Layer(work / "added.tar") as layer:
        layer.copy(dependencies, _LIBRARY)
        layer.copy(package, _LIBRARY)
        layer.copy(program, _PROGRAM)
        for shared in sorted(images._shared(*dependencies.rglob("*.so"))):
            layer.copy(Path(shared), shared)
        layer.folder(arguments("WORKDIR")[-1])
    return work / "added.tar"


def _dependencies() -> Path:
    """A folder with what helmmail depends on, by its constraints; installed once a machine; raises ToolError."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    constraints, python = ROOT / "constraints.txt", images.python()
    version = subprocess.run([python, "-VV"], capture_output=True, text=True, check=True).stdout
    parts = [*wanted, constraints.read_text(encoding="utf-8"), python, version]
    home = cache() / f"helmmail-image-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"

    def install() -> None:
        _say(f"installing the dependencies of helmmail's image into {home} (once a machine; 10 s)")
        with tempfile.TemporaryDirectory(dir=cache(), prefix="installing-") as folder:
            new = Path(folder) / "new"
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--root-user-action=ignore"]
            _run([*pip, "--no-compile", "--target", str(new / "site"), "--constraint", str(constraints), *wanted])
            _compile(new / "site")
            (new / "done").touch()
            shutil.rmtree(home, ignore_errors=True)
            new.rename(home)

    return _once(home / "done", home.name, install).parent / "site"


def _package(work: Path) -> Path:
    """A folder with helmmail as it stands here, its data files where the wheel has them."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    package = work / "package"
    for source, target in {"helmmail": "helmmail", **build["targets"]["wheel"]["force-include"]}.items():
        shutil.copytree(ROOT / source, package / target, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(package)
    return package


def _compile(folder: Path) -> None:
    _run([images.python(), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)])
