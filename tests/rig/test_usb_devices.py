"""The kernel's tree of USB devices, as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from thermoscope.rig import usb_devices as usb
from thermoscope.rig.camera import list_cameras
from thermoscope.rig.usb_devices import usb_devices


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    devices = tmp_path / "bus" / "usb" / "devices"
    for port, vendor, product, serial in (
        ("1-2", "09cb", "4007", "93588"),
        ("2-1.4", "1e4e", "0100", "8003"),
        ("3-1", "046d", "c52b", ""),  # a mouse: no node of ours
    ):
        device = devices / port
        device.mkdir(parents=True)
        texts = {"idVendor": vendor, "idProduct": product, "busnum": port[0], "speed": "480"}
        for name, text in {**texts, "serial": serial, "product": "Thermal"}.items():
            if text:
                (device / name).write_text(text + "\n")
    for node in (
        "1-2:1.0/video4linux/video10",
        "1-2:1.0/video4linux/video2",
        "1-2:1.2/tty/ttyACM0",
    ):
        (devices / "1-2" / node).mkdir(parents=True)
    (devices / "2-1.4" / "2-1.4:1.0" / "video4linux" / "video0").mkdir(parents=True)
    (devices / "1-2:1.0").mkdir()  # an interface beside the devices
    return tmp_path


def test_nodes_of_one_device_belong_together(sysfs: Path) -> None:
    boson, lepton = usb_devices(sysfs=sysfs)

    assert boson.video == ("/dev/video2", "/dev/video10")  # by number, not by text
    assert boson.serial_ports == ("/dev/ttyACM0",)
    assert (boson.serial, boson.bus, boson.port, boson.speed_mbit) == ("93588", 1, "1-2", 480.0)
    assert (lepton.serial_ports, lepton.bus) == ((), 2)


def test_by_vendor_and_product(sysfs: Path) -> None:
    assert [d.port for d in usb_devices(0x1E4E, 0x0100, sysfs=sysfs)] == ["2-1.4"]
    assert [d.port for d in usb_devices(0x09CB, sysfs=sysfs)] == ["1-2"]
    assert usb_devices(0x09CB, 1, sysfs=sysfs) == []


def test_cameras_on_the_bus_are_listed_by_who_knows_them_best(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webcam = sysfs / "bus" / "usb" / "devices" / "4-1"
    (webcam / "4-1:1.0" / "video4linux" / "video5").mkdir(parents=True)
    for name, text in {"idVendor": "046d", "idProduct": "0825", "product": "Webcam"}.items():
        (webcam / name).write_text(text)
    monkeypatch.setattr(usb, "SYSFS", sysfs)
    addresses = {camera.device: camera.address for camera in list_cameras()}

    assert addresses == {
        "/dev/video2": "boson:",  # its port is not really there, so it tells no number
        "/dev/video0": "lepton:8003",
        "/dev/video5": "v4l2:/dev/video5",
    }


def test_no_tree(tmp_path: Path) -> None:
    assert usb_devices(sysfs=tmp_path / "none") == []
