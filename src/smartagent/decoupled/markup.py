# SPDX-License-Identifier: Apache-2.0
"""The room's pages as HTML: every foreign text escaped, nothing hidden in it, and no script anywhere."""

from collections.abc import Sequence
from html import escape
from typing import Final

from smartagent.consent import shown
from smartagent.decoupled.model import Channel, ConsentRequest
from smartagent.decoupled.ports import CallCard
from smartagent.decoupled.rules import USER_CODE_CHARS, shown_code
from smartagent.kernel import rfc3339

_AGENT: Final = "agt_"
_WHO: Final = {"openid": "who you are", "profile": "your name"}


def code_form(token: str, code: str) -> str:
    """Return the form that asks for the code.

    Args:
        token: The hidden field that shows the form is ours.
        code: What the link said; the person must compare it all the same.
    """
    given = shown_code(code) if code else ""
    hint = (
        "<p>A link brought this code here. Go on only if <strong>your own device</strong> shows the very same.</p>"
        if code
        else "<p>Enter the code that your device shows.</p>"
    )
    return (
        f'{hint}<form method="post" action="/oauth/device">{token}'
        f'<label for="user_code">Code</label> '
        f'<input id="user_code" name="user_code" value="{escape(given)}" required '
        f'maxlength="{USER_CODE_CHARS * 2}" autocomplete="off" autocapitalize="characters" spellcheck="false">'
        '<button type="submit">Continue</button></form>'
        "<p>Did somebody send you a code, or ask you for one? Then close this page: it would give them your access.</p>"
    )


def device_decision(token: str, request: ConsentRequest, code: str) -> str:
    """Return what a device asks for, and the form that decides it."""
    shown = escape(shown_code(code))
    return (
        f"<p>A device asks to act with your access. It must show this code:</p>"
        f'<p class="code"><strong>{shown}</strong></p>{_facts(request)}'
        f'<form method="post" action="/oauth/device">{token}'
        f'<input type="hidden" name="user_code" value="{shown}">'
        '<label><input type="checkbox" name="confirmed" value="yes" required> '
        f"The device in front of me shows {shown}, and I started this myself.</label>"
        f"{_BUTTONS}</form>"
    )


def waiting_list(token: str, requests: Sequence[tuple[ConsentRequest, CallCard | None]]) -> str:
    """Return all that waits for a person, with the calls that it is about."""
    if not requests:
        return "<p>Nothing waits for you.</p>"
    return "".join(f"<section>{_waiting(token, *each)}</section>" for each in requests)


def done(sentence: str, back: str) -> str:
    """Return the last page: what happened, and a way back."""
    return f'<p>{escape(sentence)}</p><p><a href="{escape(back)}">Back</a></p>'


def _waiting(token: str, request: ConsentRequest, card: CallCard | None) -> str:
    if request.channel is Channel.DEVICE:
        # The code is not kept, so it cannot be compared here.
        return (
            f"<h2>A device</h2>{_facts(request)}"
            '<p>You entered its code. <a href="/oauth/device">Enter it again</a> to decide.</p>'
        )
    return (
        f"<h2>{_name(request)}</h2>{_facts(request)}{_call(request, card)}"
        f'<form method="post" action="/oauth/requests">{token}'
        f'<input type="hidden" name="id" value="{escape(request.id)}">{_BUTTONS}</form>'
    )


_BUTTONS: Final = (
    '<button type="submit" name="decision" value="allow">Allow</button> '
    '<button type="submit" name="decision" value="deny" formnovalidate>Deny</button>'
)


def _call(request: ConsentRequest, card: CallCard | None) -> str:
    if not request.approval:
        return ""
    if card is None:
        return '<p class="note">The call that it asked about does not wait any more.</p>'
    rows = "".join(f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in card.lines)
    notes = "".join(f'<p class="note">{shown(note)}</p>' for note in card.notes)
    return f"<p>If you allow it, this is done once:</p><p><strong>{shown(card.title)}</strong></p><dl>{rows}</dl>{notes}"


def _facts(request: ConsentRequest) -> str:
    who = "An agent, which will act in your name" if request.client_id.startswith(_AGENT) else "A client"
    rows = [
        ("Who asks", f"{_name(request)} <code>{shown(request.client_id)}</code>"),
        ("What it is", escape(who)),
        ("What for", _scopes(request.scope)),
        ("Where", shown(request.resource) if request.resource else "the gateway of this house"),
        ("Asked from", f"{shown(request.client_ip)} at {escape(rfc3339(request.created_at))}"),
        ("Good until", escape(rfc3339(request.expires_at))),
    ]
    if request.binding_message:
        rows.insert(0, ("It says", f"<strong>{shown(request.binding_message)}</strong>"))
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"


def _name(request: ConsentRequest) -> str:
    return shown(request.client_name) if request.client_name else "A client without a name"


def _scopes(scope: str) -> str:
    names = [f"<li>{shown(name)}{f' ({_WHO[name]})' if name in _WHO else ''}</li>" for name in scope.split()]
    return f"<ul>{''.join(names)}</ul>"
