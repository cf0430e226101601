# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256 verifiers: what a database keeps of a password, so that the password need not be sent to it.

Spec: RFC 5802 section 3, RFC 7677; PostgreSQL keeps it as SCRAM-SHA-256$<count>:<salt>$<stored>:<server>.
"""

import base64
import hashlib
import hmac
from typing import Final

from smartagent.kernel import Entropy, Secret

ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16


def scram_verifier(password: Secret[str], entropy: Entropy) -> str:
    """Return the verifier of `password`, which must be ASCII: what SASLprep would change is not made here.

    Args:
        password: As it will be typed.
        entropy: For the salt.
    """
    salt = entropy(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode("ascii"), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode("ascii") for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
