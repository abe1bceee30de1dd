"""Questions to the DNS: a verdict for each within its time, whatever the servers do.

The checks are pure: they take a `Lookup`, any callable that answers a name and a type. `Resolver` is the one that
asks real servers.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from helmmail.errors import InputError

if TYPE_CHECKING:
    import dns.message
    import dns.rdatatype

T = TypeVar("T")

LONGEST_CHAIN = 12
"""CNAMEs that are followed from one name; resolvers give up between 8 and 16."""
PAYLOAD = 1232
"""Octets that a UDP answer may have: what passes every path unfragmented (DNS flag day 2020)."""
SHOWN = 300
"""Characters of a record that evidence repeats: a TXT set may have 65,535 octets."""
_WORKERS = 24


class Status(Enum):
    """What came back for a question."""

    FOUND = "found"
    NODATA = "the name exists without such a record"
    NXDOMAIN = "the name does not exist"
    SERVFAIL = "the server failed (SERVFAIL)"
    REFUSED = "the server refuses to answer"
    TIMEOUT = "no answer in time"
    LOOP = "CNAME records that lead nowhere"
    MALFORMED = "an answer that cannot be read"
    BAD_NAME = "not a name that DNS can hold"


_ABSENT = (Status.NODATA, Status.NXDOMAIN)


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    `records` are texts: an address; `10 mail.example.fr` for MX; for TXT its strings joined, which `strings` holds one
    by one. Names end without a dot; the root is `.`. `chain` is the CNAMEs that were followed, `server` who answered.
    """

    name: str
    type: str
    status: Status
    records: tuple[str, ...] = ()
    strings: tuple[tuple[str, ...], ...] = ()
    chain: tuple[str, ...] = ()
    server: str = ""
    detail: str = ""

    @property
    def found(self) -> bool:
        """Whether there are records."""
        return self.status is Status.FOUND

    @property
    def absent(self) -> bool:
        """Whether it is certain that there are none."""
        return self.status in _ABSENT

    @property
    def failed(self) -> bool:
        """Whether it could not be found out."""
        return not self.found and not self.absent

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was seen, one line a record, with who answered."""
        way = "".join(f" -> {target}" for target in self.chain)
        by = f" (answered by {self.server})" if self.server else ""
        if self.found:
            return tuple(f"{self.name}{way} {self.type}: {shown(record)}{by}" for record in self.records[:10])
        why = f": {self.detail}" if self.detail else ""
        return (f"{self.name}{way} {self.type}: {self.status.value}{why}{by}",)


Lookup = Callable[[str, str], Answer]
"""Answers (name, type). Never raises; never waits without end; may be called from several threads."""


def shown(text: str, longest: int = SHOWN) -> str:
    """A record as evidence: control characters escaped, cut where it is longer than `longest` characters."""
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:longest])
    return safe if len(text) <= longest else f"{safe}... ({len(text)} characters)"


def plain(name: str) -> str:
    """A name in lower case without the root's dot; the root itself stays `.`."""
    return name.lower().rstrip(".") or "."


def side_by_side(jobs: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """The result of every job, all run at once in threads; in the order of `jobs`. The first error is raised."""
    if not jobs:
        return {}
    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(jobs)), thread_name_prefix="helmmail-dns") as pool:
        running = {key: pool.submit(job) for key, job in jobs.items()}
        return {key: future.result() for key, future in running.items()}


def warm(lookup: Lookup, questions: Iterable[tuple[str, str]]) -> None:
    """Asks several questions at once, so that a lookup with a cache has the answers for what comes next."""
    side_by_side({f"{name} {kind}": lambda name=name, kind=kind: lookup(name, kind) for name, kind in questions})  # type: ignore[misc]


