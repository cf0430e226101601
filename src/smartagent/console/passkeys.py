# SPDX-License-Identifier: Apache-2.0
"""Passkeys: how an operator signs in with what their device or key ring holds.

The challenge is the house's own and is used once, wherever the answer arrives: it says until when it is good,
and is marked with a key that every node has.  The authenticator has to verify its person (a finger, a face, a
PIN), and a counter that goes backwards is a copy, which is refused.

    GET page -> challenge -> browser -> authenticator -> POST answer -> claim of the challenge + session

Spec: WebAuthn Level 3 sections 7.1 and 7.2; section 6.1.1 for the counter.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    RegistrationResponse,
)

from smartagent.console.errors import PasskeyRefused
from smartagent.console.model import Passkey, PasskeyList, PasskeyView
from smartagent.console.store import add_passkey, drop_passkey, read_passkey, read_passkeys_of, use_passkey
from smartagent.crypto import b64u, claim_key, equal, hmac_sha256, unb64u
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity import parse_name
from smartagent.kernel import Caller, Claim, Clock, Entropy, Secret, SmartAgentError, Write, rfc3339
from smartagent.storage import Database

CHALLENGE_SECONDS: Final = 300
_NONCE_BYTES: Final = 16
_UNTIL_BYTES: Final = 8
_MARK_BYTES: Final = 32
_ALGORITHMS: Final = (-8, -7, -257)
"""COSE: Ed25519, ES256, RS256."""
_REQUIRED: Final = "required"


class ClientSays(msgspec.Struct):
    """What an authenticator's answer says of the challenge, before anything of it is believed."""

    challenge: str


class _Answer(msgspec.Struct):
    clientDataJSON: str  # noqa: N815 -- WebAuthn's name


class UnverifiedAnswer(msgspec.Struct):
    """A browser's `PublicKeyCredential.toJSON()`, as sent."""

    id: str
    response: _Answer


class PasskeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/passkeys`: what it shall be called, and what the browser answered."""

    name: str
    answer: dict[str, object]


class Used(msgspec.Struct, frozen=True):
    """A passkey that proved who is there: what is used up, and what is written when it counts."""

    person: str
    claim: Claim
    write: Write


class Passkeys:
    """Takes passkeys, and checks them.

    Args:
        clock: Says until when a challenge is good.
        entropy: Makes challenges.
        database: Has the passkeys.
        issuer: The house's URL; passkeys are bound to its host.
        form_key: The same on every node; it marks challenges of our own.
    """

    def __init__(
        self, *, clock: Clock, entropy: Entropy, database: Database, issuer: str, form_key: Secret[bytes]
    ) -> None:
        self._clock = clock
        self._entropy = entropy
        self._database = database
        self._form_key = form_key
        parts = urlsplit(issuer)
        self.rp_id = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(name="SmartAgent", id=self.rp_id),
            verify_origin=lambda origin: origin == self._origin,
        )

    @property
    def possible(self) -> bool:
        """Whether browsers have passkeys for this issuer: never for a mere IP address.

        Spec: WebAuthn section 5.1.3 (the effective domain); HTML, "is a registrable domain suffix".
        """
        return not self.rp_id.replace(".", "").isdigit() and ":" not in self.rp_id

    def challenge(self) -> str:
        """Make a challenge, in base64url."""
        until = int(self._clock.now()) + CHALLENGE_SECONDS
        told = self._entropy(_NONCE_BYTES) + until.to_bytes(_UNTIL_BYTES)
        return b64u(told + hmac_sha256(self._form_key, b"passkey/" + told))

    def creation(self, handle: str, name: str) -> dict[str, object]:
        """Return what a browser needs to make a passkey (`PublicKeyCredentialCreationOptionsJSON`).

        Args:
            handle: What the authenticator keeps to know the person by; opaque.
            name: What the authenticator shows its person.
        """
        return {
            "rp": {"id": self.rp_id, "name": "SmartAgent"},
            "user": {"id": b64u(handle.encode()), "name": name, "displayName": name},
            "challenge": self.challenge(),
            "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in _ALGORITHMS],
            "authenticatorSelection": {"residentKey": _REQUIRED, "userVerification": _REQUIRED},
            "attestation": "none",
        }

    def request(self) -> dict[str, object]:
        """Return what a browser needs to use a passkey (`PublicKeyCredentialRequestOptionsJSON`)."""
        return {"rpId": self.rp_id, "challenge": self.challenge(), "userVerification": _REQUIRED}

    def taken(self, person: str, name: str, answer: Mapping[str, object]) -> tuple[Passkey, Claim]:
        """Return the passkey that a browser made for `person`, and the challenge that it uses up.

        Raises:
            PasskeyRefused: It was made elsewhere, without its person, or for a challenge that is none.
            MalformedName: The name is none.
        """
        state, claim = self._state(answer)
        try:
            made = self._server.register_complete(state, RegistrationResponse.from_dict(answer))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PasskeyRefused(str(error)[:200]) from error
        if made.credential_data is None:
            raise PasskeyRefused("there is no credential in it")
        now = int(self._clock.now())
        passkey = Passkey(
            id=b64u(made.credential_data.credential_id),
            person=person,
            name=parse_name(name),
            credential=bytes(made.credential_data),
            counter=made.counter,
            created_at=now,
            used_at=0,
        )
        return passkey, claim

    async def used(self, answer: Mapping[str, object]) -> Used:
        """Return who is there, by what their passkey answered.

        Raises:
            PasskeyRefused: It is unknown, a copy, from elsewhere, or answered something else.
            StoreUnavailable: The store cannot be read.
        """
        state, claim = self._state(answer)
        known = await read_passkey(self._database, _parse(answer).id)
        if known is None:
            raise PasskeyRefused("the passkey is unknown")
        try:
            read = AuthenticationResponse.from_dict(answer)
            if read is None:
                raise PasskeyRefused("there is no answer")
            self._server.authenticate_complete(state, [AttestedCredentialData(known.credential)], read)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PasskeyRefused(str(error)[:200]) from error
        counter = read.response.authenticator_data.counter
        # Many authenticators do not count at all; one that does never goes back.
        if counter <= known.counter and (counter or known.counter):
            raise PasskeyRefused("the counter went backwards: there is a copy of it")
        write = use_passkey(known, counter, now=int(self._clock.now()))
        return Used(known.person, claim, write)

    async def list_own(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """List the caller's passkeys."""
        found = await read_passkeys_of(self._database, caller.principal)
        return Outcome(Reply(200, PasskeyList([_view(each) for each in found])))

    async def add(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take a passkey that the caller's browser made.

        Raises:
            PasskeyRefused: It cannot be taken.
            MalformedName: The name is none.
        """
        asked = parse_json(inbound.body, PasskeyRequest)
        passkey, claim = self.taken(caller.principal, asked.name, asked.answer)
        return Outcome(
            Reply(201, _view(passkey)),
            subject=caller.principal,
            detail={"passkey": passkey.id[:64], "name": passkey.name},
            claims=(claim,),
            writes=(add_passkey(passkey),),
        )

    async def remove(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Forget one of the caller's passkeys.

        Raises:
            PasskeyNotFound: The caller has no such passkey.
        """
        passkey = inbound.params["id"]
        return Outcome(
            Reply(204),
            subject=caller.principal,
            detail={"passkey": passkey[:64]},
            writes=(drop_passkey(passkey, caller.principal),),
        )

    def _state(self, answer: Mapping[str, object]) -> tuple[dict[str, str], Claim]:
        """Return what the library compares with, for a challenge of ours that is still good."""
        said = _parse(answer).response.clientDataJSON
        try:
            challenge = msgspec.json.decode(unb64u(said), type=ClientSays).challenge
            raw = unb64u(challenge)
        except (msgspec.DecodeError, SmartAgentError) as error:
            raise PasskeyRefused("what the browser said is malformed") from error
        told, mark = raw[:-_MARK_BYTES], raw[-_MARK_BYTES:]
        if not equal(mark, hmac_sha256(self._form_key, b"passkey/" + told)):
            raise PasskeyRefused("the challenge is none of ours")
        until = int.from_bytes(told[_NONCE_BYTES:])
        if self._clock.now() >= until:
            raise PasskeyRefused("the challenge is too old")
        used = Claim(claim_key("passkey", challenge), until, PasskeyRefused("the challenge was used"))
        return {"challenge": challenge, "user_verification": _REQUIRED}, used


def _parse(answer: Mapping[str, object]) -> UnverifiedAnswer:
    try:
        return msgspec.convert(answer, UnverifiedAnswer)
    except msgspec.ValidationError as error:
        raise PasskeyRefused("the answer is malformed") from error


def _view(passkey: Passkey) -> PasskeyView:
    used_at = rfc3339(passkey.used_at) if passkey.used_at else ""
    return PasskeyView(passkey.id, passkey.name, rfc3339(passkey.created_at), used_at)
