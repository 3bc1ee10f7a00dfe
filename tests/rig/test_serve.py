"""The console over HTTP: look, record, stop, download, verify; slow clients and wrong ones."""

import http.client
import io
import json
import selectors
import socket
import sys
import time
import zipfile
from dataclasses import replace

import pytest
from tests.rig.rigs_to_serve import RECORD, ask, command, rig_sources, served, wait_until

from thermoscope.core.errors import ConfigError, MissingDependencyError, RigError, WriteError
from thermoscope.rig.serve import Console, ConsoleOptions
from thermoscope.rig.verify import verify_recording


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served") / "runs") as console:
        yield console


class Watcher:
    """One client of the live stream."""

    def __init__(self, console):
        self._connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=60)
        self._connection.request("GET", "/api/live")
        self.answer = self._connection.getresponse()

    def event(self):
        """Kind and content of the next one."""
        kind = self.answer.readline().decode().strip().removeprefix("event: ")
        data = self.answer.readline().decode().removeprefix("data: ")
        assert self.answer.readline() == b"\n"
        return kind, json.loads(data)

    def next(self, kind, camera=None):
        """The next event of a kind."""
        while True:
            got, data = self.event()
            if got == kind and camera in (None, data.get("camera")):
                return data

    def close(self):
        self.answer.close()
        self._connection.close()


@pytest.fixture
def watcher(console):
    watcher = Watcher(console)
    yield watcher
    watcher.close()


