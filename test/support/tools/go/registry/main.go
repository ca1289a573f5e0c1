// An OCI registry with the referrers API, on loopback, for tests.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().String())
	options := []registry.Option{registry.WithReferrersSupport(os.Getenv("REFERRERS") != "false"), registry.Logger(log.New(os.Stderr, "", 0))}
	log.Fatal(http.Serve(listener, registry.New(options...)))
}
