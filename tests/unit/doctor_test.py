"""What `pbxcrm doctor` says of this machine: the port, the pages' files, the folder of recordings."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pbxcrm import doctor
from pbxcrm.http import i18n
from pbxcrm.http.static import web_root
from pbxcrm.settings import Settings


@contextmanager
def answering(server: str) -> Iterator[int]:
    """A web server that says it is this program; gives its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Server", server)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield httpd.server_port
        httpd.shutdown()
        thread.join()


def test_a_port_that_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = doctor._port(Settings(http_port=port))
    assert (found.ok, found.what) == (True, f"127.0.0.1:{port} is free: nobody serves there yet")


def test_a_port_that_pbxcrm_has() -> None:
    with answering("pbxcrm") as port:
        assert doctor._port(Settings(http_port=port)).what == f"pbxcrm serves on 127.0.0.1:{port}"


def test_a_port_that_another_has() -> None:
    with answering("nginx") as port:
        found = doctor._port(Settings(http_port=port))
    assert not found.ok
    assert "Address already in use" in found.what
    assert "PBXCRM_HTTP_PORT" in found.advice
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert not doctor._port(Settings(http_port=silent.getsockname()[1])).ok


def test_an_address_that_is_not_ours() -> None:
    found = doctor._port(Settings(http_host="192.0.2.1", http_port=8080))
    assert not found.ok
    assert "PBXCRM_HTTP_HOST" in found.advice


def test_the_pages_are_all_there() -> None:
    assert doctor._web().ok


@pytest.mark.parametrize("lost", ["static/js/app.js", "templates/base.html", "locale/fa/LC_MESSAGES/messages.po"])
def test_a_file_of_the_pages_is_lost(lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(web_root(), tmp_path / "web")
    (tmp_path / "web" / lost).unlink()
    monkeypatch.setattr(doctor, "web_root", lambda: tmp_path / "web")
    monkeypatch.setattr(i18n, "web_root", lambda: tmp_path / "web")
    i18n.catalogue.cache_clear()
    try:
        found = doctor._web()
    finally:
        i18n.catalogue.cache_clear()
    assert not found.ok
    assert lost.partition("/LC_")[0] in found.what
    assert "Install" in found.advice


def test_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._recordings(Settings()) == []
    settings = Settings(recordings=str(tmp_path))
    (found,) = doctor._recordings(settings)
    assert (found.ok, found.advice) == (True, "")
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)  # root may write everywhere
    (found,) = doctor._recordings(settings)
    assert found.ok
    assert "erased" in found.advice
    (found,) = doctor._recordings(Settings(recordings=str(tmp_path), keep_recordings_days=30))
    assert not found.ok
    assert "write there" in found.advice
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    (found,) = doctor._recordings(settings)
    assert not found.ok
    assert "group" in found.advice
    (found,) = doctor._recordings(Settings(recordings=str(tmp_path / "gone")))
    assert not found.ok
