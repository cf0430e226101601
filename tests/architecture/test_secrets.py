# SPDX-License-Identifier: Apache-2.0
"""Where secrets are opened, and that nothing prints one.

`REVEALS` is the whole list of functions that call `Secret.reveal()`.  A new one is a decision:
it comes with the reason why the material itself is needed there.
"""

import ast
import copy
import json
import logging
import pickle
import traceback
from collections import Counter

import msgspec
import pytest

from smartagent.crypto import SigningKey
from smartagent.kernel import Secret
from tests.architecture.tree import FILES, SRC

CANARY = "canary-7f3a9c-that-must-never-be-seen"

REVEALS = {
    "accounts/endpoint.py ask_for_tokens": "the provider's token endpoint takes them",
    "accounts/refreshing.py Refresher._opened": "it becomes text again",
    "accounts/refreshing.py _bytes_of": "it is sealed",
    "accounts/service.py Accounts.token": "the vault takes bytes",
    "mcp/credentials.py Credentials._account": "the server takes bytes, and they are compared with the ones before",
    "mcp/dialling.py _credential": "the server is presented with it",
    "mcp/scrubbing.py _misread": "it is searched for as somebody misread it",
    "mcp/spawning.py environment_of": "the program reads it from its environment",
    "leases/backends/oauth.py OAuthBackend.issue": "a lease's fields are text",
    "cli/ctl/claiming.py _move_to_keyring": "the operating system's key ring keeps the operator's own key",
    "cli/ctl/drilling.py Drill._furnish": "the drill presents the canary's token",
    "cli/ctl/drilling.py Drill._try_github": "the drill presents the canary's token",
    "cli/ctl/drilling.py Drill._try_mariadb": "host, port and user of the canary's login are read",
    "cli/ctl/drilling.py Drill._try_postgres": "host, port and user of the canary's login are read",
    "cli/scan/editing.py original": "a file must still have the key where it was found",
    "cli/scan/model.py digest_of": "its keyed digest tells it from others",
    "cli/scan/planning.py plan_for": "whether there are two different keys is looked at",
    "cli/run/proxy.py LocalProxy._pass_on": "the gateway is asked with the session's token",
    "crypto/certificates.py CertificateAuthority.__init__": "it becomes the authority's key",
    "gateway/intercept.py _context": "the TLS library gets the leaf's key, in memory",
    "server/rootkeys.py gateway_ca": "a part of it, hashed, is the authority's name",
    "cli/run/runner.py _check_role": "the session's own token says which role it is of",
    "cli/run/runner.py _keep_telling": "the watcher ends the session with its token, over a pipe",
    "cli/run/runner.py _run": "the program that was asked for gets what it was given, in its environment",
    "cli/run/runner.py _with_child": "the watcher ends the session with its token, over a pipe",
    "cli/run/socket.py CredentialSocket._answer": "the program that was asked for gets what it was given, over its socket",
    "crypto/digest.py derive": "the root goes into HKDF",
    "crypto/digest.py hmac_sha256": "the MAC's key goes into the MAC",
    "crypto/envelope.py rewrap": "the keys go to the cipher",
    "crypto/envelope.py unseal": "the key goes to the cipher",
    "crypto/envelope.py seal": "what is sealed goes into the cipher",
    "crypto/keys.py SigningKey.__init__": "libsodium makes the key pair of the seed",
    "crypto/keys.py SigningKey.seed": "half of the pair is the seed, to be sealed",
    "crypto/keys.py SigningKey.sign": "libsodium signs with the pair",
    "crypto/nist.py EcSigningKey.__init__": "the private key is made of its scalar",
    "crypto/nist.py RsaSigningKey.__init__": "the private key is read from PKCS #8",
    "crypto/nist.py rsa_from_pem": "the private key is read from PEM",
    "crypto/sshcert.py _load": "the CA's private key is read",
    "drivers/aws.py ask_aws": "the library signs requests with the key",
    "drivers/keyservices.py AwsKms.wrap": "the service wraps the root key",
    "drivers/keyservices.py GoogleKms.wrap": "the service wraps the root key",
    "drivers/keyservices.py VaultTransit.wrap": "the service wraps the root key",
    "drivers/keyservices.py _gcm_wrap": "the module wraps the root key",
    "drivers/secretstores.py _from_vault": "the token is presented to the store",
    "vault/fitting.py _misfit": "a secret that could never be sent is refused when it is bound or written",
    "vault/elsewhere.py Elsewhere._read_again": "whether it changed is looked at",
    "vault/elsewhere.py Elsewhere._read_outside": "its length is looked at",
    "crypto/stretch.py open_stream": "the passphrase's key goes to the cipher",
    "crypto/stretch.py seal_stream": "the passphrase's key goes to the cipher",
    "crypto/stretch.py stretch": "scrypt takes the passphrase",
    "server/backup.py _contents": "it is what the sealed file is for",
    "server/rootkey.py _unwrapped": "its length is looked at",
    "server/rootkey.py keep_root_key": "it goes into its file, or is compared with what was wrapped",
    "drivers/mariadb.py MariaDbAdmin._pool": "the driver logs in",
    "drivers/mariadb.py MariaDbAdmin.check_login": "the driver logs in",
    "drivers/mariadb.py _hash": "the hash is made of the password, so that this need not be sent",
    "drivers/postgres.py PostgresAdmin._connect": "the driver logs in",
    "drivers/postgres.py PostgresAdmin._pool": "the driver logs in",
    "drivers/scram.py scram_verifier": "the verifier is made of the password, so that this need not be sent",
    "gateway/inject.py inject": "it goes into the request to the upstream",
    "gateway/jsonbody.py with_member": "it goes into the body of the request",
    "gateway/plan.py _placed": "the credential takes the form of its place in the request",
    "gateway/plan.py plan_for": "connections that prove themselves by it are known by its digest",
    "gateway/sigv4.py AwsSigner.secrets": "what is scrubbed is the keys, whatever stands around them",
    "gateway/sigv4.py AwsSigner.sign": "the secret key signs the request, and the session token goes with it",
    "gateway/sigv4.py aws_signer": "the vault's one value is an id, a key and perhaps a token",
    "crypto/chains.py check_client_certificate": "the key must be the certificate's",
    "crypto/chains.py load_chain": "the TLS library gets the key, in memory",
    "gateway/variants.py forms_of": "what is scrubbed must be known in every form it could come back in",
    "leases/backends/aws.py _account": "a key of the vault is bytes, and AWS's is text",
    "leases/backends/github.py GithubBackend._delete": "the token itself asks for its end",
    "leases/backends/github.py GithubBackend.revoke": "what was kept is bytes, and a token is text",
    "leases/backends/mariadb.py _fields": "the agent gets the password in a URL, too",
    "leases/backends/postgresql.py _fields": "the agent gets the password in a URL, too",
    "leases/backends/secret.py SecretBackend.issue": "the agent leases the secret itself",
    "leases/desk.py Desk._told": "what was made is told to the agent, once",
    "rotation/backends/aws.py AwsKeyRotator.make": "id and secret go into the vault as one",
    "rotation/backends/aws.py _account": "and come out of it as two",
    "rotation/backends/passwords.py PasswordRotator._log_in": "the driver logs in with it",
    "rotation/backends/passwords.py PasswordRotator._set": "the driver makes its verifier",
    "rotation/backends/http.py _Filler._named": "the key goes into the request that its API wants it in",
    "sdk/keyfile.py _write": "the holder's own key file, mode 0600",
    "signals/transmit.py Transmitter._headers": "what a receiver asked for goes into the request to it",
    "notices/backends/mail.py Mail._hand_in": "the mail server is logged in to",
    "server/worker.py _announce": "the first claim link is shown to whoever started the house",
}
SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def reveals():
    """Count calls, and also bare mentions: `map(Secret.reveal, ...)` opens secrets too."""
    found = Counter()
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, node in walk(tree, ""):
            if isinstance(node, ast.Attribute) and node.attr == "reveal":
                found[f"{path.relative_to(SRC)} {name}"] += 1
    return found


