"""web/static under one URL a version: /static/<hash of them all>/app.js never changes, so browsers may keep it.

One hash for the whole folder: what a file imports by a relative path is found in the same version. Files are read at
the start and served from memory; only names found then can be asked for.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

import pbxcrm

_PACKED = {".js", ".css", ".svg", ".json", ".txt", ".html", ".map", ".webmanifest"}
_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".webmanifest": "application/manifest+json"}


def web_root() -> Path:
    """The folder of templates and static files: inside the wheel, or beside the package in a checkout."""
    package = Path(pbxcrm.__file__).parent
    inside = package / "web"
    return inside if inside.is_dir() else package.parent / "web"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes | None
    type: str


class Static:
    """The static files of one start."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        total = hashlib.blake2b(digest_size=8)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder).as_posix()
            body = path.read_bytes()
            total.update(name.encode() + b"\0" + body)
            packed = gzip.compress(body, mtime=0) if path.suffix in _PACKED else None
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
            self._files[name] = _File(body, packed, kind)
        self.version = total.hexdigest()

    def url(self, name: str) -> str:
        """The URL of a file; raises KeyError for one that is not there: a template's typo shall not reach a browser."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """GET /static/{version}/{name}."""
        found = self._files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != self.version:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        body = found.body
        if found.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = found.packed
            headers["Content-Encoding"] = "gzip"
        charset = "utf-8" if found.type.startswith("text/") else None
        return web.Response(body=body, headers=headers, content_type=found.type, charset=charset)
