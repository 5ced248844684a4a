"""The README's pictures, taken from the running app, and its animation.

    python -m benchmarks.pictures

Starts a server on an empty state directory, opens pages on the shipped results as anybody would,
and keeps what a visitor sees; what moves is made by `flatdiff figure`.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import Browser, sync_playwright

from benchmarks.first_page import start_server
from flatdiff.system.files import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs"
WIDTH = 1280
WEBGL = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
STILL_MS = 3000  # until the last of the drawing is done
PICTURES = {  # file name: page, and how much of it
    "home.png": ("", 800),
    "lie-detector.png": ("rescaling", 940),
}
MOVING = {  # file name: the command that makes it
    "turning.gif": "figure surface --mode interpolated --width-mm 130 "
    "--checkpoint digits/adm --checkpoint digits/sam --panel 'ADM and ADM +SAM, overlaid'",
}


def take(browser: Browser, url: str, name: str) -> None:
    """One page, once its charts stand."""
    address, height = PICTURES[name]
    page = browser.new_page(viewport={"width": WIDTH, "height": height})
    page.goto(f"{url}/{address}")
    page.locator(".js-plotly-plot").nth(1).wait_for()
    page.wait_for_timeout(STILL_MS)
    page.screenshot(path=FOLDER / name)
    page.close()
    print(f"written: {(FOLDER / name).relative_to(PROJECT_ROOT)}")


def animate(name: str, home: str) -> None:
    """One animation, from the shipped results."""
    words = [*shlex.split(MOVING[name]), "--out", str(FOLDER / name)]
    environment = {**os.environ, "FLATDIFF_HOME": home}
    subprocess.run([sys.executable, "-m", "flatdiff", *words], env=environment, check=True)


def main() -> None:
    """Write them all."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        process, url = start_server(home)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=WEBGL)
        for name in PICTURES:
            take(browser, url, name)
        browser.close()
        process.terminate()
        process.wait()
        for name in MOVING:
            animate(name, home)


if __name__ == "__main__":
    main()
