// SPDX-License-Identifier: Apache-2.0

// Proxy is a httputil.ReverseProxy that does nothing but forward: what the gateway is measured against.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:8791", "address")
	upstream := flag.String("upstream", "", "where to forward to")
	flag.Parse()
	target, err := url.Parse(*upstream)
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true}
	log.Fatal(http.ListenAndServe(*listen, proxy))
}
