// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// multiplexed asks in HTTP/2, all requests on one connection, through a proxy's tunnel.
func multiplexed(d dialer) *http.Client {
	transport := &http.Transport{
		ForceAttemptHTTP2:  true,
		ProxyConnectHeader: http.Header{"Proxy-Authorization": {d.auth}},
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
	}
	if d.proxy != "" {
		transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: d.proxy})
	}
	return &http.Client{Transport: transport}
}

// stream sends one request on the shared connection; an answer in HTTP/1.1 is an error.
func stream(client *http.Client, target *url.URL) error {
	answer, err := client.Get(target.String())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.ProtoMajor != 2 || answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s", answer.Proto, answer.Status)
	}
	return nil
}
