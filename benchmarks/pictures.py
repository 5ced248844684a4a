"""The README's picture, taken from the running app.

    python -m benchmarks.pictures

Starts a server on an empty state directory, opens the default surface page on the shipped results
and keeps what a visitor sees.
"""

import shutil
import tempfile

from playwright.sync_api import sync_playwright

from benchmarks.first_page import FLAGS, start_server
from flatdiff.files import PROJECT_ROOT

TARGET = PROJECT_ROOT / "docs" / "surface.png"


def main() -> None:
    """Write docs/surface.png."""
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        process, url = start_server(home)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(f"{url}/surface")
        page.locator(".js-plotly-plot").nth(1).wait_for()
        page.wait_for_timeout(1500)  # the last of the drawing
        page.screenshot(path=TARGET)
        browser.close()
        process.terminate()
        process.wait()
    print(f"written: {TARGET.relative_to(PROJECT_ROOT)}")


if __name__ == "__main__":
    main()
