"""Requests to the API server: one connection pool, one TLS context, bounded retries and timeouts, errors in plain
words.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

from helmmail import __version__
from helmmail.cluster.credentials import Credentials, data_or_file
from helmmail.cluster.errors import Unreachable
from helmmail.cluster.kubeconfig import Access, is_url
from helmmail.errors import InputError
from helmmail.redact import mask_url

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
USER_AGENT = f"helmmail/{__version__}"
_TRIES = 4
_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
"""Before the second try, and the most that a server's Retry-After is waited for; each further pause is twice as
long.
"""
_AGAIN = frozenset({429, 502, 503, 504})
_UNAUTHORISED = 401
_POOL = 16


class Answer(NamedTuple):
    """What came back: the status code, and the body as JSON (None where it is none)."""

    code: int
    body: Any

    @property
    def message(self) -> str:
        """The message of a Status object, "" without one."""
        return str(self.body.get("message") or "") if isinstance(self.body, dict) else ""


class Response(Protocol):
    """What is needed of urllib3's response."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def data(self) -> bytes:
        """The rest of the body."""

    def close(self) -> None:
        """Closes the connection."""

    def release_conn(self) -> None:
        """Gives the connection back for the next request."""


class Refusal(NamedTuple):
    """A response that is no success, read to its end."""

    status: int
    data: bytes
    headers: Mapping[str, str]

    def close(self) -> None:
        """Is closed."""

    def release_conn(self) -> None:
        """Is given back."""


