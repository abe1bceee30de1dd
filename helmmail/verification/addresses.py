"""The addresses of mail servers, asked for only where what a NetworkPolicy allows depends on them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping

SECONDS = 5.0
"""How long a name is waited for."""

Addresses = tuple[str, ...] | str
"""The IP addresses of a name, or why they are not known."""


def resolve(hosts: Iterable[str], seconds: float = SECONDS) -> Mapping[str, Addresses]:
    """The addresses that names have for the system's resolver here, which need not be those that a pod gets.

    All are asked for at once: getaddrinfo knows no time limit, so each waits in a thread that may be left behind.
    """
    found: dict[str, Addresses] = dict.fromkeys(hosts, f"the name server does not answer within {seconds:.0f} s")
    threads = [threading.Thread(target=_look_up, args=(host, found), daemon=True) for host in found]
    for each in threads:
        each.start()
    for each in threads:
        each.join(seconds)
    return dict(found)


def _look_up(host: str, found: dict[str, Addresses]) -> None:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        found[host] = str(error.strerror or error).lower()
    except UnicodeError:
        found[host] = "no host name"
    else:
        # without the scope of a link-local one (RFC 4007, section 11)
        found[host] = tuple(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))
