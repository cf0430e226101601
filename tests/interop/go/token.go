// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"
)

type jwk struct {
	Kty, Crv, Kid, X, Y, N, E string
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// verifyToken follows RFC 9068 section 4, and OpenID Connect Core section 3.1.3.7 for an id_token.
func verifyToken(q question) (any, error) {
	parts := strings.Split(q.Token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts")
	}
	var header struct{ Alg, Kid, Typ string }
	if err := decode(parts[0], &header); err != nil {
		return nil, err
	}
	wanted := q.Typ
	if wanted == "" {
		wanted = "at+jwt"
	}
	if header.Typ != wanted {
		return nil, errors.New("another type")
	}
	key, err := q.JWKS.find(header.Kid)
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if err := key.verify(header.Alg, []byte(parts[0]+"."+parts[1]), signature); err != nil {
		return nil, err
	}
	var claims struct {
		Iss, Aud string
		Exp      int64
	}
	if err := decode(parts[1], &claims); err != nil {
		return nil, err
	}
	if claims.Iss != q.Issuer || claims.Aud != q.Audience || time.Now().Unix() >= claims.Exp {
		return nil, errors.New("another issuer or audience, or expired")
	}
	var all map[string]any
	err = decode(parts[1], &all)
	return all, err
}

func (set jwks) find(kid string) (jwk, error) {
	for _, key := range set.Keys {
		if key.Kid == kid {
			return key, nil
		}
	}
	return jwk{}, errors.New("unknown key")
}

// verify lets the key, and not the header, say which algorithm it is for.
func (key jwk) verify(alg string, message, signature []byte) error {
	good := false
	digest := sha256.Sum256(message)
	switch {
	case key.Kty == "OKP" && key.Crv == "Ed25519" && (alg == "EdDSA" || alg == "Ed25519"):
		x, err := base64.RawURLEncoding.Strict().DecodeString(key.X)
		if err != nil {
			return err
		}
		good = len(x) == ed25519.PublicKeySize && ed25519.Verify(x, message, signature)
	case key.Kty == "EC" && key.Crv == "P-256" && alg == "ES256":
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
		good = len(signature) == 64 && ecdsa.Verify(
			public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case key.Kty == "RSA" && alg == "RS256":
		public := &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
		good = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	}
	if !good {
		return errors.New("bad signature, or a key of another kind")
	}
	return nil
}

func number(text string) *big.Int {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return new(big.Int)
	}
	return new(big.Int).SetBytes(raw)
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