def test_the_page_and_nothing_else(console):
    status, headers, content = ask(console, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"page.js" in content
    assert "default-src 'self'" in headers["content-security-policy"]
    assert ask(console, "/page.css")[0] == 200
    for path in ("/page.py", "/docs", "/openapi.json", "/../serve.py", "/console/page.html"):
        assert ask(console, path)[0] == 404


def test_the_stream_shows_every_camera(console, watcher):
    assert watcher.answer.headers["content-type"].startswith("text/event-stream")
    thermal, rgb = watcher.next("camera", "thermal"), watcher.next("camera", "rgb")
    while not 27 < thermal["rate_hz"] < 33:  # a busy machine takes some seconds to show it
        thermal = watcher.next("camera", "thermal")
    while not -16 < rgb["skew_ms"] < -10:  # simulated: 22 against 35 ms to the host
        rgb = watcher.next("camera", "rgb")

    assert (thermal["thermal"], thermal["width_px"], rgb["thermal"]) == (True, 144, False)
    assert 10 < thermal["coldest"]["celsius"] < thermal["hottest"]["celsius"] < 45
    rig = watcher.next("rig")
    assert (rig["state"], rig["cameras"]) == ("watching", ["thermal", "rgb"])
    assert rig["free_bytes"] > 0
    assert rig["seconds_left"] > 0
    assert rig["watchers"] == 1


def test_nothing_is_encoded_when_nobody_looks(console):
    wait_until(lambda: console.live.state()["watchers"] == 0)
    watcher = Watcher(console)
    first = [watcher.event()[0] for _ in range(2)]
    watcher.close()
    assert first[0] == "rig"


def test_a_spot_has_a_temperature(console):
    status, _, content = ask(console, "/api/cameras/thermal/spot?x=0.5&y=0.5")
    assert status == 200
    assert 10 < json.loads(content)["celsius"] < 45
    for path in ("door/spot?x=0&y=0", "rgb/spot?x=0&y=0"):
        assert ask(console, f"/api/cameras/{path}")[0] == 404
    for path in ("thermal/spot?x=2&y=0", "thermal/spot?x=nan&y=0"):
        assert ask(console, f"/api/cameras/{path}")[0] == 422


def test_record_stop_download_verify(console, watcher, tmp_path):
    status, answer = command(console, "record", {"label": "bridge"})
    name = answer["recording"]
    assert status == 200
    assert name.endswith("_bridge")
    status, answer = command(console, "record")
    assert (status, answer["error"]) == (409, f"{name} is being recorded. Stop it first.")
    rig = watcher.next("rig")
    while not rig["status"] or rig["status"]["frames"].get("thermal", 0) <= 20:
        rig = watcher.next("rig")
    assert rig["state"] == "recording"
    status, _, content = ask(console, f"/api/recordings/{name}.zip")
    assert status == 409
    assert "Stop it, then download" in json.loads(content)["error"]
    assert watcher.next("camera", "thermal")["lost"] == ""  # previews go on
    assert command(console, "stop")[1] == {"recording": name}
    while rig["state"] != "watching":
        rig = watcher.next("rig")
    assert rig["ended"] == "asked"
    listed = json.loads(ask(console, "/api/recordings")[2])
    assert listed[0]["name"] == name
    assert listed[0]["whole"] is True
    status, headers, content = ask(console, f"/api/recordings/{name}.zip")
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert headers["content-disposition"] == f'attachment; filename="{name}.zip"'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    report = verify_recording(tmp_path / name)
    assert report.problems == ()
    assert report.frames["thermal"] > 20
    segment = ask(console, f"/api/recordings/{name}/000000.mcap")[2]
    assert segment == (tmp_path / name / "000000.mcap").read_bytes()


def test_the_shutter_closes_and_the_page_sees_it(console, watcher):
    assert command(console, "ffc") == (200, {"cameras": ["thermal"]})
    while watcher.next("camera", "thermal")["ffc"] not in ("running", "complete"):
        pass


@pytest.mark.parametrize(
    "path",
    [
        "/api/recordings/../secret.zip", "/api/recordings/..%2fsecret.zip",
        "/api/recordings/%2e%2e.zip", "/api/recordings/%2e%2e/secret.txt",
        "/api/recordings/..%5csecret/x", "/api/recordings//etc/passwd",
        "/api/recordings/%2fetc/passwd", "/api/recordings/x%00/y", "/api/recordings/nowhere.zip",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(console, path):
    (console.folder.parent / "secret.txt").write_text("treasure")
    status, _, content = ask(console, path)
    assert status == 404
    assert b"treasure" not in content


def test_wrong_commands(console):
    status, answer = command(console, "record", {"label": "../up"})
    assert status == 422
    assert "40 letters, digits" in answer["error"]
    assert ask(console, "/api/record", body={})[0] == 403  # without the page's header
    assert ask(console, "/api/record")[0] == 405
    assert ask(console, "/api/state", headers={"Host": "evil.example"})[0] == 421


def test_fifty_clients_cost_no_frame(console):
    clients = [socket.create_connection(("127.0.0.1", console.port)) for _ in range(50)]
    got = dict.fromkeys(clients, 0)
    with selectors.DefaultSelector() as ready:
        for client in clients:
            client.sendall(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            ready.register(client, selectors.EVENT_READ)
        name = command(console, "record", {"label": "crowd"})[1]["recording"]
        end, status = time.monotonic() + 60, None
        while not (status and status.seconds > 1.5 and min(got.values()) > 5):
            for key, _ in ready.select(0.1):
                got[key.fileobj] += key.fileobj.recv(1 << 17).count(b"event: camera")
            status = console.worker.report().status
            assert time.monotonic() < end
    command(console, "stop")
    for client in clients:
        client.close()
    wait_until(lambda: console.worker.report().state == "watching")
    report = verify_recording(console.folder / name)
    assert report.problems == ()
    assert sum(report.queue_drops.values()) == 0
    assert report.frames["thermal"] > 40


def test_a_client_that_takes_nothing_is_dropped(tmp_path):
    with served(tmp_path, stall_s=1.0) as console, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        slow.connect(("127.0.0.1", console.port))
        slow.sendall(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: console.live.state()["watchers"] == 1)
        fast = Watcher(console)
        wait_until(lambda: fast.next("rig")["watchers"] == 1, 60)  # while the other is served
        assert fast.next("camera", "thermal")["rate_hz"] > 0
        fast.close()


def test_from_another_address_only_with_the_token(tmp_path):
    with served(tmp_path, host="0.0.0.0") as console:
        token = console.url.partition("?token=")[2]
        assert len(token) == 32
        assert all(url.endswith(token) for url in console.urls)
        assert console.urls[-1] == console.url
        assert ask(console, "/")[0] == 401
        assert ask(console, "/api/live")[0] == 401
        assert ask(console, "/api/recordings/x.zip")[0] == 401
        status, headers, _ = ask(console, f"/?token={token}")
        assert status == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert cookie.startswith(f"thermoscope_{console.port}=")
        assert ask(console, "/", headers={"Cookie": cookie})[0] == 200
        header = {"X-Thermoscope-Token": token}
        assert ask(console, "/api/state", headers=header)[0] == 200


def test_on_this_machine_only_no_token_is_needed(console):
    assert console.url == f"http://127.0.0.1:{console.port}/"
    assert console.urls == [console.url]


def test_a_pulled_disk_is_told(tmp_path):
    with served(tmp_path / "usb") as console:
        (tmp_path / "usb").rmdir()
        state = console.live.state()
        assert state["problems"] == [f"{tmp_path}/usb cannot be reached: is its disk there?",
                                     "space for 0 minutes"]  # fmt: skip


def test_a_full_disk_is_told(tmp_path):
    full = replace(RECORD, reserve_bytes=10**18)
    with served(tmp_path, record=full) as console:
        assert "space for 0 minutes" in console.live.state()["problems"]
        name = console.start()
        wait_until(lambda: console.worker.report().ended)
        told = [p for p in console.live.state()["problems"] if p.startswith(name)]
        assert "less space than the reserve" in told[0]
        assert json.loads(ask(console, "/api/recordings")[2]) == []


def test_what_cannot_be_served(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="cannot make .*file/runs"):
        Console(rig_sources(), ConsoleOptions(tmp_path / "file" / "runs"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RigError, match=f"cannot listen on 127.0.0.1 port {port}"):
            Console(rig_sources(), ConsoleOptions(tmp_path, port=port, record=RECORD))
    with pytest.raises(ConfigError, match="port"):
        ConsoleOptions(tmp_path, port=70_000)
    with pytest.raises(ConfigError, match="stall_s"):
        ConsoleOptions(tmp_path, stall_s=0)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'thermoscope\[serve\]'"):
        Console(rig_sources(), ConsoleOptions(tmp_path))