class Transport:
    """The way to one API server, for several threads. `requests` counts what was sent, retries too."""

    def __init__(self, access: Access) -> None:
        self.url = access.server
        self.server = mask_url(access.server)
        self.requests = 0
        self.credentials = Credentials(access)
        self._access = access
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._client: Any = None

    def get(self, path: str, query: Mapping[str, str | int] | None = None, accept: str = "application/json") -> Answer:
        """The answer to a GET, whatever its code but 401. Raises Unreachable after a few tries, InputError."""
        response, body = self._whole(path, query, accept)
        try:
            return Answer(response.status, json.loads(body))
        except ValueError:
            return Answer(response.status, None)

    def _whole(self, path: str, query: Mapping[str, str | int] | None, accept: str) -> tuple[Any, bytes]:
        """A response and its whole body."""
        from urllib3.exceptions import HTTPError

        response = self.open(path, query, accept)
        try:
            return response, response.data
        except (HTTPError, OSError) as error:
            raise self.unreachable(error) from None
        finally:
            response.release_conn()

    def text(self, path: str, query: Mapping[str, str | int]) -> tuple[bytes, Answer]:
        """As `get`, for what is no JSON: the body, and the answer with the Status object of a refusal."""
        response, body = self._whole(path, query, "*/*")
        if response.status == 200:
            return body, Answer(200, None)
        try:
            return b"", Answer(response.status, json.loads(body))
        except ValueError:
            return b"", Answer(response.status, None)

    def open(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        """The response to a GET with its body yet to be read, within `timeout` seconds a read (30). Raises as `get`
        does.
        """
        pause = _PAUSE
        renewed = False
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            try:
                response = self._send(path, query, accept, timeout)
            except Unreachable as error:
                if last or isinstance(error, _Final):
                    raise
                time.sleep(pause)
            else:
                if response.status == _UNAUTHORISED:
                    response.close()
                    if renewed or not self.renew():
                        break
                    renewed = True
                elif response.status not in _AGAIN or last:
                    return response
                else:
                    asked = response.headers.get("Retry-After", "")
                    response.close()
                    time.sleep(min(float(asked), _LONGEST_PAUSE) if asked.isdigit() else pause)
            pause *= 2
        raise Unreachable(f"{self.server} does not accept the credentials (401)")

    def renew(self) -> bool:
        """Has the credentials renewed after a 401; False where that is not possible."""
        if not self.credentials.renew():
            return False
        with self._lock:
            self._client = self._context = None  # a plugin may have given a client certificate
        return True

    def context(self) -> ssl.SSLContext:
        """The TLS context: the cluster's own authority or the system's, and the user's certificate."""
        pair = self.credentials.certificate()
        with self._lock:
            if self._context is None:
                self._context = self._new_context()
                if pair is not None:
                    _add_pair(self._context, pair.certificate, pair.key, self._access)
            return self._context

    @property
    def tls_name(self) -> str | None:
        """The name that the server's certificate has to have, None for the name in its URL."""
        return self._access.cluster.text("tls-server-name") or None

    def proxy(self) -> str | None:
        """The proxy's URL: the kubeconfig's, else the one that the environment has for this server."""
        from urllib.request import getproxies, proxy_bypass

        from urllib3.util import parse_url

        if named := self._access.cluster.text("proxy-url"):
            if not is_url(named, ("http", "https")):
                raise InputError(f"{self._access.cluster.file}: proxy-url has to begin with http:// or https://")
            return named
        url = parse_url(self._access.server)
        found = getproxies().get(url.scheme or "https")
        return found if found and not proxy_bypass(url.host or "") else None

    def count(self) -> None:
        """Counts a request."""
        with self._lock:
            self.requests += 1

    def unreachable(self, error: BaseException) -> Unreachable:
        """The error of a connection in one line, without what was sent."""
        reason, final = _reason(error)
        return (_Final if final else Unreachable)(f"{self.server}: {reason}")

    def close(self) -> None:
        """Closes the connections that are not in use."""
        with self._lock:
            if self._client is not None:
                self._client.rest_client.pool_manager.clear()

    def _send(self, path: str, query: Mapping[str, str | int] | None, accept: str, timeout: float | None) -> Response:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": accept, **self.credentials.headers()}
        client = self._connected()
        self.count()
        try:
            answer = client.call_api(
                path,
                "GET",
                query_params=list((query or {}).items()),
                header_params=headers,
                _preload_content=False,  # which would also write every body, Secrets too, into the log of debugging
                _return_http_data_only=True,
                _request_timeout=(CONNECT_SECONDS, timeout or READ_SECONDS),
            )
        except ApiException as error:
            if not error.status:  # the client's way to tell of an error of TLS
                raise self.unreachable(error.__context__ or error) from None
            return Refusal(error.status, error.body or b"", error.headers or {})
        except (HTTPError, OSError) as error:
            raise self.unreachable(error) from None
        return cast("Response", answer)

    def _connected(self) -> Any:
        secure = self._access.server.startswith("https:")
        context = self.context() if secure else None
        with self._lock:
            if self._client is None:
                self._client = self._new_client(context)
            return self._client

    def _new_client(self, context: ssl.SSLContext | None) -> Any:
        import urllib3
        from kubernetes.client import ApiClient, Configuration

        settings = Configuration()
        settings.host = self._access.server
        settings.verify_ssl = context is None or context.verify_mode == ssl.CERT_REQUIRED
        settings.retries = False  # `open` does it
        settings.connection_pool_maxsize = _POOL
        settings.tls_server_name = self.tls_name
        settings.proxy = self.proxy()
        settings.no_proxy = None
        if not settings.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig asks for it
        client = ApiClient(settings)
        client.user_agent = USER_AGENT
        if context is not None:
            client.rest_client.pool_manager.connection_pool_kw.update(ssl_context=context, ca_certs=None)
        return client

    def _new_context(self) -> ssl.SSLContext:
        cluster = self._access.cluster
        authority = data_or_file(cluster, "certificate-authority")
        try:
            text = authority.decode("ascii") or None
            context = ssl.create_default_context(cadata=text)
        except (ssl.SSLError, ValueError):
            raise InputError(f"{cluster.file}: certificate-authority is no certificate in PEM; mend it") from None
        if hasattr(ssl, "VERIFY_X509_STRICT"):  # the default from Python 3.13 on; many clusters' authorities are older
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if cluster.content.get("insecure-skip-tls-verify") is True:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _add_pair(context: ssl.SSLContext, certificate: bytes, key: bytes, access: Access) -> None:
    with tempfile.NamedTemporaryFile(prefix="helmmail-") as file:  # only from a file, readable for its owner alone
        file.write(certificate + b"\n" + key)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: "")  # never a question at the terminal
        except (ssl.SSLError, ValueError):
            raise InputError(
                f"{access.user.file}: the client certificate and its key do not fit together; mend them"
            ) from None


class _Final(Unreachable):
    """Trying again will not help."""


def _reason(error: BaseException) -> tuple[str, bool]:
    """Why a connection failed, from the innermost cause that says it, and whether it always will."""
    seen: BaseException | None = error
    words = ""
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted: {seen.verify_message}", True
        if isinstance(seen, TimeoutError) or "timed out" in str(seen):
            return "no answer in time", False
        if isinstance(seen, OSError) and seen.strerror:
            words = seen.strerror
        inner = seen.args[-1] if seen.args else None
        reason = getattr(seen, "reason", None)
        seen = next(
            (each for each in (reason, inner, seen.__cause__, seen.__context__) if isinstance(each, BaseException)),
            None,
        )
    if words:
        return words[0].lower() + words[1:], False
    return mask_url(" ".join(str(error).split()))[:200] or type(error).__name__, False
