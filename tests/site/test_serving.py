"""The server reads, and only what the site has; whatever is asked of it."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import pytest

from warehouse.errors import ProjectError
from warehouse.site.serving import SiteServer, address_of, open_server


def ask(server: SiteServer, target: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/tables/", "text/html; charset=utf-8"),
        ("/tables/orders.html?a=1", "text/html; charset=utf-8"),
        ("/assets/catalog.css", "text/css; charset=utf-8"),
        ("/assets/catalog.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/reports/validation/odd%20%23name.html", "text/html; charset=utf-8"),
    ],
)
def test_a_file_comes_with_its_type_and_strict_headers(server: SiteServer, target: str, kind: str) -> None:
    response = ask(server, target)

    assert response.status == 200
    assert response.headers["Content-Type"] == kind
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert ("sandbox" in response.headers["Content-Security-Policy"]) is target.startswith("/reports/")
    assert int(response.headers["Content-Length"]) == len(response.body)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "target",
    [
        *("/nothing", "/tables", "/assets/", "/reports/", "//etc/passwd", "/./index.html", "/../index.html"),
        *("/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd"),
        *("/%252e%252e/%252e%252e/etc/passwd", "/tables/..%5c..%5cindex.html", "/index.html%00", "/index.html%00.css"),
        *("/index.html/", "/index.html/.", "/%ff%fe", "/.hidden.html", "/link.html", "/linked/index.html"),
        *("/" + "a" * 3000, "/tables/orders.html/../../../../../etc/passwd"),
    ],
)
def test_whatever_is_no_file_of_the_site_is_not_found(server: SiteServer, target: str) -> None:
    root = server.files.root.resolve()
    (root / ".hidden.html").write_text("hidden")
    for name, place in (("link.html", "/etc/passwd"), ("linked", "/etc")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(place)

    response = ask(server, target)

    assert response.status == 404
    assert b"root:" not in response.body  # type: ignore[attr-defined]
    assert b"There is no such page" in response.body  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "index"]
)
def test_nothing_but_reading_is_allowed(server: SiteServer, method: str) -> None:
    response = ask(server, "/", method)

    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_head_has_no_body(server: SiteServer) -> None:
    response = ask(server, "/", "HEAD")

    assert response.status == 200
    assert int(response.headers["Content-Length"]) > 1000
    assert response.body == b""  # type: ignore[attr-defined]


def test_what_a_browser_has_is_not_sent_again(server: SiteServer) -> None:
    tag = ask(server, "/").headers["ETag"]

    assert ask(server, "/", If_None_Match=f'"x", W/{tag}').status == 304
    assert ask(server, "/", If_None_Match='"x"').status == 200


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 421), ("127.0.0.1:1", 421), ("localhost", 421), ("", 421)]
)
def test_other_names_of_this_machine_are_refused(server: SiteServer, host: str, status: int) -> None:
    assert ask(server, "/", Host=host).status == status
    assert ask(server, "/", Host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize(
    "text", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G" * 70_000]
)
def test_what_is_no_http_gets_an_answer_that_repeats_nothing(server: SiteServer, text: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=60) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 ")
    assert int(answer.split(b" ")[1]) >= 400
    assert b"nosniff" in answer
    assert text.strip()[:20] not in answer


def test_a_site_that_is_built_again_is_served_from_then_on(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    link = tmp_path / "site"
    link.symlink_to("one")
    with open_server(link, port=0) as server:
        assert server.files.find("index.html") == tmp_path / "one" / "index.html"
        link.unlink()
        link.symlink_to("two")
        assert server.files.find("index.html") == tmp_path / "two" / "index.html"


def test_a_port_that_is_taken_and_a_site_that_is_not_there_are_told_clearly(server: SiteServer, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"another program listens there\n  take another port"):
        open_server(server.files.root, port=server.port)
    with pytest.raises(ProjectError, match=r"there is no site in .*\n  make it with: warehouse docs build"):
        open_server(tmp_path)
    with pytest.raises(ProjectError, match=r"cannot listen at 192\.0\.2\.1"):
        open_server(server.files.root, host="192.0.2.1", port=0)


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("/", "index.html"),
        ("/a/b.html?x=/../..#y", "a/b.html"),
        ("/a%20b.html", "a b.html"),
        ("/a//b", None),
        ("a", None),
        ("", None),
        ("*", None),
        ("/a\x1bb", None),
        ("/\u202ea", None),
    ],
)
def test_addresses_are_decoded_once(target: str, address: str | None) -> None:
    assert address_of(target) == address
