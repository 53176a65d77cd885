// Serves HTTP/1 and HTTP/2 in the clear on one port and answers with the hosts that it goes by.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request, name string) {
		host, _, _ := strings.Cut(r.Host, ":")
		host = strings.TrimSuffix(strings.ToLower(host), ".")
		served := name + "|" + host
		w.Header().Set("Served", served)
		fmt.Fprintf(w, "served: %s\r\n", served)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("refused.example/", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, "refused.example")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { serve(w, r, "") })
	server := http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "" || r.Method == "CONNECT" || r.RequestURI == "*" {
				serve(w, r, "")
				return
			}
			mux.ServeHTTP(w, r)
		}),
		ErrorLog:  log.New(io.Discard, "", 0),
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}
