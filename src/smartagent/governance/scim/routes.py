# SPDX-License-Identifier: Apache-2.0
"""Where directories send, and where operators say what they may."""

from smartagent.edge import Proof, Route
from smartagent.governance.scim.answers import MAX_BODY_BYTES, MEDIA_TYPES, refused
from smartagent.governance.scim.service import Scim
from smartagent.governance.scim.sources import MadeView, PeopleList, SourceList, SourceRequest
from smartagent.policy import Permission


def scim_routes(scim: Scim) -> tuple[Route, ...]:
    """Return SCIM's routes, and those on directories."""
    return (*_sources(scim), *_about(scim), *_users(scim), *_groups(scim))


def _sources(scim: Scim) -> tuple[Route, ...]:
    sources = scim.sources
    return (
        Route(
            method="PUT",
            path="/v1/scim-sources/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SCIM_SOURCES_WRITE,
            event="scim-source.written",
            act=sources.put,
            summary="Let a directory tell of people, and make its token, which is shown once",
            request_schema=SourceRequest,
            reply_schema=MadeView,
        ),
        Route(
            method="DELETE",
            path="/v1/scim-sources/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SCIM_SOURCES_WRITE,
            event="scim-source.deleted",
            act=sources.drop,
            summary="Take no more word from a directory",
        ),
        Route(
            method="GET",
            path="/v1/scim-sources",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SCIM_SOURCES_READ,
            event="scim-sources.read",
            act=sources.show_all,
            summary="List the directories",
            reply_schema=SourceList,
        ),
        Route(
            method="GET",
            path="/v1/people",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SCIM_SOURCES_READ,
            event="people.read",
            act=sources.people,
            summary="List the people who can answer for agents, and those who left",
            reply_schema=PeopleList,
        ),
    )


def _about(scim: Scim) -> tuple[Route, ...]:
    about = scim.about
    return (
        Route(
            method="GET",
            path="/scim/v2/ServiceProviderConfig",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.described",
            act=about.config,
            summary="Say what of SCIM is served (RFC 7643 section 5)",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="GET",
            path="/scim/v2/ResourceTypes",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.described",
            act=about.types,
            summary="List the kinds of SCIM resources",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="GET",
            path="/scim/v2/ResourceTypes/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.described",
            act=about.type,
            summary="Show a kind of SCIM resource",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        *_schemas(scim),
    )


def _schemas(scim: Scim) -> tuple[Route, ...]:
    about = scim.about
    return (
        Route(
            method="GET",
            path="/scim/v2/Schemas",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.described",
            act=about.schemas,
            summary="List the SCIM schemas",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="GET",
            path="/scim/v2/Schemas/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.described",
            act=about.schema,
            summary="Show a SCIM schema",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="GET",
            path="/scim/v2/{path}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.missed",
            act=about.nothing,
            summary="Say that SCIM serves nothing there",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="POST",
            path="/scim/v2/.search",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim.missed",
            act=about.search,
            summary="Say that users and groups are not searched at once",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
    )


def _users(scim: Scim) -> tuple[Route, ...]:
    users = scim.users
    return (
        Route(
            method="GET",
            path="/scim/v2/Users",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim-users.listed",
            act=users.list_all,
            summary="List the users of the directory; filter, startIndex, count",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="POST",
            path="/scim/v2/Users",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-user.created",
            act=users.create,
            summary="Take in a user",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="GET",
            path="/scim/v2/Users/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim-user.read",
            act=users.show,
            summary="Show a user",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        *_changed_users(scim),
    )


def _changed_users(scim: Scim) -> tuple[Route, ...]:
    users = scim.users
    return (
        Route(
            method="PUT",
            path="/scim/v2/Users/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-user.changed",
            act=users.replace,
            summary="Write all of a user anew",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="PATCH",
            path="/scim/v2/Users/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-user.changed",
            act=users.patch,
            summary="Change some of a user",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="DELETE",
            path="/scim/v2/Users/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-user.deleted",
            act=users.delete,
            summary="Delete a user",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
    )


def _groups(scim: Scim) -> tuple[Route, ...]:
    groups = scim.groups
    return (
        Route(
            method="GET",
            path="/scim/v2/Groups",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim-groups.listed",
            act=groups.list_all,
            summary="List the groups of the directory; filter, startIndex, count",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        Route(
            method="POST",
            path="/scim/v2/Groups",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-group.created",
            act=groups.create,
            summary="Take in a group",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="GET",
            path="/scim/v2/Groups/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_READ,
            event="scim-group.read",
            act=groups.show,
            summary="Show a group",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
        *_changed_groups(scim),
    )


def _changed_groups(scim: Scim) -> tuple[Route, ...]:
    groups = scim.groups
    return (
        Route(
            method="PUT",
            path="/scim/v2/Groups/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-group.changed",
            act=groups.replace,
            summary="Write all of a group anew",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="PATCH",
            path="/scim/v2/Groups/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-group.changed",
            act=groups.patch,
            summary="Change some of a group",
            render=refused,
            media_types=MEDIA_TYPES,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        Route(
            method="DELETE",
            path="/scim/v2/Groups/{id}",
            proof=Proof.SCIM_TOKEN,
            permission=Permission.SCIM_WRITE,
            event="scim-group.deleted",
            act=groups.delete,
            summary="Delete a group",
            render=refused,
            media_types=MEDIA_TYPES,
        ),
    )
