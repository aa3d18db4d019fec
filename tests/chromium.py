"""The browser of tests, benchmarks and pictures: the Chromium that is installed, headless."""

import shutil

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")


def launch(playwright: Playwright) -> Browser:
    """Starts it; it calls nobody but the pages it is sent to.

    Raises:
        RuntimeError: there is none.
    """
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise RuntimeError(
            "The browser tests need Chromium, and there is none. Install it with: sudo apt-get install chromium"
        )
    return playwright.chromium.launch(executable_path=path, args=[*_QUIET, "--disable-component-update"])
