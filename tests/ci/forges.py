"""Servers on loopback that keep comments as GitHub and GitLab do: pages, tokens, refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.threaded import answering

TOKEN = "a-token-for-tests"


class Forge:
    """The comments of one pull or merge request. `may_write` is false for the token of a fork."""

    limit: ClassVar[int]

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.may_write = True
        self.calls: list[tuple[str, str]] = []
        self.url = ""

    def add(self, body: str) -> dict[str, Any]:
        comment = {"id": 1000 + len(self.comments), "body": body}
        self.comments.append(comment)
        return comment

    def authorised(self, headers: dict[str, str]) -> bool:
        raise NotImplementedError

    def route(self, method: str, path: str) -> int | None:
        """The id of the comment that a path names, 0 for the list of them, None for what there is not."""
        raise NotImplementedError

    def more(self, page: int) -> dict[str, str]:
        """The headers that lead to the next page."""
        raise NotImplementedError

    def answer(
        self, method: str, target: str, headers: dict[str, str], data: Any
    ) -> tuple[int, object, dict[str, str]]:
        url = urlsplit(target)
        self.calls.append((method, url.path))
        which = self.route(method, url.path)
        if not self.authorised(headers):
            return 401, {"message": "Bad credentials"}, {}
        if which is None:
            return 404, {"message": "Not Found"}, {}
        if method == "GET":
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
            size, page = query.get("per_page", 30), query.get("page", 1)
            rest = len(self.comments) > size * page
            return 200, self.comments[size * (page - 1) : size * page], self.more(page + 1) if rest else self.more(0)
        if not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}, {}
        if len(data["body"]) > self.limit:
            return 422, {"message": f"Body is too long (maximum is {self.limit} characters)"}, {}
        if which == 0:
            return 201, self.add(data["body"]), {}
        for comment in self.comments:
            if comment["id"] == which:
                comment["body"] = data["body"]
                return 200, comment, {}
        return 404, {"message": "Not Found"}, {}


class GitHub(Forge):
    limit = 65_536

    def authorised(self, headers: dict[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {TOKEN}"

    def route(self, method: str, path: str) -> int | None:
        if method in ("GET", "POST") and path == "/repos/example/courrier/issues/7/comments":
            return 0
        found = re.fullmatch(r"/repos/example/courrier/issues/comments/(\d+)", path)
        return int(found[1]) if found and method == "PATCH" else None

    def more(self, page: int) -> dict[str, str]:
        return {"Link": f'<{self.url}/x?page={page}>; rel="next", <{self.url}/x?page=99>; rel="last"'} if page else {}


class GitLab(Forge):
    limit = 1_000_000

    def authorised(self, headers: dict[str, str]) -> bool:
        return headers.get("private-token") == TOKEN

    def route(self, method: str, path: str) -> int | None:
        found = re.fullmatch(r"/projects/12/merge_requests/3/notes(?:/(\d+))?", path)
        if found is None or (method == "PUT") != bool(found[1]):
            return None
        return int(found[1] or 0)

    def more(self, page: int) -> dict[str, str]:
        return {"X-Next-Page": str(page or "")}


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """The forge at `forge.url`, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body, more = forge.answer(self.command, self.path, headers, data)
            encoded = json.dumps(body).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in http.server)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        forge.url = f"http://127.0.0.1:{server.server_port}"
        with answering(server):
            yield forge
