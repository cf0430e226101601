# SPDX-License-Identifier: Apache-2.0
"""A Go program that uses nothing but its standard library takes our tokens and our log's receipts."""

import subprocess
from pathlib import Path

import pytest

from tests.interop import issuer

pytestmark = pytest.mark.needs("go")
HERE = Path(__file__).parent / "go"
LEAVES = [b'{"event":"%d"}' % number for number in range(11)]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    program = tmp_path_factory.mktemp("go") / "verify"
    built = subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=HERE, capture_output=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stderr.decode()

    def run(task, **question):
        return issuer.ask([str(program), task], question)

    return run


def verify(go, token):
    return go("token", token=token, jwks=issuer.JWKS, issuer=issuer.ISSUER, audience=issuer.AUDIENCE)


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_go_verifies_our_token(go, alg):
    assert verify(go, issuer.token(alg)) == issuer.CLAIMS


def test_go_refuses_what_is_not_ours(go):
    assert verify(go, issuer.forged(issuer.token())) is None
    assert verify(go, issuer.token(aud="https://other.example")) is None
    assert verify(go, issuer.token(typ="JWT")) is None
    assert verify(go, issuer.token(exp=1)) is None


@pytest.mark.parametrize("index", range(11))
def test_go_verifies_the_receipt_of_every_entry(go, index):
    vkey, proof = issuer.receipt(LEAVES, index)

    answer = go("receipt", proof=proof, vkey=vkey, leaf=LEAVES[index].decode())
    assert answer == {"origin": "log.example/house", "index": index, "size": 11}


def test_go_refuses_the_receipt_of_another_entry(go):
    vkey, proof = issuer.receipt(LEAVES, 3)

    assert go("receipt", proof=proof, vkey=vkey, leaf="{}") is None
    assert (
        go("receipt", proof=proof.replace("index 3", "index 4"), vkey=vkey, leaf=LEAVES[3].decode()) is None
    )
    assert go("receipt", proof=proof.replace("\n11\n", "\n12\n"), vkey=vkey, leaf=LEAVES[3].decode()) is None
