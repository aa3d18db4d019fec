"""What a page shows, read once it is there.

Playwright's expectations wait. Its readings of lists (`all`, `count`, `all_inner_texts`, `evaluate_all`) do not: they give what
there is at that moment, which may be nothing yet, and a loop over nothing checks nothing. Tests read by these functions;
tests/test_waiting.py refuses the bare ones.
"""

import time
from collections.abc import Callable

from playwright.sync_api import FloatRect, Locator, expect

#: As long as an expectation waits, in seconds, and between two looks, in milliseconds.
PATIENCE, PAUSE = 30, 50


def filled(parts: Locator, count: int | None = None) -> Locator:
    """The same list, once it has `count` elements, or at least one."""
    assert count != 0, "a list that is to be empty is expected with to_have_count(0)"
    if count is None:
        expect(parts).not_to_have_count(0)
    else:
        expect(parts).to_have_count(count)
    return parts


def elements(parts: Locator, count: int | None = None) -> list[Locator]:
    """The elements of a list, once there are `count`, or at least one."""
    return filled(parts, count).all()


def shown_texts(parts: Locator, count: int | None = None) -> list[str]:
    """The texts of a list as they are drawn, once there are `count`, or at least one."""
    return filled(parts, count).all_inner_texts()


def counted(parts: Locator) -> int:
    """How many there are, once there is one."""
    return filled(parts).count()


def there_is(parts: Locator) -> bool:
    """Whether there is one at this moment, for what comes and goes."""
    return parts.count() > 0


def rectangle(part: Locator) -> FloatRect:
    """Where it is drawn, once it is visible."""
    expect(part).to_be_visible()
    found = part.bounding_box()
    assert found
    return found


def eventually(part: Locator, check: Callable[[], None]) -> None:
    """Makes a check again and again until it passes: for what is read in several pieces, or computed of what is read.

    Raises:
        AssertionError: it did not pass as long as an expectation waits; the last one.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        part.page.wait_for_timeout(PAUSE)
