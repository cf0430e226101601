// SPDX-License-Identifier: Apache-2.0

// Token is the stand-in the authority is measured against: Go's net/http and SQLite.
//
// It does what the authority's token endpoint does, and no more: verifies a private_key_jwt
// assertion, lets each jti pass once, signs an access token, and answers when a record of it is
// durable.  All that waits becomes one transaction (journal_mode WAL, synchronous FULL).
// With -batch=rows a record is a row with a unique jti; with -batch=blob a transaction is one row.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

var b64 = base64.RawURLEncoding

type pending struct {
	jti    string
	record []byte
	done   chan error
}

type authority struct {
	issuer string
	keys   map[string]ed25519.PublicKey
	sign   ed25519.PrivateKey
	queue  chan pending
	mutex  sync.Mutex
	seen   map[string]int64
}

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:8790", "address")
	agents := flag.String("agents", "", "file of agents, a JSON object with id and seed on each line")
	file := flag.String("db", "", "SQLite file")
	issuer := flag.String("issuer", "", "the assertions' audience")
	batch := flag.String("batch", "rows", "rows or blob")
	flag.Parse()

	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	a := &authority{
		issuer: *issuer, keys: read(*agents), sign: key,
		queue: make(chan pending, 4096), seen: map[string]int64{},
	}
	db, err := open(*file)
	if err != nil {
		log.Fatal(err)
	}
	go write(db, a.queue, *batch == "blob")
	http.HandleFunc("/oauth/token", a.token)
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func read(file string) map[string]ed25519.PublicKey {
	raw, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	keys := map[string]ed25519.PublicKey{}
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		var one struct{ ID, Seed string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			log.Fatal(err)
		}
		seed, err := b64.DecodeString(one.Seed)
		if err != nil {
			log.Fatal(err)
		}
		keys[one.ID] = ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	}
	return keys
}

func open(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, jti TEXT UNIQUE, leaf BLOB, record BLOB)",
		"CREATE TABLE IF NOT EXISTS segment (first INTEGER PRIMARY KEY, count INTEGER, leaves BLOB, records BLOB)",
	} {
		if _, err := db.Exec(statement); err != nil {
			return nil, err
		}
	}
	return db, nil
}

// write commits whatever waits as one transaction, and answers all of it.
func write(db *sql.DB, queue chan pending, blob bool) {
	sequence := int64(0)
	for first := range queue {
		batch := []pending{first}
	collect:
		for len(batch) < 1024 {
			select {
			case one := <-queue:
				batch = append(batch, one)
			default:
				break collect
			}
		}
		err := commit(db, batch, sequence, blob)
		sequence += int64(len(batch))
		for _, one := range batch {
			one.done <- err
		}
	}
}

func commit(db *sql.DB, batch []pending, sequence int64, blob bool) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if blob {
		var leaves, records []byte
		for _, one := range batch {
			leaf := sha256.Sum256(append([]byte{0}, one.record...))
			leaves = append(leaves, leaf[:]...)
			records = append(records, byte(len(one.record)>>8), byte(len(one.record)))
			records = append(records, one.record...)
		}
		_, err = tx.Exec("INSERT INTO segment VALUES (?, ?, ?, ?)", sequence, len(batch), leaves, records)
		if err != nil {
			return err
		}
		return tx.Commit()
	}
	insert, err := tx.Prepare("INSERT INTO log VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, one := range batch {
		leaf := sha256.Sum256(append([]byte{0}, one.record...))
		if _, err := insert.Exec(sequence+int64(i), one.jti, leaf[:], one.record); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Expires  int64  `json:"exp"`
}

func (a *authority) verify(assertion string) (claims, error) {
	var c claims
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return c, errors.New("not a JWS")
	}
	var header struct{ Alg string }
	raw, err := b64.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(raw, &header)
	}
	if err != nil || header.Alg != "EdDSA" {
		return c, errors.New("bad header")
	}
	raw, err = b64.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	signature, bad := b64.DecodeString(parts[2])
	key, known := a.keys[c.Issuer]
	now := time.Now().Unix()
	switch {
	case err != nil || bad != nil || !known || c.Subject != c.Issuer || c.Audience != a.issuer:
		return c, errors.New("bad claims")
	case c.Expires <= now || c.Expires > now+300:
		return c, errors.New("expired")
	case !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature):
		return c, errors.New("bad signature")
	}
	return c, a.claim(c.ID, c.Expires)
}

func (a *authority) claim(jti string, expires int64) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, used := a.seen[jti]; used {
		return errors.New("used before")
	}
	a.seen[jti] = expires
	return nil
}

func (a *authority) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.ParseForm() != nil ||
		r.PostForm.Get("grant_type") != "client_credentials" {
		http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		return
	}
	who, err := a.verify(r.PostForm.Get("client_assertion"))
	if err != nil {
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	now := time.Now().Unix()
	jti, session := identifier("aat_"), identifier("ses_")
	payload, _ := json.Marshal(map[string]any{
		"iss": a.issuer, "sub": who.Subject, "aud": "http://127.0.0.1:8701", "exp": now + 900, "iat": now,
		"jti": jti, "client_id": who.Subject, "scope": "orders:read", "role": "bench", "sid": session,
		"audit_url": a.issuer + "/v1/audit/" + jti,
	})
	signed := b64.EncodeToString([]byte(`{"alg":"EdDSA","typ":"at+jwt","kid":"key_bench"}`)) + "." + b64.EncodeToString(payload)
	token := signed + "." + b64.EncodeToString(ed25519.Sign(a.sign, []byte(signed)))
	record, _ := json.Marshal(map[string]any{
		"event": "token.issued", "at_ms": now * 1000, "request": identifier("req_"), "caller": who.Subject,
		"session": session, "jti": jti, "permission": "tokens.issue", "decision": "permit", "outcome": "200",
	})
	one := pending{who.ID, record, make(chan error, 1)}
	a.queue <- one
	if err := <-one.done; err != nil {
		http.Error(w, `{"error":"server_error"}`, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": 900, "scope": "orders:read",
	})
}

func identifier(prefix string) string {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		log.Fatal(err)
	}
	return prefix + hex.EncodeToString(random[:])
}
