"""Addresses of the console: the page, the live stream, commands, recordings.

=========================================== ==========================================
``GET /``                                   the page
``GET /api/live``                           server-sent events: ``rig`` and ``camera``
``GET /api/state``                          the rig's event once
``GET /api/cameras/NAME/spot?x=&y=``        one pixel, x and y from 0 to 1
``POST /api/record`` ``/stop`` ``/ffc``     commands; ``record`` takes ``{"label": "bridge"}``
``GET /api/recordings``                     the list
``GET /api/recordings/NAME.zip``            all of one
``GET /api/recordings/NAME/FILE``           one file of it
=========================================== ==========================================

FastAPI is imported inside the functions, and reads the annotations of the inner ones: so they are
real types there, not text. What is NOT here: who may use it (`thermoscope.rig.serve_access`).
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

from thermoscope.core.errors import ConfigError, ReadError, RigError, ThermoscopeError
from thermoscope.rig.serve_recordings import find, find_file, list_recordings, zipped

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

    from thermoscope.rig.serve import Console

__all__ = ["build"]

PAGES = {  # the only files that are ever served from the package
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
STATUS = {ConfigError: 422, ReadError: 404, RigError: 409}
FRESH = {"cache-control": "no-store"}


def build(console: "Console") -> "FastAPI":
    """The application of `console`."""
    from fastapi import FastAPI

    app = FastAPI(title="thermoscope", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(ThermoscopeError, _told)
    _add_page(app)
    _add_live(app, console)
    _add_commands(app, console)
    _add_recordings(app, console)
    return app


async def _told(request: "Request", error: Exception) -> "Response":
    """An error of ours as its text."""
    from fastapi.responses import JSONResponse

    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status)


def _add_page(app: "FastAPI") -> None:
    from fastapi import Request
    from fastapi.responses import Response

    folder = files("thermoscope.rig") / "console"

    def page(request: Request) -> Response:
        name, kind = PAGES[request.url.path]
        headers = {"cache-control": "no-cache"}
        return Response((folder / name).read_bytes(), media_type=kind, headers=headers)

    for path in PAGES:
        app.add_api_route(path, page, response_model=None)


def _add_live(app: "FastAPI", console: "Console") -> None:
    from fastapi import Query
    from fastapi.responses import JSONResponse, StreamingResponse

    @app.get("/api/live")
    async def live() -> StreamingResponse:
        stream = console.live.stream(lambda: console.stopping)
        return StreamingResponse(stream, media_type="text/event-stream", headers=FRESH)

    @app.get("/api/state")
    def state() -> JSONResponse:
        return JSONResponse(console.live.state(), headers=FRESH)

    @app.get("/api/cameras/{name}/spot")
    def spot(
        name: str, x: Annotated[float, Query(ge=0, le=1)], y: Annotated[float, Query(ge=0, le=1)]
    ) -> JSONResponse:
        view = console.live.view(name)
        if view is None:
            raise ReadError(f"no camera {name[:80]!r}.")
        return JSONResponse(view.spot(x, y), headers=FRESH)


def _add_commands(app: "FastAPI", console: "Console") -> None:
    from fastapi import Body

    @app.post("/api/record")
    def record(label: Annotated[str, Body(embed=True)] = "") -> dict[str, str]:
        return {"recording": console.start(label)}

    @app.post("/api/stop")
    def stop() -> dict[str, str]:
        console.worker.stop()
        return {"recording": console.worker.report().recording}

    @app.post("/api/ffc")
    def ffc() -> dict[str, list[str]]:
        cameras = console.live.shutters
        if not cameras:
            raise RigError("no camera here has a shutter that can be closed on command.")
        console.worker.close_shutters(cameras)
        return {"cameras": cameras}


def _add_recordings(app: "FastAPI", console: "Console") -> None:
    from fastapi.responses import FileResponse, StreamingResponse

    def check_idle() -> None:
        """Reading a disk that is written to would cost frames."""
        report = console.worker.report()
        if report.state != "watching":
            raise RigError(f"{report.recording} is being recorded. Stop it, then download.")

    @app.get("/api/recordings")
    def recordings() -> list[dict[str, Any]]:
        return list_recordings(console.folder)

    @app.get("/api/recordings/{name}.zip")
    def whole(name: str) -> StreamingResponse:
        path = find(console.folder, name)
        check_idle()
        headers = {"content-disposition": f'attachment; filename="{path.name}.zip"'}
        return StreamingResponse(zipped(path), media_type="application/zip", headers=headers)

    @app.get("/api/recordings/{name}/{file}")
    def one(name: str, file: str) -> FileResponse:
        path = find_file(console.folder, name, file)
        check_idle()
        return FileResponse(path, filename=f"{name}_{file}")
