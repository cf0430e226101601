// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

type jwks struct {
	Keys []struct {
		Kty, Crv, Kid, X string
	} `json:"keys"`
}

// verifyToken follows RFC 9068 section 4.
func verifyToken(q question) (any, error) {
	parts := strings.Split(q.Token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts")
	}
	var header struct{ Alg, Kid, Typ string }
	if err := decode(parts[0], &header); err != nil {
		return nil, err
	}
	if header.Typ != "at+jwt" || (header.Alg != "EdDSA" && header.Alg != "Ed25519") {
		return nil, errors.New("another type or algorithm")
	}
	key, err := q.JWKS.find(header.Kid)
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return nil, errors.New("bad signature")
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

func (set jwks) find(kid string) (ed25519.PublicKey, error) {
	for _, key := range set.Keys {
		if key.Kid == kid && key.Kty == "OKP" && key.Crv == "Ed25519" {
			return base64.RawURLEncoding.Strict().DecodeString(key.X)
		}
	}
	return nil, errors.New("unknown key")
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
