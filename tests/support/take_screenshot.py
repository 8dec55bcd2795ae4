"""Takes the README's picture of a running page.

``python -m tests.support.take_screenshot URL FILE.png [QUESTION ...]``
"""

from __future__ import annotations

import sys

from app.doctor.installation import find_chromium

QUESTIONS = ("What is a generator function?", "How does the with statement work?")


def main(url: str, file: str, *questions: str) -> None:
    """Ask the questions, point at the newest answer's citation, and save what the window shows."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(url)
        for question in questions or QUESTIONS:
            page.fill("#question textarea", question)
            page.keyboard.press("Enter")
            page.wait_for_selector(f"#live .turn:not(.running) >> text={question}", timeout=120_000)
        page.hover("#live a.run")
        page.wait_for_timeout(500)
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
