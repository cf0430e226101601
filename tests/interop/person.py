# SPDX-License-Identifier: Apache-2.0
"""A person with a browser that shows nothing: they sign in with a one-time code, read forms, and press buttons.

They know the pages only as a reader does: a form with fields, some filled in, and buttons with words.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
import yarl

MOST_PAGES = 12
YES = ("allow", "approve", "grant", "continue", "sign in", "signin", "yes")
NO = ("deny", "refuse", "cancel", "no")


@dataclass
class Form:
    """A form as it stands on a page: where it goes, what it says already, what must be said, and its buttons."""

    action: str
    method: str
    filled: dict = field(default_factory=dict)
    blank: list = field(default_factory=list)
    boxes: dict = field(default_factory=dict)
    buttons: list = field(default_factory=list)


class Page(HTMLParser):
    """Reads forms out of HTML."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.forms = []
        self.scripts = 0
        self._button = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self.scripts += 1
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        if not self.forms:
            return
        if tag == "input":
            self._input(self.forms[-1], given)
        if tag == "button":
            self._button = [given.get("name", ""), given.get("value", ""), ""]
            self.forms[-1].buttons.append(self._button)

    def handle_data(self, data):
        if self._button is not None:
            self._button[2] += data

    def handle_endtag(self, tag):
        if tag == "button":
            self._button = None

    @staticmethod
    def _input(form, given):
        name, value, kind = given.get("name", ""), given.get("value", ""), given.get("type", "text")
        if kind in {"checkbox", "radio"}:
            form.boxes.setdefault(name, []).append((value or "on", "checked" in given, "required" in given))
        elif kind == "submit":
            form.buttons.append([name, value, value])
        elif value or kind == "hidden":
            form.filled[name] = value
        else:
            form.blank.append(name)


class Person:
    """An operator at a browser.  `operator` is their own client of the house, which gives them sign-in codes."""

    def __init__(self, operator, issuer):
        self.operator = operator
        self.issuer = issuer
        self.pages = []
        # A browser sends `__Host-` cookies to loopback without TLS, too.
        origin = yarl.URL(issuer).origin()
        self._jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[origin])
        self._session = aiohttp.ClientSession(cookie_jar=self._jar)

    async def close(self):
        await self._session.close()

    async def visit(self, url, *, allow=True, fill=None):
        """Open a URL and go on as a person does; return where the house sends the browser away to, or "".

        `fill` is what they type into fields that are not about signing in.
        """
        step = ("GET", url, None)
        for _ in range(MOST_PAGES):
            location, page = await self._take(*step)
            if location is None:
                form = self._form_on(page)
                if form is None:
                    return ""
                step = await self._submitted(form, step[1], allow, fill or {})
            elif self._is_ours(location):
                step = ("GET", location, None)
            else:
                return location
        raise AssertionError(f"no end after {MOST_PAGES} pages: {url}")

    async def _take(self, method, url, fields):
        headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
        if method == "POST":
            headers["origin"] = self.issuer
        async with self._session.request(
            method, url, data=fields, headers=headers, allow_redirects=False
        ) as answer:
            if answer.status in {302, 303}:
                return urljoin(url, answer.headers["location"]), None
            page = Page(await answer.text())
            self.pages.append(page)
            assert answer.status == 200, (answer.status, url, page.text)
            assert answer.content_type == "text/html", (url, page.text)
            assert page.scripts == 0
            return None, page

    def _is_ours(self, url):
        return urlsplit(url)[:2] == urlsplit(self.issuer)[:2]

    @staticmethod
    def _form_on(page):
        posts = [form for form in page.forms if form.method == "post" and form.buttons]
        return posts[0] if posts else None

    async def _submitted(self, form, url, allow, fill):
        fields = dict(form.filled) | {name: value for name, value in fill.items() if name in form.blank}
        for name in form.blank:
            if name not in fields:
                fields[name] = await self._sign_in_code()
        for name, choices in form.boxes.items():
            value, checked, required = choices[0]
            if checked or required or allow:
                fields[name] = value
        name, value, _ = self._button(form, allow=allow)
        if name:
            fields[name] = value
        return ("POST", urljoin(url, form.action or url), fields)

    @staticmethod
    def _button(form, *, allow):
        wanted = YES if allow else NO
        for button in form.buttons:
            words = f"{button[1]} {button[2]}".lower()
            if any(word in words for word in wanted):
                return button
        return form.buttons[0]

    async def _sign_in_code(self):
        view = msgspec.json.decode(await self.operator.request("POST", "/v1/sign-in-codes", {}))
        return view["code"]
