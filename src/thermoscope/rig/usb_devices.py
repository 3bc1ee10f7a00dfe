"""USB devices with their video and serial nodes, from the kernel's own tree.

No package is needed, and nothing is opened: `/sys` says vendor, product, serial number, bus, speed
and which `/dev` nodes belong together. What is NOT here: which devices are cameras (each driver).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["UsbDevice", "usb_devices"]

SYSFS = Path("/sys")


@dataclass(frozen=True)
class UsbDevice:
    """One device on the bus."""

    vendor: int
    product: int
    serial: str
    """The descriptor's serial number; empty if it has none."""
    model: str
    """What it calls itself."""
    bus: int
    """Number of the root hub: devices of one bus share its bandwidth."""
    port: str
    """Where it is plugged, for example ``1-2.3``."""
    speed_mbit: float
    """Agreed speed, Mbit/s: 480 is USB 2, 5000 is USB 3."""
    video: tuple[str, ...]
    """``/dev/video*`` nodes, lowest first; a camera may have one that does not stream."""
    serial_ports: tuple[str, ...]
    """``/dev/ttyACM*`` nodes, lowest first."""


def usb_devices(
    vendor: int | None = None, product: int | None = None, *, sysfs: Path | None = None
) -> list[UsbDevice]:
    """Devices with a video or serial node, by port.

    Args:
        vendor: Only of this vendor; all if None.
        product: Only this product; all if None.
        sysfs: Where the kernel's tree is mounted; `SYSFS` if None.

    Returns:
        Empty where there is no such tree (no Linux, or a closed container).
    """
    found = []
    for folder in sorted(((sysfs or SYSFS) / "bus" / "usb" / "devices").glob("*")):
        if not (folder / "idVendor").is_file():
            continue  # an interface, not a device
        device = _device(folder)
        if vendor in (None, device.vendor) and product in (None, device.product):
            found.append(device)
    return [d for d in found if d.video or d.serial_ports]


def _device(folder: Path) -> UsbDevice:
    return UsbDevice(
        vendor=int(_text(folder, "idVendor"), 16),
        product=int(_text(folder, "idProduct"), 16),
        serial=_text(folder, "serial"),
        model=_text(folder, "product"),
        bus=int(_text(folder, "busnum") or 0),
        port=folder.name,
        speed_mbit=float(_text(folder, "speed") or 0),
        video=_nodes(folder, "video4linux/video*"),
        serial_ports=_nodes(folder, "tty/ttyACM*"),
    )


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _nodes(folder: Path, pattern: str) -> tuple[str, ...]:
    """Nodes of the device's own interfaces, which are folders ``port:configuration.interface``."""
    names = [node.name for node in folder.glob(f"{folder.name}:*/{pattern}")]
    return tuple(f"/dev/{name}" for name in sorted(names, key=lambda n: (len(n), n)))
