// Signs and verifies as the Notary Project's own libraries do, for tests that compare.
//
// Each line of stdin is a request in JSON; each line of stdout answers one. Certificates, keys and revocation lists are
// kept by the name that the request gave them.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type request struct {
	Op          string              `json:"op"`
	Certificate *certificateRequest `json:"certificate"`
	List        *listRequest        `json:"list"`
	Sign        *signRequest        `json:"sign"`
	Image       *imageRequest       `json:"image"`
	Timestamp   *timestampRequest   `json:"timestamp"`
	Verify      *verifyRequest      `json:"verify"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	held := newStore()
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		answer, err := held.answer(&asked)
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		said, err := json.Marshal(answer)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.Write(said)
		out.WriteByte('\n')
		out.Flush()
	}
}

func (held *store) answer(asked *request) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	switch asked.Op {
	case "certificate":
		return held.certificate(asked.Certificate)
	case "list":
		return held.list(asked.List)
	case "sign":
		return held.sign(asked.Sign)
	case "sign-image":
		return held.signImage(asked.Image)
	case "timestamp":
		return held.timestamp(asked.Timestamp)
	case "verify":
		return held.verify(asked.Verify)
	}
	return nil, fmt.Errorf("unknown op %q", asked.Op)
}
