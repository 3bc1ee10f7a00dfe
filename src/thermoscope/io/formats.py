"""Which reader a file goes to: by its content first, by its name only where content says nothing.

`FORMATS` is the list, in the order in which it is tried; ``docs/formats.md`` is its description.
What is NOT here: the readers, which load on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thermoscope.io.frames import Frames, SingleFrame
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["FORMATS", "RAW", "Format", "format_of", "image_suffixes", "is_image_name", "opened"]

PNG, GIFS, JPEG = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a"), b"\xff\xd8\xff"
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FLIRS = (b"FFF\0", b"AFF\0")
FPF = b"FPF Public Image"
MCAP = b"\x89MCAP0\r\n"
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # lengths of the header's known versions


@dataclass(frozen=True)
class Format:
    """A container.

    Attributes:
        name: Short name.
        suffixes: Usual ones.
        matches: Whether a file is one, by its content.
        open: Opens it.
        by_name: Also taken by suffix alone when nothing else matches.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[Request], bool]
    open: Callable[[Request], Frames]
    by_name: bool = False


# -- what the first bytes say --------------------------------------------------------------------


def _starts(*magics: bytes) -> Callable[[Request], bool]:
    return lambda request: request.head.startswith(magics)


def _is_bmp(request: Request) -> bool:
    head = request.head
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADERS


def _is_webp(request: Request) -> bool:
    return request.head[:4] == b"RIFF" and request.head[8:12] == b"WEBP"


def _is_pnm(request: Request) -> bool:
    from thermoscope.io.pnm import looks_like_pnm

    return looks_like_pnm(request.head)


def _is_cptv(request: Request) -> bool:
    from thermoscope.io.cptv import looks_like_cptv

    return looks_like_cptv(request.head)


def _is_is2(request: Request) -> bool:
    from thermoscope.io.fluke import looks_like_is2

    return looks_like_is2(request)


def _is_irg(request: Request) -> bool:
    from thermoscope.io.vendors import looks_like_irg

    return looks_like_irg(request.head)


def _is_hcc(request: Request) -> bool:
    from thermoscope.io.vendors import looks_like_hcc

    return looks_like_hcc(request.head, request.size)


def _is_video(request: Request) -> bool:
    from thermoscope.io.video import looks_like_video

    return looks_like_video(request.head)


def _is_fpa(request: Request) -> bool:
    from thermoscope.io.raw import looks_like_fpa

    return looks_like_fpa(request.head, request.size)


def _never(request: Request) -> bool:
    return False


# -- how they open -------------------------------------------------------------------------------


def _single(module: str, function: str) -> Callable[[Request], Frames]:
    def decode(request: Request) -> ThermalImage:
        image: ThermalImage = getattr(_module(module), function)(request)
        return image

    return lambda request: SingleFrame(request, decode)


def _frames(module: str, kind: str) -> Callable[[Request], Frames]:
    def open_(request: Request) -> Frames:
        frames: Frames = getattr(_module(module), kind)(request)
        return frames

    return open_


def _pillow(kind: str) -> Callable[[Request], Frames]:
    def open_(request: Request) -> Frames:
        from thermoscope.io.image import PillowFrames

        return PillowFrames(request, kind)

    return open_


def _module(name: str) -> object:
    from importlib import import_module

    return import_module(f"thermoscope.io.{name}")


FORMATS: tuple[Format, ...] = (
    Format("png", (".png", ".apng"), _starts(PNG), _pillow("PNG")),
    Format("jpeg", (".jpg", ".jpeg"), _starts(JPEG), _single("jpeg", "read_jpeg")),
    Format("tiff", (".tif", ".tiff"), _starts(*TIFFS), _frames("tiff", "TiffFrames")),
    Format("flir", (".fff", ".seq", ".csq"), _starts(*FLIRS), _frames("flir_frames", "FlirFrames")),
    Format("flir-fpf", (".fpf",), _starts(FPF), _single("flir_frames", "read_fpf_file")),
    Format("pnm", (".pgm", ".ppm", ".pnm"), _is_pnm, _single("pnm", "read_pnm")),
    Format("bmp", (".bmp", ".dib"), _is_bmp, _pillow("BMP")),
    Format("gif", (".gif",), _starts(*GIFS), _pillow("GIF")),
    Format("webp", (".webp",), _is_webp, _pillow("WEBP")),
    Format("cptv", (".cptv",), _is_cptv, _frames("cptv", "CptvFrames")),
    Format("fluke-is2", (".is2",), _is_is2, _single("fluke", "read_is2")),
    Format("infiray-irg", (".irg",), _is_irg, _single("vendors", "read_irg")),
    Format("telops-hcc", (".hcc",), _is_hcc, _frames("vendors", "HccFrames")),
    Format(
        "video",
        (".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"),
        _is_video,
        _frames("video", "VideoFrames"),
    ),
    Format("fpa-raw", (), _is_fpa, _frames("raw", "FpaFrame")),
    Format("mcap", (".mcap",), _starts(MCAP), _frames("mcap_sequence", "McapFrames")),
    Format("csv", (".csv",), _never, _single("fluke", "read_csv"), by_name=True),
)
RAW = Format("y16", (".raw", ".y16", ".bin", ".dat"), _never, _frames("raw", "RawFrames"))


def format_of(request: Request, *, raw: bool = False) -> Format:
    """The format of a file.

    Args:
        request: The file.
        raw: Treat it as raw pixels whatever it looks like.

    Raises:
        ReadError: Nothing is recognised, and no layout of raw pixels is stated.
    """
    if raw:
        return RAW
    for candidate in FORMATS:
        if candidate.matches(request):
            return candidate
    suffix = request.path.suffix.lower()
    for candidate in FORMATS:
        if candidate.by_name and suffix in candidate.suffixes:
            return candidate
    if request.layout is not None or suffix in RAW.suffixes:
        return RAW
    named = next((f for f in FORMATS if suffix in f.suffixes), None)
    start = request.head[:8]
    if start.startswith(b"\x93NUMPY"):
        raise request.error(
            "numpy arrays are not read",
            "Save counts as 16-bit PNG or TIFF, kelvin as float TIFF.",
        )
    if named is not None:
        raise request.error(
            f"named {suffix}, and does not begin like one ({start!r})",
            "The file is damaged, or of another kind than its name says.",
        )
    raise request.error(
        f"not recognised as an image (it begins with {start!r})",
        "Known: PNG, TIFF, JPEG, FLIR, DJI, CPTV, Fluke, PGM, BMP, GIF, video, MCAP, CSV. "
        "If it is headerless raw, pass shape=(height, width) or --size WIDTHxHEIGHT.",
    )


def opened(request: Request, *, raw: bool = False) -> Frames:
    """The frames of a file, open.

    Raises:
        ReadError: Not recognised, or damaged.
        ImageTooLargeError: Over the limit.
        MissingDependencyError: The package that reads it is not installed.
    """
    return format_of(request, raw=raw).open(request)


def image_suffixes() -> frozenset[str]:
    """Suffixes of everything that can be read: what counts as a frame in a folder."""
    return frozenset(s for f in (*FORMATS, RAW) for s in f.suffixes)


def is_image_name(path: Path) -> bool:
    """Whether a file's name says that it is a frame; hidden files never are."""
    return path.suffix.lower() in image_suffixes() and not path.name.startswith(".")
