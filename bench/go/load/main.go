// SPDX-License-Identifier: Apache-2.0

// Load drives a server over keep-alive connections and prints what it saw as one line of JSON.
//
//	load tokens: private_key_jwt assertions, each unique, signed before the clock starts.
//	load get:    the same GET again and again.
//	load replay: prepared requests from a file, each behind its length in four bytes; once, or over and over.
//	load echo:   messages in WebSockets.
//	load streams: the same GET in HTTP/2, on one connection.
//	load hold:   connections that are opened, used once and kept until standard input ends.
//
// With -proxy it asks through tunnels; with -fresh each request opens a connection of its own.
//
// It writes requests as bytes and reads as little of an answer as it must, so that its own cost
// stays small beside that of the server it measures.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type agent struct {
	ID   string `json:"id"`
	Seed string `json:"seed"`
}

type headers []string

func (h *headers) String() string     { return strings.Join(*h, ", ") }
func (h *headers) Set(v string) error { *h = append(*h, v); return nil }

var b64 = base64.RawURLEncoding

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("say `tokens`, `get`, `replay`, `echo`, `streams` or `hold`")
	}
	mode := os.Args[1]
	flags := flag.NewFlagSet(mode, flag.ExitOnError)
	target := flags.String("url", "", "address to ask")
	connections := flags.Int("connections", 64, "connections, each with one request at a time")
	seconds := flags.Float64("seconds", 3, "how long")
	warm := flags.Float64("warm", 0.5, "seconds before counting begins")
	agents := flags.String("agents", "", "file of agents, a JSON object with id and seed on each line")
	audience := flags.String("audience", "", "the assertions' audience")
	pool := flags.Int("pool", 100000, "assertions to sign beforehand")
	file := flags.String("file", "", "file of prepared requests")
	proxy := flags.String("proxy", "", "address of a proxy to ask through")
	auth := flags.String("proxy-auth", "", "what Proxy-Authorization says")
	fresh := flags.Bool("fresh", false, "open a connection for each request")
	begun := flags.Bool("begun", false, "hold answers that have only begun")
	again := flags.Bool("again", false, "send prepared requests over and over")
	var extra headers
	flags.Var(&extra, "header", "a header to send, may be repeated")
	flags.Parse(os.Args[2:])

	parsed, err := url.Parse(*target)
	if err != nil || parsed.Host == "" {
		log.Fatalf("bad -url %q", *target)
	}
	var requests [][]byte
	switch mode {
	case "tokens":
		requests = assertions(*agents, *audience, *pool, parsed)
	case "replay":
		requests = prepared(*file)
	case "echo":
		requests = [][]byte{message()}
	default:
		requests = [][]byte{get(parsed, extra)}
	}
	d := dialer{target: parsed, proxy: *proxy, auth: *auth, upgrade: mode == "echo"}
	if mode == "hold" {
		if err := hold(d, *connections, requests[0], *begun); err != nil {
			log.Fatal(err)
		}
		return
	}
	once := mode == "tokens" || mode == "replay" && !*again
	work := job{dialer: d, requests: requests, once: once, fresh: *fresh}
	if mode == "streams" {
		work.client = multiplexed(d)
	}
	report(run(work, *connections, *warm, *seconds))
}

func prepared(file string) [][]byte {
	raw, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var requests [][]byte
	for len(raw) >= 4 {
		size := int(binary.BigEndian.Uint32(raw))
		requests = append(requests, raw[4:4+size])
		raw = raw[4+size:]
	}
	if len(requests) == 0 {
		log.Fatalf("no requests in %s", file)
	}
	return requests
}

func get(target *url.URL, extra headers) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", target.RequestURI(), target.Host)
	for _, header := range extra {
		b.WriteString(header + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func assertions(file, audience string, count int, target *url.URL) [][]byte {
	known := read(file)
	requests := make([][]byte, count)
	header := b64.EncodeToString([]byte(`{"alg":"EdDSA","typ":"JWT"}`))
	now := time.Now().Unix()
	var group sync.WaitGroup
	for w := 0; w < runtime.NumCPU(); w++ {
		group.Add(1)
		go func(first int) {
			defer group.Done()
			for i := first; i < count; i += runtime.NumCPU() {
				who := known[i%len(known)]
				requests[i] = assertion(who.id, who.key, header, audience, now, target)
			}
		}(w)
	}
	group.Wait()
	return requests
}

func assertion(id string, key ed25519.PrivateKey, header, audience string, now int64, target *url.URL) []byte {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		log.Fatal(err)
	}
	claims, _ := json.Marshal(map[string]any{
		"iss": id, "sub": id, "aud": audience, "jti": hex.EncodeToString(random[:]), "iat": now, "exp": now + 55,
	})
	signed := header + "." + b64.EncodeToString(claims)
	form := "grant_type=client_credentials&client_assertion_type=" +
		"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" +
		signed + "." + b64.EncodeToString(ed25519.Sign(key, []byte(signed)))
	return []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\n\r\n%s", target.RequestURI(), target.Host, len(form), form))
}

type signer struct {
	id  string
	key ed25519.PrivateKey
}

func read(file string) []signer {
	raw, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var known []signer
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		var one agent
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			log.Fatal(err)
		}
		seed, err := b64.DecodeString(one.Seed)
		if err != nil {
			log.Fatal(err)
		}
		known = append(known, signer{one.ID, ed25519.NewKeyFromSeed(seed)})
	}
	return known
}

