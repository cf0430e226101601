# SPDX-License-Identifier: Apache-2.0
"""What identity can be asked to do."""

from smartagent.edge import Proof, Route
from smartagent.identity.service import Identity
from smartagent.identity.shapes import (
    AgentPage,
    AgentView,
    AttestRequest,
    ChallengeRequest,
    ChallengeView,
    ClaimLinkView,
    ClaimRequest,
    EnrolmentRequest,
    EnrolmentView,
    EnrolRequest,
    NextKeyRequest,
    OperatorList,
    OperatorView,
    StandingRequest,
    StatusRequest,
)


def identity_routes(identity: Identity) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_operators(identity), *_newcomers(identity), *_agents(identity), *_inventory(identity))


def _operators(identity: Identity) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/v1/claims",
            Proof.CLAIM_LINK,
            "claims.use",
            "operator.claimed",
            identity.claiming.claim,
            summary="Become an operator by a claim link",
            request_schema=ClaimRequest,
            reply_schema=OperatorView,
        ),
        Route(
            "POST",
            "/v1/claim-links",
            Proof.ACCESS_TOKEN,
            "claim-links.create",
            "claim-link.created",
            identity.claiming.invite,
            summary="Make a claim link for another operator",
            reply_schema=ClaimLinkView,
        ),
        Route(
            "GET",
            "/v1/operators",
            Proof.ACCESS_TOKEN,
            "operators.read",
            "operators.listed",
            identity.inventory.list_operators,
            summary="List operators",
            reply_schema=OperatorList,
        ),
    )


def _newcomers(identity: Identity) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/v1/enrolments",
            Proof.ACCESS_TOKEN,
            "enrolments.create",
            "enrolment.created",
            identity.enrolling.invite,
            summary="Make a one-time enrolment token for a role",
            request_schema=EnrolmentRequest,
            reply_schema=EnrolmentView,
        ),
        Route(
            "POST",
            "/v1/agents",
            Proof.ENROLMENT,
            "agents.enrol",
            "agent.enrolled",
            identity.enrolling.enrol,
            summary="Enrol an agent",
            request_schema=EnrolRequest,
            reply_schema=AgentView,
        ),
        Route(
            "POST",
            "/v1/agents/attest",
            Proof.WORKLOAD,
            "agents.attest",
            "agent.attested",
            identity.attesting.attest,
            summary="Enrol a workload by a token of an outside issuer that is trusted",
            request_schema=AttestRequest,
            reply_schema=AgentView,
        ),
    )


def _agents(identity: Identity) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/v1/agents/{id}/key",
            Proof.NEXT_KEY,
            "agents.rekey",
            "agent.rekeyed",
            identity.rekeying.replace,
            summary="Put an agent's next key in force, which the agent made itself",
            max_body_bytes=1024,
            request_schema=NextKeyRequest,
            reply_schema=AgentView,
        ),
        Route(
            "POST",
            "/v1/challenges",
            Proof.NONE,
            "challenges.create",
            "challenge.issued",
            identity.challenges.create,
            summary="Get a nonce to sign",
            max_body_bytes=1024,
            request_schema=ChallengeRequest,
            reply_schema=ChallengeView,
        ),
    )


def _inventory(identity: Identity) -> tuple[Route, ...]:
    inventory = identity.inventory
    return (
        Route(
            "GET",
            "/v1/agents",
            Proof.ACCESS_TOKEN,
            "agents.read",
            "agents.listed",
            inventory.list_agents,
            summary="List agents",
            reply_schema=AgentPage,
        ),
        Route(
            "GET",
            "/v1/agents/{id}",
            Proof.ACCESS_TOKEN,
            "agents.read",
            "agent.read",
            inventory.get_agent,
            summary="Show an agent",
            reply_schema=AgentView,
        ),
        Route(
            "POST",
            "/v1/agents/{id}/status",
            Proof.ACCESS_TOKEN,
            "agents.write",
            "agent.status-changed",
            inventory.change_status,
            summary="Suspend, resume or retire an agent",
            request_schema=StatusRequest,
            reply_schema=AgentView,
        ),
        Route(
            "POST",
            "/v1/agents/{id}/standing",
            Proof.ACCESS_TOKEN,
            "agents.write",
            "agent.standing-changed",
            inventory.change_standing,
            summary="Say how far an agent is trusted; policies may ask for it",
            request_schema=StandingRequest,
            reply_schema=AgentView,
        ),
    )
