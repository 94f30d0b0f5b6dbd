"""The HTML page in headless Chromium: nothing is fetched, nothing fails, hostile names stay text."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tornado.websocket import websocket_connect

from ais_berths.report import report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)"),
]

# No network: no name resolves, and the proxy is a closed port.
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-port=0"),
)

# Text of the page, that of Bokeh's tooltips too, which lie in shadow trees.
ALL_TEXT = """(() => {
  const read = (node) => node.nodeType === 3 ? node.data : ["SCRIPT", "STYLE"].includes(node.nodeName) ? ""
    : [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].map(read).join(" ");
  return read(document.body);
})()"""

# Where a row of the data of a chart is on the screen; scrolls there first.
PLACE = """((chart, name, row) => {
  const box = document.getElementById(chart);
  box.scrollIntoView({ behavior: "instant" });
  const plot = Bokeh.documents.map((d) => d.roots()[0]).find(
    (p) => p.renderers.some((r) => r.data_source.name === name));
  const data = plot.renderers.find((r) => r.data_source.name === name).data_source.data;
  const middle = (...values) => (Math.min(...values.flat(3)) + Math.max(...values.flat(3))) / 2;
  const x = data.xs ? middle(data.xs[row]) : middle(data.left[row], data.right[row]);
  const y = data.ys ? middle(data.ys[row]) : middle(data.bottom[row], data.top[row]);
  const frame = Bokeh.index.find_one(plot).frame;
  const at = box.firstElementChild.getBoundingClientRect();
  return [at.left + frame.x_scale.compute(x), at.top + frame.y_scale.compute(y)];
})"""


class Page:
    """A page of the browser, driven by the DevTools protocol."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.session: dict[str, str] = {}
        self.number = 0
        self.events: list[dict[str, Any]] = []

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        await self.socket.write_message(
            json.dumps({"id": self.number, "method": method, "params": params, **self.session})
        )
        while True:
            answer = json.loads(await self.socket.read_message())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    async def run(self, code: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait_for(self, code: str) -> None:
        end = time.monotonic() + 60
        while not await self.run(code):
            assert time.monotonic() < end, f"never true: {code}\n{self.complaints()}"
            await asyncio.sleep(0.05)

    async def hover_until(self, place: str, code: str) -> None:
        end = time.monotonic() + 60
        while not await self.run(code):
            assert time.monotonic() < end, f"never true: {code}"
            # Asked for again each time: the chart may still settle.
            x, y = await self.run(place)
            for shift in (0, 1):
                await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x + shift, y=y)
            await asyncio.sleep(0.1)

    async def open(self, file: Path, width: int = 1400, height: int = 2000) -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.send("Page.navigate", url=file.as_uri())
        await self.wait_for("document.documentElement?.dataset.ready === 'true'")

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, blocked content, and exceptions."""
        found = []
        for event in self.events:
            kind, what = event.get("method"), event.get("params", {})
            if kind == "Runtime.exceptionThrown":
                found.append(json.dumps(what["exceptionDetails"])[:400])
            elif kind == "Runtime.consoleAPICalled" and what["type"] in {"error", "warning", "assert"}:
                found.append(str([item.get("value") for item in what["args"]]))
            elif kind == "Log.entryAdded" and what["entry"]["level"] in {"error", "warning"}:
                found.append(what["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Addresses of everything that was asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = Path(folder) / "DevToolsActivePort"
            end = time.monotonic() + 60
            while not (port.is_file() and len(port.read_text().split()) == 2):
                assert process.poll() is None, "Chromium has ended"
                assert time.monotonic() < end, "Chromium does not answer"
                await asyncio.sleep(0.05)
            number, path = port.read_text().split()
            socket = await websocket_connect(f"ws://127.0.0.1:{number}{path}", max_message_size=2**29)
            page = Page(socket)
            target = await page.send("Target.createTarget", url="about:blank")
            found = await page.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = {"sessionId": found["sessionId"]}
            for part in ("Page", "Runtime", "Log", "Network"):
                await page.send(f"{part}.enable")
            try:
                yield page
            finally:
                socket.close()
                while await socket.read_message() is not None:
                    pass
        finally:
            process.terminate()
            process.wait()


def drive(steps: Callable[[Page], Awaitable[None]]) -> Page:
    """Run the steps in a fresh browser, and check that nothing was fetched and nothing failed."""

    async def session() -> Page:
        async with browser() as page:
            await steps(page)
            return page

    page = asyncio.run(session())
    assert page.complaints() == []
    assert {url.split(":", 1)[0] for url in page.requests()} <= {"file", "data", "about"}
    assert len([url for url in page.requests() if url.startswith("file:")]) >= 1
    return page


@pytest.fixture(scope="module")
def file(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report(out, form="html"), encoding="utf-8")
    return path


def test_hostile_names_stay_text_and_nothing_is_fetched(file: Path, hostile: list[str]) -> None:
    async def steps(page: Page) -> None:
        await page.open(file)
        # All four ships of berth B1: the panel shows their names as they are.
        await page.run("document.querySelector('tr[data-berth=B1] a').click()")
        panel = await page.run("document.querySelector('.panel .detail').textContent")
        for name in hostile[:4]:
            assert name in panel
        await page.run("document.querySelector('.panel .detail').replaceChildren()")
        # And so do the tooltips of the occupancy chart, where B2 with its one ship comes first.
        for row, name in enumerate(hostile[:4], start=1):
            assert name not in await page.run(ALL_TEXT)
            place = f"{PLACE}('port0-occupancy', 'gantt', {row})"
            await page.hover_until(place, f"{ALL_TEXT}.includes({json.dumps(name)})")
        assert await page.run("window.hacked") is None
        assert await page.run("document.querySelectorAll('img').length") == 0

    drive(steps)


def test_a_click_on_the_map_shows_the_berth(file: Path) -> None:
    async def steps(page: Page) -> None:
        await page.open(file)
        # B1 is the second: the busiest berth comes first.
        end = time.monotonic() + 60
        while not await page.run("document.querySelector('.panel h4')?.textContent === 'B1'"):
            assert time.monotonic() < end, "the click shows nothing"
            x, y = await page.run(f"{PLACE}('port0-map', 'berths', 1)")
            for kind in ("mousePressed", "mouseReleased"):
                await page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            await asyncio.sleep(0.3)
        assert await page.run("document.querySelector('tr.chosen').dataset.berth") == "B1"

    drive(steps)


def test_table_sorts_and_layers_hide(file: Path) -> None:
    async def steps(page: Page) -> None:
        await page.open(file)
        order = "[...document.querySelectorAll('tr[data-berth]')].map((row) => row.dataset.berth).join()"
        assert await page.run(order) == "B2,B1"
        visits = "[...document.querySelectorAll('.berths th button')][4]"
        await page.run(f"{visits}.click()")
        assert await page.run(order) == "B1,B2"
        assert await page.run(f"{visits}.closest('th').ariaSort") == "descending"
        await page.run(f"{visits}.click()")
        assert await page.run(order) == "B2,B1"
        quays = "Bokeh.documents[0].roots()[0].renderers.find((r) => r.name === 'quays').visible"
        assert await page.run(quays) is True
        await page.run("document.querySelector('input[data-layer=quays]').click()")
        assert await page.run(quays) is False

    drive(steps)


@pytest.mark.parametrize("width", [1400, 400])
def test_page_fits_the_screen(file: Path, width: int) -> None:
    async def steps(page: Page) -> None:
        await page.open(file, width, 900)
        assert await page.run("document.documentElement.scrollWidth") <= width
        charts = await page.run(
            "[...document.querySelectorAll('.chart')].map((e) => e.firstElementChild?.offsetWidth)"
        )
        assert len(charts) == 6
        assert all(200 < chart <= width for chart in charts)

    drive(steps)


def test_page_prints_on_few_sheets(file: Path) -> None:
    async def steps(page: Page) -> None:
        await page.open(file)
        printed = await page.send("Page.printToPDF", preferCSSPageSize=True)
        pdf = base64.b64decode(printed["data"])
        assert pdf.startswith(b"%PDF")
        assert 2 <= pdf.count(b"/Type /Page\n") <= 6

    drive(steps)


def test_public_page_works(public_out: Path, tmp_path: Path) -> None:
    path = tmp_path / "public.html"
    path.write_text(report(public_out, form="html", public=True), encoding="utf-8")

    async def steps(page: Page) -> None:
        await page.open(path)
        await page.run("document.querySelector('tr[data-berth=B1] a').click()")
        panel = await page.run("document.querySelector('.panel .detail').textContent")
        assert "Visits" in panel
        assert "From" not in panel

    drive(steps)
