"""The bed's own bridge: engines hang on it in namespaces of their own, and reach the outside through the host.

The host's own interfaces and chains stay as they are, but for accept and masquerade rules that name this bridge.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from pathlib import Path

from tests.bed import settings
from tests.bed.host import BedError, run, say

_BRIDGE_RULES = (
    ("filter", "INPUT", ("-i", settings.BRIDGE, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-i", settings.BRIDGE, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-o", settings.BRIDGE, "-j", "ACCEPT")),
    ("nat", "POSTROUTING", ("-s", settings.SUBNET, "!", "-o", settings.BRIDGE, "-j", "MASQUERADE")),
)
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARDING_WAS_OFF = settings.STATE / "forwarding-was-off"


def _exists() -> bool:
    return run("ip", "link", "show", settings.BRIDGE, check=False).returncode == 0


def mtu() -> int:
    """The MTU of the host's way out, in bytes; larger packets of the engines would be lost there."""
    routes = json.loads(run("ip", "-j", "-4", "route", "show", "default").stdout or "[]")
    if not routes:
        return 1500
    return int(json.loads(run("ip", "-j", "link", "show", routes[0]["dev"]).stdout)[0]["mtu"])


def up() -> None:
    """Make the bridge and its rules, whatever part of them is there already."""
    if not _exists():
        run("ip", "link", "add", settings.BRIDGE, "mtu", str(mtu()), "type", "bridge")
    run("ip", "address", "replace", f"{settings.GATEWAY}/24", "dev", settings.BRIDGE)
    run("ip", "link", "set", settings.BRIDGE, "up")
    if _FORWARDING.read_text().strip() == "0":
        say("switching the kernel's net.ipv4.ip_forward on until the bed goes down")
        _FORWARDING_WAS_OFF.touch()
        _FORWARDING.write_text("1")
    for table, chain, rule in _BRIDGE_RULES:
        if run("iptables", "-w", "-t", table, "-C", chain, *rule, check=False).returncode:
            run("iptables", "-w", "-t", table, "-I", chain, *rule)


def down() -> None:
    """Remove the bridge and its rules."""
    for table, chain, rule in _BRIDGE_RULES:
        while run("iptables", "-w", "-t", table, "-D", chain, *rule, check=False).returncode == 0:
            pass
    if _exists():
        run("ip", "link", "delete", settings.BRIDGE)
    if _FORWARDING_WAS_OFF.exists():
        _FORWARDING.write_text("0")
        _FORWARDING_WAS_OFF.unlink()


def attach(pid: int, address: str) -> None:
    """Give the network namespace of `pid` this address of the bed's network, and a way out."""
    outer = f"pyenv-bed-{address.rpartition('.')[2]}"
    run("ip", "link", "delete", outer, check=False)
    run("ip", "link", "add", outer, "mtu", str(mtu()), "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    run("ip", "link", "set", outer, "master", settings.BRIDGE, "up")
    inside = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "link", "set", "eth0", "mtu", str(mtu()), "up")
    run(*inside, "address", "add", f"{address}/24", "dev", "eth0")
    run(*inside, "route", "add", "default", "via", settings.GATEWAY)


def resolvers() -> str:
    """A resolv.conf for the engines: the host's, without servers that only the host itself can reach.

    Raises:
        BedError: the host has no other.
    """
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if not path.exists():
            continue
        lines = path.read_text().splitlines()
        servers = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
        usable = [server for server in servers if not ipaddress.ip_address(server.partition("%")[0]).is_loopback]
        if usable:
            rest = [line for line in lines if line.startswith(("search", "options"))]
            return "".join(f"{line}\n" for line in [*(f"nameserver {server}" for server in usable), *rest])
    raise BedError("every name server of this machine listens on its loopback interface, out of the engines' reach")


def reachable(address: str) -> bool:
    """Whether something answers HTTP at `host:port`."""
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
