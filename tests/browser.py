"""A real browser for tests: open a page without a window, run JavaScript in it, press keys, click, take screenshots.

    with Browser() as browser:
        page = browser.open(path)
        page.click("#fit")
        page.run("document.title")

It starts Chromium and speaks the DevTools protocol over a pair of pipes (`--remote-debugging-pipe`: JSON messages that end in a
zero byte), so nothing but the standard library is needed. `page.trouble` lists uncaught exceptions, console errors and requests.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 60.0  # seconds that any single answer may take
KEYS = {  # name -> its code, the text it makes
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    " ": (32, " "),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}


def find() -> str | None:
    """The path of a Chromium: $CHROME, or the first of NAMES on the PATH; None where there is none."""
    given = os.environ.get("CHROME")
    return next((path for name in [given, *NAMES] if name and (path := shutil.which(name))), None)


class Browser:
    """A running Chromium with a fresh profile; leaving the `with` block ends it and removes the profile."""

    def __enter__(self) -> Browser:
        path = find()
        assert path, "no Chromium found"
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        actions = [
            # First to high numbers: either end may itself be 3 or 4.
            (os.POSIX_SPAWN_DUP2, to_browser, 103),
            (os.POSIX_SPAWN_DUP2, from_browser, 104),
            (os.POSIX_SPAWN_DUP2, 103, 3),
            (os.POSIX_SPAWN_DUP2, 104, 4),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        command = [path, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = os.posix_spawn(path, command, os.environ, file_actions=actions, setpgroup=0)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number = b"", 0
        self.events: list[dict[str, Any]] = []
        return self

    def __exit__(self, *exc: object) -> None:
        os.killpg(self.process, signal.SIGKILL)  # the group that it was started as
        os.waitpid(self.process, 0)
        os.close(self.commands)
        os.close(self.answers)
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, path: Path, width: int = 1280, height: int = 800, anchor: str = "") -> Page:
        """A new tab that shows this file (at this `#anchor`), when it has finished loading."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.go(path.as_uri() + anchor)
        return page

    def send(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Send one command and wait for its answer; events that come in between are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.commands, data) :]

    def receive(self) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], PATIENCE)
            assert ready, f"the browser has not answered for {PATIENCE} s"
            data = os.read(self.answers, 1 << 20)
            assert data, "the browser has ended"
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def wait_for(self, method: str, session: str) -> dict[str, Any]:
        """The next event of this name, also if it has come already; it is taken out of the list."""
        while True:
            for k, event in enumerate(self.events):
                if event["method"] == method and event.get("sessionId") == session:
                    return self.events.pop(k)
            self.events.append(self.receive())


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self.browser, self.session, self.target = browser, session, target

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)

    def send(self, method: str, **parameters: Any) -> Any:
        return self.browser.send(method, self.session, **parameters)

    def go(self, url: str) -> None:
        """Load this address and wait for the end of it."""
        self.send("Page.navigate", url=url)
        self.browser.wait_for("Page.loadEventFired", self.session)

    def run(self, code: str) -> Any:
        """The value of a JavaScript expression (a promise is awaited), as JSON carries it; an exception in it fails the test."""
        answer = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{code}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def frame(self) -> None:
        """Wait until everything that was asked for has been drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def count(self, selector: str) -> int:
        return self.run(f"document.querySelectorAll({json.dumps(selector)}).length")

    def middle(self, selector: str) -> tuple[float, float]:
        """The middle of the first element that matches, in pixels of the window."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({box})")
        return x, y

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element."""
        x, y = self.middle(selector)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)
        self.frame()

    def drag(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        """Press the left button at `start`, move, and let go."""
        (x, y), (dx, dy) = start, by
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for k in (1, 2):
            self.mouse("mouseMoved", x + dx * k / 2, y + dy * k / 2, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", clickCount=1)
        self.frame()

    def wheel(self, x: float, y: float, delta: float) -> None:
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=delta)
        self.frame()

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release one key: a character or one of KEYS."""
        code, text = KEYS.get(key, (ord(key[0].upper()), key))
        event = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)
        self.frame()

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)
        self.frame()

    def screenshot(self, path: Path) -> None:
        self.frame()
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def eventually(self, code: str, seconds: float = 10.0) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(code):
            assert time.monotonic() < end, f"still false after {seconds} s: {code}"
            time.sleep(0.02)

    @property
    def trouble(self) -> list[str]:
        """Uncaught exceptions, errors and warnings of the console, and requests for anything but the page itself."""
        self.run("0")  # so that the events sent before have been received
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, data = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                details = data["exceptionDetails"]
                found.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
            elif method == "Runtime.consoleAPICalled" and data["type"] in ("error", "warning", "assert"):
                found.append(f"console: {data['args']}")
            elif method == "Log.entryAdded" and data["entry"]["level"] in ("error", "warning"):
                found.append(f"log: {data['entry']['text']}")
            elif method == "Network.requestWillBeSent" and not data["request"]["url"].startswith("file:"):
                found.append(f"request: {data['request']['url']}")
        return found
