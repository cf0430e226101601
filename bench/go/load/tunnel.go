// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
)

// messageBytes is how long an echoed message is: a frame with two bytes of length.
const messageBytes = 256

const handshake = "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dialer connects: straight, or through a proxy's tunnel; with TLS where the address says so.  Nobody's certificate is
// checked: what that costs is not the server's.
type dialer struct {
	target  *url.URL
	proxy   string
	auth    string
	upgrade bool
}

func (d dialer) dial() (net.Conn, error) {
	conn, err := d.open()
	if err != nil || !d.upgrade {
		return conn, err
	}
	fmt.Fprintf(conn, handshake, d.target.RequestURI(), d.target.Host)
	return conn, expect(conn, " 101 ")
}

func (d dialer) open() (net.Conn, error) {
	address := d.target.Host
	if d.proxy != "" {
		address = d.proxy
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if d.proxy != "" {
		fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n\r\n", d.target.Host, d.target.Host, d.auth)
		if err := expect(conn, " 200 "); err != nil {
			return nil, err
		}
	}
	if d.target.Scheme != "https" {
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{ServerName: d.target.Hostname(), InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	return secured, secured.Handshake()
}

// expect reads a head and nothing behind it.
func expect(conn net.Conn, status string) error {
	var head []byte
	var one [1]byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := io.ReadFull(conn, one[:]); err != nil {
			return err
		}
		head = append(head, one[0])
	}
	if line, _, _ := strings.Cut(string(head), "\r\n"); !strings.Contains(line+" ", status) {
		return fmt.Errorf("refused: %s", line)
	}
	return nil
}

// hold opens connections, has one request answered on each, or only begun, says so, and keeps them until it is told.
func hold(d dialer, count int, request []byte, begun bool) error {
	conns := make([]net.Conn, count)
	for i := range conns {
		conn, err := d.dial()
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		defer conn.Close()
		conns[i] = conn
		if begun {
			conn.Write(request)
			err = expect(conn, " 200 ")
		} else {
			err = exchange(conn, bufio.NewReader(conn), request)
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// message is what is said in a WebSocket, as a masked frame.
func message() []byte {
	frame := []byte{0x82, 0x80 | 126, 0, 0, 1, 2, 3, 4}
	binary.BigEndian.PutUint16(frame[2:], messageBytes)
	for i := 0; i < messageBytes; i++ {
		frame = append(frame, 'x'^frame[4+i%4])
	}
	return frame
}

// converse says a message and hears it again.
func converse(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	_, err := reader.Discard(4 + messageBytes)
	return err
}