@dataclass
class Resolver:
    """A `Lookup` over real servers, with a cache: one for each diagnosis.

    `servers` are addresses, with a port where it is not 53 (`9.9.9.9`, `127.0.0.1:5353`, `[::1]:53`); none means
    those of the system.
    `timeout` is for one try and `limit` for all questions together, in seconds, from the first one on: after it every
    question is answered by TIMEOUT at once. UDP with EDNS first, TCP where the answer is truncated (RFC 7766).
    Raises InputError for a server that is no address, and where the system has none.
    """

    servers: Sequence[str] = ()
    timeout: float = 0.8
    limit: float = 3.0
    _cache: dict[tuple[str, str], Future[Answer]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _end: float | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._where = [parse_server(each) for each in self.servers] if self.servers else system_servers()

    def __call__(self, name: str, kind: str) -> Answer:
        """The answer to a question, from the cache if it was asked before."""
        key = (plain(name), kind)
        with self._lock:
            if self._end is None:
                self._end = time.monotonic() + self.limit
            known = self._cache.get(key)
            if known is None:
                future = self._cache[key] = Future()
        if known is not None:
            return known.result()
        try:
            answer = self._resolve(*key)
        except BaseException as error:
            future.set_exception(error)
            raise
        future.set_result(answer)
        return answer

    def _left(self) -> float:
        return (self._end or 0) - time.monotonic()

    def _resolve(self, name: str, kind: str) -> Answer:
        chain: list[str] = []
        while True:
            target = chain[-1] if chain else name
            answer = self._ask(target, kind)
            seen = [*chain, *answer.chain]
            answer = replace(answer, name=name, chain=tuple(seen))
            if len({plain(name), *seen}) <= len(seen) or len(seen) > LONGEST_CHAIN:
                return replace(answer, status=Status.LOOP, records=(), strings=(), detail=f"after {len(seen)} names")
            # A server that leaves the end of a chain to its client has to be asked for it.
            if answer.status is not Status.NODATA or len(seen) == len(chain):
                return answer
            chain = seen

    def _ask(self, name: str, kind: str) -> Answer:
        """One question to each server in turn, twice round; the first certain answer, else the last failure."""
        import dns.exception
        import dns.message
        import dns.name

        try:
            question = dns.message.make_query(
                dns.name.from_text(name.replace("\\", "\\\\")), kind, use_edns=0, payload=PAYLOAD
            )
        except (dns.exception.DNSException, UnicodeError) as error:
            return Answer(name, kind, Status.BAD_NAME, detail=str(error) or type(error).__name__)
        failure = Answer(name, kind, Status.TIMEOUT, detail=f"the time limit of {self.limit:g} s is used up")
        for where in self._where * 2:
            if self._left() <= 0:
                break
            answer = self._exchange(question, name, kind, where)
            if not answer.failed:
                return answer
            failure = answer
        return failure

    def _exchange(self, question: dns.message.Message, name: str, kind: str, where: tuple[str, int]) -> Answer:
        import dns.exception
        import dns.message
        import dns.query
        import dns.rcode

        server = f"{where[0]}:{where[1]}" if ":" not in where[0] else f"[{where[0]}]:{where[1]}"
        failed = Answer(name, kind, Status.MALFORMED, server=server)
        seconds = min(self.timeout, max(self._left(), 0.001))
        try:
            try:
                reply = dns.query.udp(
                    question, where[0], seconds, where[1], ignore_unexpected=True, raise_on_truncation=True
                )
            except dns.message.Truncated:
                reply = dns.query.tcp(question, where[0], min(self.timeout, max(self._left(), 0.001)), where[1])
            if reply.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS) and question.edns >= 0:
                without = dns.message.make_query(question.question[0].name, kind, use_edns=False)
                return self._exchange(without, name, kind, where)
            return _read(reply, name, kind, server)
        except dns.exception.Timeout:
            return replace(failed, status=Status.TIMEOUT, detail=f"{seconds:.1f} s waited")
        except (dns.exception.DNSException, ValueError) as error:  # what the server sent is no answer
            return replace(failed, detail=str(error) or type(error).__name__)
        except (OSError, EOFError) as error:
            return replace(failed, status=Status.TIMEOUT, detail=str(error) or type(error).__name__)


def _read(reply: dns.message.Message, name: str, kind: str, server: str) -> Answer:
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype

    rcode = reply.rcode()
    answer = Answer(name, kind, Status.NODATA, server=server)
    if rcode == dns.rcode.REFUSED:
        return replace(answer, status=Status.REFUSED)
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        code = dns.rcode.to_text(rcode)
        return replace(answer, status=Status.SERVFAIL, detail="" if code == "SERVFAIL" else code)
    here = reply.question[0].name if reply.question else dns.name.from_text(name)
    wanted = dns.rdatatype.from_text(kind)
    chain: list[str] = []
    while True:
        found = reply.get_rrset(reply.answer, here, dns.rdataclass.IN, wanted)
        if found is not None:
            rows = [_texts(record, kind) for record in found]
            return replace(
                answer,
                status=Status.FOUND,
                records=tuple("".join(row) for row in rows),
                strings=tuple(rows) if kind == "TXT" else (),
                chain=tuple(chain),
            )
        alias = reply.get_rrset(reply.answer, here, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None or len(chain) > LONGEST_CHAIN or len(set(chain)) < len(chain):
            status = Status.NXDOMAIN if rcode == dns.rcode.NXDOMAIN else Status.NODATA
            return replace(answer, status=status, chain=tuple(chain))
        here = alias[0].target
        chain.append(plain(here.to_text()))


def _texts(record: object, kind: str) -> tuple[str, ...]:
    if kind == "TXT":
        return tuple(_decode(string) for string in record.strings)  # type: ignore[attr-defined]
    if kind == "MX":
        return (f"{record.preference} {plain(record.exchange.to_text())}",)  # type: ignore[attr-defined]
    text = str(record)
    return (plain(text),) if kind in ("CNAME", "PTR", "NS") else (text,)


def _decode(string: bytes) -> str:
    try:
        return string.decode("utf-8")
    except UnicodeDecodeError:
        return string.decode("latin-1")


def parse_server(text: str) -> tuple[str, int]:
    """The address and port of a DNS server as the user writes it; raises InputError."""
    address, port = text, "53"
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest.startswith(":") else port if bracket and not rest else ""
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        number = int(port)
        if not 0 < number < 65536:
            raise ValueError
        return str(ipaddress.ip_address(address)), number
    except ValueError:
        raise InputError(
            f"--resolver {text}: not the address of a server; write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"
        ) from None


def system_servers() -> list[tuple[str, int]]:
    """The DNS servers that the system is set up with; raises InputError where it has none."""
    import dns.exception
    import dns.resolver

    try:
        system = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        system = None
    found = [(str(each), system.port) for each in system.nameservers] if system else []
    if not found:
        raise InputError("the system has no DNS server (/etc/resolv.conf); give one with --resolver ADDRESS")
    return found


def reverse_name(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The labels of an address for reverse zones and blocklists, without the zone (RFC 5782, sections 2.1 and 2.4)."""
    return address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
