"""Refuses requests that a page of another site makes in a visitor's browser.

The rule is the resource isolation policy of https://web.dev/articles/fetch-metadata: browsers say in `Sec-Fetch-Site` who makes a
request. A link that is followed to an answer, such as an export, is a navigation and works from anywhere. Clients that are no
browsers send no such header and are not restricted.
"""

import werkzeug

from tensorboard_activis.errors import ActiVisError


class ForbiddenError(ActiVisError):
    """The request was made by a page of another site."""


def check_site(request: werkzeug.Request) -> None:
    """Checks that no page of another site makes this request. Raises ForbiddenError."""
    headers = request.headers
    if headers.get("Sec-Fetch-Site") != "cross-site":
        return
    followed = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    if followed and request.method == "GET":
        return
    raise ForbiddenError(
        "A page of another site made this request; answers are only given to pages of this TensorBoard. "
        "Open the address itself, or use a client other than a browser."
    )
