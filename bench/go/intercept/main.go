// SPDX-License-Identifier: Apache-2.0

// Intercept is a forward proxy that looks into TLS, as small as it can be written with Go's own parts: CONNECT, a
// leaf certificate for each host, kept, and httputil.ReverseProxy with a header put in.  It records nothing.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"sync"
	"time"
)

type authority struct {
	certificate *x509.Certificate
	key, leaf   *ecdsa.PrivateKey
	lock        sync.Mutex
	kept        map[string]*tls.Config
}

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:8792", "address")
	roots := flag.String("roots", "", "file of certificates to trust upstream")
	credential := flag.String("credential", "", "what Authorization becomes")
	password := flag.String("password", "", "what Proxy-Authorization must be")
	flag.Parse()
	pem, err := os.ReadFile(*roots)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: pool},
	}
	own := newAuthority()
	log.Fatal(http.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != *password {
			http.Error(w, "a tunnel, with a password", http.StatusProxyAuthRequired)
			return
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		serve(tls.Server(&opened{conn, buffered.Reader}, own.configFor(host)), r.Host, *credential, transport)
	})))
}

// serve answers the requests in one tunnel.
func serve(conn net.Conn, target, credential string, transport http.RoundTripper) {
	proxy := &httputil.ReverseProxy{Transport: transport, ErrorLog: log.New(io.Discard, "", 0), Director: func(r *http.Request) {
		r.URL.Scheme, r.URL.Host = "https", target
		r.Header.Set("Authorization", credential)
	}}
	listener := &single{conn: conn, done: make(chan struct{})}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			listener.once.Do(func() { close(listener.done) })
		}
	}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != target {
			http.Error(w, "another host than the tunnel's", http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	server.Serve(listener)
}

// opened is a connection of which some bytes may have been read already.
type opened struct {
	net.Conn
	reader *bufio.Reader
}

func (o *opened) Read(p []byte) (int, error) { return o.reader.Read(p) }

// single gives one connection, and ends when that has.
type single struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	if s.conn != nil {
		conn := s.conn
		s.conn = nil
		return conn, nil
	}
	<-s.done
	return nil, errors.New("over")
}
func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }

func newAuthority() *authority {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		log.Fatal(err)
	}
	return &authority{certificate: certificate, key: key, leaf: newKey(), kept: map[string]*tls.Config{}}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

func (a *authority) configFor(host string) *tls.Config {
	a.lock.Lock()
	defer a.lock.Unlock()
	if known := a.kept[host]; known != nil {
		return known
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &a.leaf.PublicKey, a.key)
	if err != nil {
		log.Fatal(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{raw, a.certificate.Raw}, PrivateKey: a.leaf}
	made := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	a.kept[host] = made
	return made
}
