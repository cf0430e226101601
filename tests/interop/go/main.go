// SPDX-License-Identifier: Apache-2.0

// Command verify checks SmartAgent's tokens and log receipts with Go's standard library alone.
// It reads a question as JSON and answers with JSON, or fails.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type question struct {
	Token    string `json:"token"`
	Typ      string `json:"typ"`
	JWKS     jwks   `json:"jwks"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	Proof    string `json:"proof"`
	VKey     string `json:"vkey"`
	Leaf     string `json:"leaf"`
}

func main() {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		fail(err)
	}
	var answer any
	switch os.Args[1] {
	case "token":
		answer, err = verifyToken(q)
	case "receipt":
		answer, err = verifyReceipt(q)
	default:
		err = fmt.Errorf("unknown task %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
