// SPDX-License-Identifier: Apache-2.0

// Client asks with net/http as it is: client <url>.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	log.SetFlags(0)
	url := os.Args[1]
	answer, err := http.Get(url + "/v1/files")
	if err != nil {
		log.Fatal(err)
	}
	var files struct{ Data []struct{ ID string } }
	if err := json.NewDecoder(answer.Body).Decode(&files); err != nil {
		log.Fatal(answer.Status, err)
	}
	fmt.Println(files.Data[0].ID)
	answer, err = http.Post(url+"/v1/results", "text/plain", strings.NewReader(strings.Repeat("x", 100000)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.StatusCode)
}