type result struct {
	Requests  int     `json:"requests"`
	Errors    int     `json:"errors"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	P50ms     float64 `json:"p50_ms"`
	P99ms     float64 `json:"p99_ms"`
	Exhausted bool    `json:"exhausted"`
	// All counts the warm-up too: what the server's CPU time is divided by.
	All        int    `json:"all"`
	FirstError string `json:"first_error"`
}

type worker struct {
	times  []time.Duration
	errors int
	all    int
	first  string
}

// job is what is asked, and how.
type job struct {
	dialer   dialer
	requests [][]byte
	once     bool
	fresh    bool
	// client is set where requests share a connection.
	client *http.Client
}

func (j job) ask(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if j.client != nil {
		return stream(j.client, j.dialer.target)
	}
	if j.fresh {
		var err error
		if conn, err = j.dialer.dial(); err != nil {
			return err
		}
		defer conn.Close()
		reader.Reset(conn)
	}
	if j.dialer.upgrade {
		return converse(conn, reader, request)
	}
	return exchange(conn, reader, request)
}

func run(j job, connections int, warm, seconds float64) result {
	workers := make([]worker, connections)
	conns := make([]net.Conn, connections)
	for i := range conns {
		if j.client != nil {
			break
		}
		conn, err := j.dialer.dial()
		if err != nil {
			log.Fatal(err)
		}
		conns[i] = conn
	}
	var next int64
	var group sync.WaitGroup
	begin := time.Now()
	counting := begin.Add(time.Duration(warm * float64(time.Second)))
	end := counting.Add(time.Duration(seconds * float64(time.Second)))
	for i := range workers {
		group.Add(1)
		go func(w *worker, conn net.Conn) {
			defer group.Done()
			if conn != nil {
				defer conn.Close()
			}
			reader := bufio.NewReaderSize(conn, 16384)
			for {
				index := int(atomic.AddInt64(&next, 1)) - 1
				if j.once && index >= len(j.requests) {
					return
				}
				index %= len(j.requests)
				start := time.Now()
				if start.After(end) {
					return
				}
				err := j.ask(conn, reader, j.requests[index])
				w.all++
				if err != nil {
					w.errors++
					if w.first == "" {
						w.first = err.Error()
					}
					var answered statusError
					if !errors.As(err, &answered) {
						return
					}
				}
				if start.After(counting) {
					w.times = append(w.times, time.Since(start))
				}
			}
		}(&workers[i], conns[i])
	}
	group.Wait()
	stop := time.Now()
	if stop.After(end) {
		stop = end
	}
	return sum(workers, stop.Sub(counting).Seconds(), j.once && int(next) >= len(j.requests))
}

func sum(workers []worker, seconds float64, exhausted bool) result {
	r := result{Seconds: seconds, Exhausted: exhausted}
	var times []time.Duration
	for _, w := range workers {
		times = append(times, w.times...)
		r.Errors += w.errors
		r.All += w.all
		if r.FirstError == "" {
			r.FirstError = w.first
		}
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	r.Requests = len(times)
	if len(times) > 0 {
		r.P50ms = float64(times[len(times)/2]) / 1e6
		r.P99ms = float64(times[len(times)*99/100]) / 1e6
		r.PerSecond = float64(len(times)) / seconds
	}
	return r
}

type statusError string

func (s statusError) Error() string { return string(s) }

// exchange sends one request and reads its whole answer; any status but 2xx is an error.
func exchange(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 {
		return fmt.Errorf("short status line %q", line)
	}
	ok := line[9] == '2'
	status := string(line[:12])
	length, chunked := 0, false
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, found := cut(line, "content-length:"); found {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		} else if value, found := cut(line, "transfer-encoding:"); found {
			chunked = strings.Contains(value, "chunked")
		}
	}
	var kept []byte
	if chunked {
		kept, err = discardChunks(reader)
	} else if ok {
		_, err = reader.Discard(length)
	} else {
		kept = make([]byte, length)
		_, err = io.ReadFull(reader, kept)
	}
	if err == nil && !ok {
		return statusError(status + " " + string(kept))
	}
	return err
}

func cut(line []byte, name string) (string, bool) {
	if len(line) < len(name) || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return strings.TrimSpace(string(line[len(name):])), true
}

func discardChunks(reader *bufio.Reader) ([]byte, error) {
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return nil, err
		}
		if _, err = reader.Discard(int(size) + 2); err != nil {
			return nil, err
		}
		if size == 0 {
			return nil, nil
		}
	}
}

func report(r result) {
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		log.Fatal(err)
	}
}
