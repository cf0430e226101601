# SPDX-License-Identifier: Apache-2.0
"""A house with a console, and an authenticator that signs as real ones do."""

import hashlib
import json
import re

from fido2 import cbor

from smartagent.console import Console, Doorkeeper, Means, Passkeys, console_routes, passkey_routes
from smartagent.crypto import SigningKey, b64u
from smartagent.kernel import Secret
from tests.unit.decoupled.house import Elsewhere
from tests.unit.identity.world import ISSUER

KEY = Secret(b"f" * 32)
USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """A key ring that keeps one passkey, counts, and remembers nothing else."""

    def __init__(self, entropy, origin=ISSUER):
        self.key = SigningKey.generate(entropy)
        self.id = entropy(16)
        self.origin = origin
        self.counter = 0
        self.verifies = True

    def make(self, options):
        """Answer `navigator.credentials.create`, with `attestation: none`."""
        key = {1: 1, 3: -8, -1: 6, -2: self.key.public.raw}
        credential = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor.encode(key)
        told = self._authenticator_data(options["rp"]["id"], ATTESTED) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": told})
        said = self._client_data("webauthn.create", options["challenge"])
        response = {"clientDataJSON": b64u(said), "attestationObject": b64u(attestation)}
        return self._credential(response)

    def use(self, options):
        """Answer `navigator.credentials.get`."""
        self.counter += 1
        told = self._authenticator_data(options["rpId"], 0)
        said = self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(told + hashlib.sha256(said).digest())
        response = {
            "clientDataJSON": b64u(said),
            "authenticatorData": b64u(told),
            "signature": b64u(signature),
            "userHandle": b64u(b"someone"),
        }
        return self._credential(response)

    def _authenticator_data(self, rp_id, flags):
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def _client_data(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _credential(self, response):
        shown = b64u(self.id)
        return {
            "id": shown,
            "rawId": shown,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }


class ConsoleHouse(Elsewhere):
    """One node with a console."""

    def __init__(self, world):
        super().__init__(world)
        directory = world.identity.directory
        self.passkeys = Passkeys(
            clock=world.clock, entropy=world.entropy, database=world.store, issuer=ISSUER, form_key=KEY
        )
        world.open(passkey_routes(self.passkeys))
        self.means = Means(
            clock=world.clock,
            entropy=world.entropy,
            ids=world.ids,
            database=world.store,
            directory=directory,
            people=self.consent.people,
            api=world.router,
            house=world,
            issuer=ISSUER,
            form_key=KEY,
            log_vkey="a log's key",
            health=lambda: {"store": True},
        )
        self.console = Console(self.means, self.passkeys)
        doorkeeper = Doorkeeper(self.consent.people, directory, world.clock)
        world.open(console_routes(self.console), doorkeeper.authenticators())

    async def post(self, path, body, headers=None):
        """Send JSON as a page's script does."""
        sent = {"origin": ISSUER, **(headers or {})}
        return await self.world.send(self.world.inbound("POST", path, body, sent))

    def csrf(self, cookie):
        return {"cookie": cookie, "x-csrf": self.consent.people.frame.token_for(cookie.partition("=")[2])}

    async def add_passkey(self, cookie, authenticator, name="Phone"):
        answer = authenticator.make(self.passkeys.creation("someone", "Ada"))
        body = {"name": name, "answer": answer}
        return await self.post("/console/account/passkeys", body, self.csrf(cookie))


def cookie_of(reply):
    """Return the cookie that a reply sets."""
    return next(value for name, value in reply.headers if name == "set-cookie").partition(";")[0]


def text_of(reply):
    return re.sub(r"\s+", " ", reply.body.decode())
