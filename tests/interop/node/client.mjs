// SPDX-License-Identifier: Apache-2.0
// npm's `openid-client` as a client of the authority: client.mjs <scenario>.
//
// Speaks with the test in lines of JSON: the first line it reads is the question; {"visit": url} asks the
// person to open a page, and the next line says where they were sent; {"done": ...} is the end.

import "./webcrypto.mjs";
import { createInterface } from "node:readline";
import { importJWK, calculateJwkThumbprint, decodeJwt } from "jose";
import * as oidc from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const visit = async (url, more = {}) => {
  say({ visit: String(url), ...more });
  return new URL((await read()).callback);
};

// What failed, as the library tells it.
async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return { code: error.code, error: error.error, status: error.status, challenges: error.cause?.map?.((c) => c.parameters?.error) };
  }
  return null;
}

async function configured({ issuer, clientId, jwk, alg, idTokenAlg }) {
  const metadata = { id_token_signed_response_alg: idTokenAlg ?? "RS256" };
  const auth = jwk ? oidc.PrivateKeyJwt({ key: await importJWK(jwk, alg), kid: jwk.kid }) : oidc.None();
  // The authority stands on loopback, without TLS.
  const config = await oidc.discovery(new URL(issuer), clientId, metadata, auth, { execute: [oidc.allowInsecureRequests] });
  oidc.enableNonRepudiationChecks(config);
  return config;
}

const bound = async (config, alg) => {
  const pair = await oidc.randomDPoPKeyPair(alg, { extractable: true });
  const jkt = await calculateJwkThumbprint(await crypto.subtle.exportKey("jwk", pair.publicKey));
  return { DPoP: oidc.getDPoPHandle(config, pair), jkt };
};

async function authorized(config, question, { pushed = false, dpop, more = {} } = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const parameters = {
    redirect_uri: question.redirectUri,
    scope: question.scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...(question.resource ? { resource: question.resource } : {}),
    ...more,
  };
  if (!question.scope.split(" ").includes("openid")) delete checks.expectedNonce;
  const url = pushed
    ? await oidc.buildAuthorizationUrlWithPAR(config, parameters, dpop)
    : oidc.buildAuthorizationUrl(config, parameters);
  const callback = await visit(url);
  const grant = (changes = {}) =>
    oidc.authorizationCodeGrant(config, callback, { ...checks, ...changes }, question.resource ? { resource: question.resource } : undefined, dpop);
  return { url, callback, grant };
}

const scenarios = {
  // Discovery, PKCE, id_token with its signature, userinfo, refresh with rotation.
  async code(question) {
    const config = await configured(question);
    const { callback, grant } = await authorized(config, question);
    const tokens = await grant();
    const claims = tokens.claims();
    // A token for a resource is not one for the authority.
    const userinfo = question.resource ? null : await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
    const again = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    const reused = await refused(oidc.refreshTokenGrant(config, tokens.refresh_token));
    const family = await refused(oidc.refreshTokenGrant(config, again.refresh_token));
    const replayed = await refused(grant());
    return {
      iss: callback.searchParams.get("iss"),
      claims, userinfo, tokens, again, reused, family, replayed,
      access: decodeJwt(tokens.access_token),
      metadata: config.serverMetadata(),
    };
  },

  // A pushed request, everything bound to one key.
  async par(question) {
    const config = await configured(question);
    const dpop = await bound(config, question.dpopAlg ?? "Ed25519");
    const { url, grant } = await authorized(config, question, { pushed: true, dpop });
    const tokens = await grant();
    const again = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, dpop);
    const here = new URL(`${question.issuer}/oauth/userinfo`);
    const stolen = await refused(oidc.fetchProtectedResource(config, again.access_token, here, "GET"));
    const userinfo = await oidc.fetchUserInfo(config, again.access_token, tokens.claims().sub, dpop);
    return { parameters: [...url.searchParams.keys()].sort(), jkt: dpop.jkt, tokens, again, stolen, userinfo, access: decodeJwt(again.access_token) };
  },

  async credentials(question) {
    const config = await configured(question);
    const parameters = { ...(question.scope ? { scope: question.scope } : {}), ...(question.resource ? { resource: question.resource } : {}) };
    const bearer = await oidc.clientCredentialsGrant(config, parameters);
    const answers = {};
    for (const alg of question.dpopAlgs ?? []) {
      const dpop = await bound(config, alg);
      const tokens = await oidc.clientCredentialsGrant(config, parameters, dpop);
      answers[alg] = { type: tokens.token_type, jkt: dpop.jkt, cnf: decodeJwt(tokens.access_token).cnf };
    }
    return { bearer, dpop: answers, introspected: await oidc.tokenIntrospection(config, bearer.access_token) };
  },

  async introspect(question) {
    const config = await configured(question);
    return oidc.tokenIntrospection(config, question.token);
  },

  async revoke(question) {
    const config = await configured(question);
    await oidc.tokenRevocation(config, question.token);
    return {};
  },

  async exchange(question) {
    const config = await configured(question);
    return oidc.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", question.parameters);
  },

  async device(question) {
    const config = await configured(question);
    const handed = await oidc.initiateDeviceAuthorization(config, { scope: question.scope, ...(question.resource ? { resource: question.resource } : {}) });
    await visit(handed.verification_uri, { userCode: handed.user_code });
    return { handed, tokens: await oidc.pollDeviceAuthorizationGrant(config, handed) };
  },

  async ciba(question) {
    const config = await configured(question);
    const handed = await oidc.initiateBackchannelAuthentication(config, {
      scope: question.scope,
      login_hint: question.loginHint,
      binding_message: question.bindingMessage,
      ...(question.resource ? { resource: question.resource } : {}),
    });
    await visit(`${question.issuer}/oauth/requests`);
    const tokens = await oidc.pollBackchannelAuthenticationGrant(config, handed);
    return { handed, tokens, access: decodeJwt(tokens.access_token) };
  },

  // A client that registers itself, and then asks like any other.
  async register(question) {
    const config = await oidc.dynamicClientRegistration(
      new URL(question.issuer), question.metadata, oidc.None(), { execute: [oidc.allowInsecureRequests] },
    );
    const { grant } = await authorized(config, question);
    return { client: config.clientMetadata(), tokens: await grant() };
  },

  // What the library makes of our refusals.
  async refusals(question) {
    const config = await configured(question);
    const { grant } = await authorized(config, question);
    const wrongVerifier = await refused(grant({ pkceCodeVerifier: oidc.randomPKCECodeVerifier() }));
    const nobody = await configured({ ...question, clientId: "clt_00000000000000000000000000" });
    return {
      wrongVerifier,
      unknownClient: await refused(oidc.refreshTokenGrant(nobody, "x")),
      unknownToken: await refused(oidc.refreshTokenGrant(config, "x")),
      unsupported: await refused(oidc.genericGrantRequest(config, "password", { username: "a", password: "b" })),
    };
  },

  async denied(question) {
    const config = await configured(question);
    const { grant } = await authorized(config, question);
    return refused(grant());
  },
};

say({ done: await scenarios[process.argv[2]](await read()) });
process.exit(0);
