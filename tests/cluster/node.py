"""The first process of the node's own namespaces: the control plane, containerd, kubelet, kube-proxy and DNS.

`python -m tests.cluster.node STATE PROGRAMS IMAGES`, by the keeper. When it ends, the kernel ends all below it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster import control
from tests.cluster.control import NotReadyError, Place, start, wait_until
from tests.cluster.names import HOST, IMAGES, MAIL_NAMES, MAIL_SERVICE, NODE, NODE_NAME, PODS, SYSTEM_PATH

PORTS = {"api": 6443, "etcd": 2379, "peers": 2380, "controllers": 10257, "scheduler": 10259}
_HIDDEN = ("/run", "/var/log")
_OVERLAID = "/var/lib"
_TUNED = (
    *("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
"""What kubelet writes and the whole machine would feel; it writes to copies instead."""
_CONTAINERD = """
version = 2
root = "/run/node/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{state}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true  # else runc fails where root lacks CAP_SYS_RESOURCE
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/cni"
"""
_DNS = """
cluster.local:53 in-addr.arpa:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig} test
    ttl 2
  }}
}}
{names} {{
  bind {address}
  errors
  hosts {{
    {mail} {names}
  }}
}}
.:53 {{
  bind {address}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""
"""One block for each, as `template` would answer before `kubernetes` and `hosts` do. Nothing looks outside."""


def main(state: Path, programs: Path, images: Path) -> None:
    """Brings the node up, then waits for orphans for as long as it lives."""
    place = Place(state, programs, NODE, PORTS)
    os.environ["PATH"] = SYSTEM_PATH
    _own_mounts(state)
    _own_network()
    _write_configuration(place)
    start(state, "containerd", "containerd", "--config", state / "containerd.toml")
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(_load, state, images)
        control.run(place)
        loading.result()
    identity = f"--kubeconfig={place.kubeconfig('component')}"
    start(state, "coredns", programs / "coredns", "-conf", state / "Corefile")
    start(
        state,
        "kubelet",
        programs / "kubelet",
        identity,
        f"--config={state}/kubelet.json",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE}",
        f"--root-dir={state}/kubelet",
        f"--cert-dir={state}/kubelet/pki",
    )
    start(
        state,
        "kube-proxy",
        programs / "kube-proxy",
        identity,
        "--proxy-mode=nftables",
        f"--hostname-override={NODE_NAME}",
        f"--cluster-cidr={PODS}",
        *(f"--conntrack-{each}=0" for each in ("max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait")),
    )
    while True:
        os.wait()


def _own_mounts(state: Path) -> None:
    for hidden in (*_HIDDEN, _OVERLAID):
        if state.is_relative_to(hidden):
            raise SystemExit(f"{state} lies in {hidden}, which the node hides: set XDG_CACHE_HOME to another place")
    _do("mount", "--make-rshared", "/")  # what kubelet mounts, containers see
    resolver = Path("/etc/resolv.conf").resolve()
    for hidden in _HIDDEN:
        _do("mount", "-t", "tmpfs", "tmpfs", hidden)
    for each in ("upper", "work", "tuned", "containerd"):  # in memory: thousands of files, gone at once at the end
        Path("/run/node", each).mkdir(parents=True)
    layers = f"lowerdir={_OVERLAID},upperdir=/run/node/upper,workdir=/run/node/work"
    _do("mount", "-t", "overlay", "-o", layers, "overlay", _OVERLAID)
    ours = state / "resolv.conf"
    ours.write_text(f"nameserver {NODE}\n", encoding="ascii")  # so that an unknown image fails at once
    if not resolver.exists():  # it lay in what is hidden now
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()
    _do("mount", "--bind", str(ours), str(resolver))
    for each in _TUNED:
        real, copy = Path("/proc/sys", each), Path("/run/node/tuned", each.replace("/", "-"))
        copy.write_text(real.read_text(encoding="ascii"), encoding="ascii")
        _do("mount", "--bind", str(copy), str(real))


def _own_network() -> None:
    _do("ip", "link", "set", "lo", "up")
    wait_until("the link to the host", lambda: Path("/proc/self/net/dev").read_text(encoding="ascii").count("eth0"), 20)
    _do("ip", "address", "add", f"{NODE}/30", "dev", "eth0")
    _do("ip", "link", "set", "eth0", "up")
    _do("ip", "route", "add", "default", "via", HOST)  # kube-proxy and kubelet want one; the host passes nothing on
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")


def _write_configuration(place: Place) -> None:
    state = place.state
    addresses = {"type": "host-local", "dataDir": "/run/node/addresses", "ranges": [[{"subnet": "10.244.0.0/24"}]]}
    # ptp, not bridge: what is routed needs no br_netfilter to find its way back from a Service
    plugin = {"type": "ptp", "ipam": {**addresses, "routes": [{"dst": "0.0.0.0/0"}]}}
    network = {"cniVersion": "0.4.0", "name": "test", "plugins": [plugin]}
    (state / "cni").mkdir()
    (state / "cni" / "test.conflist").write_text(json.dumps(network), encoding="utf-8")
    (state / "containerd.toml").write_text(_CONTAINERD.format(state=state, pause=IMAGES["pause"]), encoding="utf-8")
    names, kubeconfig = " ".join(MAIL_NAMES), place.kubeconfig("component")
    corefile = _DNS.format(address=NODE, kubeconfig=kubeconfig, names=names, mail=MAIL_SERVICE)
    (state / "Corefile").write_text(corefile, encoding="utf-8")
    (state / "kubelet.json").write_text(json.dumps(_kubelet(state)), encoding="utf-8")


def _kubelet(state: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": f"unix://{state}/containerd.sock",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": f"{state}/pki/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "clusterDomain": "cluster.local",
        "clusterDNS": [NODE],
        "resolvConf": f"{state}/resolv.conf",
        "volumePluginDir": "/run/node/plugins",
        "healthzBindAddress": "127.0.0.1",
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "4s",
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "serializeImagePulls": False,
        "oomScoreAdj": 0,  # a lower one is refused where root lacks CAP_SYS_RESOURCE
        "maxOpenFiles": 16384,
    }


def _load(state: Path, images: Path) -> None:
    client = ["ctr", "--address", f"{state}/containerd.sock", "--namespace", "k8s.io"]
    wait_until("containerd", lambda: subprocess.run([*client, "version"], capture_output=True, check=True))
    for image in sorted(images.glob("*.tar")):
        _do(*client, "images", "import", str(image))


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReadyError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