def walk(node, name):
    for child in ast.iter_child_nodes(node):
        inner = f"{name}.{child.name}".lstrip(".") if isinstance(child, SCOPES) else name
        yield name, child
        yield from walk(child, inner)


def test_every_reveal_stands_on_the_list():
    assert set(reveals()) - set(REVEALS) == set()


def test_the_list_of_reveals_names_nothing_that_is_gone():
    assert set(REVEALS) - set(reveals()) == set()


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{!r}".format, "{0:>40}".format, lambda s: f"{s}", ascii],
)  # fmt: skip
def test_a_secret_is_not_printed_however_it_is_asked(show):
    assert "canary" not in show(Secret(CANARY))


@pytest.mark.parametrize(
    "encode",
    [
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        pickle.dumps,
        copy.deepcopy,
    ],
    ids=lambda e: f"{e.__module__}.{e.__name__}",
)
def test_a_secret_is_not_encoded(encode):
    with pytest.raises((TypeError, NotImplementedError)):
        encode({"secret": Secret(CANARY)})


def test_a_secret_has_no_members_to_list():
    assert not hasattr(Secret(CANARY), "__dict__")
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def fail_with(held):
    raise ValueError(held)


def test_a_traceback_with_locals_does_not_show_a_secret():
    held = Secret(CANARY)
    try:
        fail_with(held)
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret(" in shown
    assert "canary" not in shown


def test_logging_a_secret_shows_that_it_is_one(caplog):
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("smartagent").error("opened %s and %r", Secret(CANARY), [Secret(CANARY)])
    assert "canary" not in caplog.text
    assert "********" in caplog.text


def test_a_signing_key_does_not_show_its_seed():
    seed = b"canary-seed-of-thirty-two-bytes!"
    key = SigningKey.from_seed(Secret(seed))
    for shown in (repr(key), str(key), f"{key}", repr([key])):
        assert "canary" not in shown
        assert seed.hex() not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)
