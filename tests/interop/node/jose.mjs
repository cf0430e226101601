// SPDX-License-Identifier: Apache-2.0
// Reads a question as JSON, answers with JSON, or fails: verify | sign | thumbprint.

import "./webcrypto.mjs";
import { readFileSync } from "node:fs";
import { SignJWT, calculateJwkThumbprint, createLocalJWKSet, importJWK, jwtVerify } from "jose";

const question = JSON.parse(readFileSync(0, "utf8"));

const tasks = {
  async verify({ token, jwks, issuer, audience, typ = "at+jwt", algorithms = ["EdDSA", "Ed25519"], required = ["jti", "client_id"] }) {
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), {
      issuer,
      audience,
      typ,
      algorithms,
      requiredClaims: ["sub", "exp", "iat", ...required],
    });
    return payload;
  },
  async sign({ jwk, alg, claims }) {
    return new SignJWT(claims).setProtectedHeader({ alg, typ: "at+jwt" }).sign(await importJWK(jwk, alg));
  },
  async thumbprint({ jwk }) {
    return calculateJwkThumbprint(jwk, "sha256");
  },
};

process.stdout.write(JSON.stringify(await tasks[process.argv[2]](question)));
