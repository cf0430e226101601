# SPDX-License-Identifier: Apache-2.0
"""What SCIM asks about the service itself.

Spec: RFC 7644 section 4.
"""

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.governance.errors import ScimMalformed, ScimNotFound, ScimNotImplemented
from smartagent.governance.scim.answers import MEDIA_TYPE, listed, parse_query
from smartagent.governance.scim.schemas import ABOUT, SERVED, Document, service_provider_config
from smartagent.kernel import Caller


class About:
    """Says what is served.  `base` is the authority's URL."""

    def __init__(self, base: str) -> None:
        self._config = service_provider_config(base)
        self._types = {each.name: each.resource_type(base) for each in SERVED}
        self._schemas = {each.id: each.document(base) for each in (*SERVED, *ABOUT)}

    async def config(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Show what is served."""
        return Outcome(Reply(200, self._config, MEDIA_TYPE))

    async def types(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """List the kinds of resources."""
        return _all(self._types, inbound)

    async def type(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show one kind of resource.

        Raises:
            ScimNotFound: There is none of this name.
        """
        return _one(self._types, inbound)

    async def schemas(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """List the schemas."""
        return _all(self._schemas, inbound)

    async def schema(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show one schema.

        Raises:
            ScimNotFound: There is none of this id.
        """
        return _one(self._schemas, inbound)

    async def nothing(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Say that nothing lives here.

        Raises:
            ScimNotFound: Always.
        """
        raise ScimNotFound("nothing is served here")

    async def search(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Say that several kinds of resources are not searched at once.

        Raises:
            ScimNotImplemented: Always.
        """
        raise ScimNotImplemented("ask for users or for groups")


def _all(known: dict[str, Document], inbound: Inbound) -> Outcome:
    query = parse_query(inbound.query)
    if query.filter:
        # RFC 7644 section 4: a filter here is refused.
        raise ScimMalformed("this is not filtered", "invalidFilter")
    return Outcome(listed(list(known.values()), len(known), query))


def _one(known: dict[str, Document], inbound: Inbound) -> Outcome:
    found = known.get(inbound.params["id"])
    if found is None:
        raise ScimNotFound("there is none of this id")
    return Outcome(Reply(200, found, MEDIA_TYPE))
