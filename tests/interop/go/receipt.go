// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// verifyReceipt follows c2sp.org/tlog-proof, tlog-checkpoint and signed-note.
func verifyReceipt(q question) (any, error) {
	head, note, found := strings.Cut(q.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a proof")
	}
	index, err := strconv.ParseUint(strings.TrimPrefix(lines[1], "index "), 10, 63)
	if err != nil {
		return nil, err
	}
	text, err := openNote(note, q.VKey)
	if err != nil {
		return nil, err
	}
	body := strings.Split(text, "\n")
	size, err := strconv.ParseUint(body[1], 10, 63)
	if err != nil {
		return nil, err
	}
	root, err := base64.StdEncoding.Strict().DecodeString(body[2])
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(append([]byte{0}, q.Leaf...))
	computed, err := climb(hash[:], index, size, lines[2:])
	if err != nil || !bytes.Equal(computed, root) {
		return nil, errors.New("the entry is not in that tree")
	}
	return map[string]any{"origin": body[0], "index": index, "size": size}, nil
}

// climb follows RFC 9162 section 2.1.3.2.
func climb(hash []byte, index, size uint64, proof []string) ([]byte, error) {
	if index >= size {
		return nil, errors.New("beyond the tree")
	}
	fn, sn := index, size-1
	for _, line := range proof {
		step, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || sn == 0 {
			return nil, errors.New("bad proof")
		}
		if fn&1 == 1 || fn == sn {
			hash = node(step, hash)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			hash = node(hash, step)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		return nil, errors.New("short proof")
	}
	return hash, nil
}

func node(left, right []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{1}, left...), right...))
	return sum[:]
}

func openNote(note, vkey string) (string, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return "", errors.New("bad verifier key")
	}
	id, err := hex.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 1 {
		return "", errors.New("bad verifier key")
	}
	at := strings.LastIndex(note, "\n\n")
	if at < 0 {
		return "", errors.New("not a note")
	}
	text := note[:at+1]
	for _, line := range strings.Split(strings.TrimSuffix(note[at+2:], "\n"), "\n") {
		signature, found := strings.CutPrefix(line, "\u2014 "+parts[0]+" ")
		if !found {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(signature)
		if err != nil || !bytes.HasPrefix(raw, id) {
			continue
		}
		if ed25519.Verify(key[1:], []byte(text), raw[4:]) {
			return text, nil
		}
	}
	return "", errors.New("the log did not sign this")
}
