// Serves QUIC with the certificate and key of its arguments: prints its port, then the server name of each
// ClientHello that it looks for a certificate for.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"

	"github.com/quic-go/quic-go"
)

func main() {
	certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	config := &tls.Config{
		NextProtos:       []string{"h3"},
		CurvePreferences: []tls.CurveID{tls.X25519},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			fmt.Printf("%s %s\n", hello.Conn.RemoteAddr(), hello.ServerName)
			return &certificate, nil
		},
	}
	listener, err := (&quic.Transport{Conn: conn}).Listen(config, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(conn.LocalAddr().(*net.UDPAddr).Port)
	for {
		if _, err := listener.Accept(context.Background()); err != nil {
			return
		}
	}
}
