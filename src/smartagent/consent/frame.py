# SPDX-License-Identifier: Apache-2.0
"""The pages' frame: one style, no script, and headers that keep it so.

Spec: Content Security Policy Level 3; RFC 9700 section 4.16 (clickjacking), section 4.2 (referrers).
"""

import unicodedata
from html import escape
from typing import Final

from smartagent.consent.errors import AuthorizationRefused
from smartagent.crypto import b64u, hmac_sha256, sha256
from smartagent.edge import Inbound, Reply, status_of
from smartagent.kernel import Secret, SmartAgentError

STYLE_PATH: Final = "/oauth/style.css"
HTML: Final = "text/html; charset=utf-8"
CSRF_FIELD: Final = "csrf"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --quiet: #57606a; --paper: #ffffff; --ground: #f3f4f6;
  --line: #d0d7de; --accent: #0b5cad; --on-accent: #ffffff; --warn: #8a5300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --quiet: #9da7b3; --paper: #161b22; --ground: #0d1117;
    --line: #30363d; --accent: #58a6ff; --on-accent: #0d1117; --warn: #e3b341;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main {
  max-width: 34rem; margin: 6vh auto; padding: 2rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 0.75rem; overflow-wrap: anywhere;
}
h1 { margin: 0 0 1rem; font-size: 1.375rem; line-height: 1.3; }
h2 { margin: 1.5rem 0 0.5rem; font-size: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
dd ul { margin: 0; padding-left: 1.125rem; }
code { font-family: ui-monospace, monospace; font-size: 0.875em; }
.code { font-size: 1.75rem; letter-spacing: 0.1em; text-align: center; }
.note { color: var(--warn); }
.quiet { color: var(--quiet); font-size: 0.875rem; }
label { display: block; margin: 1rem 0 0.25rem; }
input:not([type]) {
  width: 100%; padding: 0.625rem; font: inherit; color: inherit; background: var(--ground);
  border: 1px solid var(--line); border-radius: 0.375rem;
}
button {
  margin: 1.25rem 0.5rem 0 0; padding: 0.625rem 1.25rem; font: inherit; color: inherit; cursor: pointer;
  background: transparent; border: 1px solid var(--line); border-radius: 0.375rem;
}
button.main, button[value="allow"] { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 30rem) {
  main { margin: 0; min-height: 100vh; border: 0; border-radius: 0; padding: 1.25rem; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 0.5rem; }
}
"""


def visible(text: str) -> str:
    """Write what hides or turns text around as its code point, so that a name reads as what it is."""
    return "".join(
        f"[U+{ord(letter):04X}]" if unicodedata.category(letter) in _UNSEEN else letter for letter in text
    )


def shown(raw: str) -> str:
    """Return a foreign text as HTML: escaped, what is invisible made visible, its direction kept to itself."""
    return f"<bdi>{escape(visible(raw))}</bdi>"


class Frame:
    """Makes pages.

    Args:
        form_key: The same on every node; it marks forms of our own.
        cookie: The name of the session's cookie.
    """

    def __init__(self, form_key: Secret[bytes], cookie: str) -> None:
        self._form_key = form_key
        self._cookie = cookie

    def page(self, title: str, body: str, *, status: int = 200, leads_to: str = "") -> Reply:
        """Return a page.

        Args:
            title: Ours.
            body: HTML in which everything foreign was escaped.
            status: HTTP's.
            leads_to: Where a form's answer may redirect to, beside ourselves: browsers ask the policy.
        """
        policy = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self'{' ' + leads_to if leads_to else ''}"
        )
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)} - SmartAgent</title>"
            f'<link rel="stylesheet" href="{STYLE_PATH}"></head>'
            f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
        )
        headers = (
            ("content-security-policy", policy),
            ("x-frame-options", "DENY"),
            # Nothing goes to others; with `no-referrer` browsers would hide the origin of our own forms, too.
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        )
        return Reply(status, html.encode(), HTML, headers)

    def refusal(self, error: SmartAgentError, request_id: str) -> Reply:
        """Return the page that says what went wrong; a refused authorization request brings its own answer."""
        if isinstance(error, AuthorizationRefused) and isinstance(error.reply, Reply):
            return error.reply
        body = f'<p>{escape(error.title)} {shown(str(error))}</p><p class="quiet">{escape(request_id)}</p>'
        return self.page("This did not work", body, status=status_of(error))

    def form_token(self, inbound: Inbound) -> str:
        """Return a hidden field (HTML) that shows that a form is from our own page, and for this session."""
        return f'<input type="hidden" name="{CSRF_FIELD}" value="{self.token_for(cookie_of(inbound, self._cookie))}">'

    def token_for(self, secret: str) -> str:
        """Return what the forms of a browser's session bring along."""
        return b64u(hmac_sha256(self._form_key, b"form/" + sha256(secret.encode())))

    async def style(self, _inbound: Inbound) -> Reply:
        """Return the style sheet: a plain page, outside the pipeline."""
        return Reply(
            200, STYLE.encode(), "text/css; charset=utf-8", (("cache-control", "public, max-age=3600"),)
        )


def cookie_of(inbound: Inbound, name: str) -> str:
    """Return the value of a cookie; empty when there is none, or more than one: nobody knows whose the other is."""
    found = [
        value
        for key, _, value in (
            part.strip().partition("=") for part in inbound.headers.get("cookie", "").split(";")
        )
        if key == name
    ]
    return found[0] if len(found) == 1 else ""
