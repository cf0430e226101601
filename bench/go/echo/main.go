// SPDX-License-Identifier: Apache-2.0

// Echo is an upstream over TLS: a WebSocket that says what it hears at /echo, and an answer that never ends at /hold.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
)

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:8793", "address")
	chain := flag.String("chain", "", "file with the certificates and the key")
	flag.Parse()
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })
	log.Fatal(http.ListenAndServeTLS(*listen, *chain, *chain, nil))
}

func echo(w http.ResponseWriter, r *http.Request) {
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(digest[:]))
	for {
		payload, err := read(buffered.Reader)
		if err != nil {
			return
		}
		frame := make([]byte, 4, 4+len(payload))
		frame[0], frame[1] = 0x82, 126
		binary.BigEndian.PutUint16(frame[2:], uint16(len(payload)))
		if _, err := conn.Write(append(frame, payload...)); err != nil {
			return
		}
	}
}

// read takes a masked frame of 126 to 65535 bytes.
func read(reader *bufio.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint16(head[2:4]))
	if _, err := io.ReadFull(reader, payload); err != nil {
		return nil, err
	}
	for i := range payload {
		payload[i] ^= head[4+i%4]
	}
	return payload, nil
}
