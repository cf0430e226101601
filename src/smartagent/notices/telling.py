# SPDX-License-Identifier: Apache-2.0
"""Making notices: a write for the commit of what they tell of, so that a notice exists exactly when that does."""

from collections.abc import Sequence

from smartagent.kernel import Clock, IdPrefix, Ids, Write
from smartagent.notices.model import Notice, NoticeKind
from smartagent.notices.rules import MAX_TITLE_CHARS, cleaned, cleaned_lines, quiet_since
from smartagent.notices.store import add_notice


class Teller:
    """Makes notices.  Touches nothing.

    Args:
        clock: Says when.
        ids: Names them.
        issuer: The authority's URL, which links begin with.
    """

    def __init__(self, clock: Clock, ids: Ids, issuer: str) -> None:
        self._clock = clock
        self._ids = ids
        self._issuer = issuer

    def notice(self, kind: NoticeKind, subject: str, title: str, lines: Sequence[str], link: str) -> Notice:
        """Return a notice of this instant."""
        return Notice(
            id=self._ids.new(IdPrefix.NOTICE),
            kind=kind,
            subject=subject,
            title=cleaned(title, MAX_TITLE_CHARS),
            lines=cleaned_lines(lines),
            link=self._issuer + link,
            made_at=int(self._clock.now()),
        )

    def tell(self, kind: NoticeKind, subject: str, title: str, lines: Sequence[str], link: str) -> Write:
        """Return the write that makes the notice wait in every channel that takes it."""
        notice = self.notice(kind, subject, title, lines, link)
        return add_notice(notice, quiet_since(kind, notice.made_at))
