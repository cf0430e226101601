# SPDX-License-Identifier: Apache-2.0
"""The console: what operators see of the house in a browser, and what they do there.

Pages are made on the server and work without scripts; a script adds what is live.  A page has no way of its own to
any room: it asks the house's verbs as its operator (`api.py`), so it can do nothing that they may not.

A new page is a module in `pages` with one class, and a template in `templates`:

    the class      `routes()` returns its routes, each with `Proof.CONSOLE_SESSION`, `console.view` and
                   `render=frame.refusal`; an act reads verbs by `frame.api(caller)` and returns `frame.page(...)`,
                   or after a form `frame.see(path, done)`, whose sentence stands in `frame.TOLD`
    its verbs      what it reads of their answers is a struct in `model.py` or a `model_*.py`, with those members only
    the template   extends `base.html`; no style and no script in it, its classes are those of `console.css`
    what is live   `live="topics"` names the change feed's topics after which the page looks again
    its place      a line in `service.Console`, and in `frame.NAVIGATION` when it is to be found there
    its tests      a line in `tests/console/test_pages.py`, where every page is seen, checked and broken into
"""

from smartagent.console.doorkeeper import Doorkeeper
from smartagent.console.errors import PasskeyNotFound, PasskeyRefused, TooManyViews, VerbRefused
from smartagent.console.means import Means
from smartagent.console.passkeys import Passkeys
from smartagent.console.routes import console_routes, passkey_routes
from smartagent.console.service import Console

__all__ = [
    "Console",
    "Doorkeeper",
    "Means",
    "PasskeyNotFound",
    "PasskeyRefused",
    "Passkeys",
    "TooManyViews",
    "VerbRefused",
    "console_routes",
    "passkey_routes",
]
