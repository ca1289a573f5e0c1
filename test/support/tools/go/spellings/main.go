// What the programs that trust policies were written for make of them, for tests that compare: the policy.json reader
// of podman and skopeo (go.podman.io/image), and the wildcards of Kyverno.
//
// Each line of stdin is a question in JSON; each line of stdout answers one.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	wildcard "github.com/IGLOU-EU/go-wildcard"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

type question struct {
	// A policy.json, as text: is it one?
	Policy string `json:"policy"`
	// Scopes of the docker transport, and images: which scope has a say on each?
	Scopes []string `json:"scopes"`
	Images []string `json:"images"`
	// Pairs of a pattern and a text: does it match?
	Patterns [][2]string `json:"patterns"`
}

type answer struct {
	// What is wrong with the policy.
	Error string `json:"error,omitempty"`
	// One an image: the scope, "default", or "!" and what is wrong with the image.
	Chosen  []string `json:"chosen"`
	Matches []bool   `json:"matches"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var asked question
			if failed := json.Unmarshal(line, &asked); failed != nil {
				fmt.Fprintln(os.Stderr, failed)
				os.Exit(1)
			}
			said, _ := json.Marshal(answerTo(asked))
			out.Write(append(said, '\n'))
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}

func answerTo(asked question) answer {
	said := answer{Chosen: []string{}, Matches: []bool{}}
	if asked.Policy != "" {
		if _, err := signature.NewPolicyFromBytes([]byte(asked.Policy)); err != nil {
			said.Error = err.Error()
		}
	}
	for _, text := range asked.Images {
		said.Chosen = append(said.Chosen, chosen(asked.Scopes, text))
	}
	for _, pair := range asked.Patterns {
		said.Matches = append(said.Matches, wildcard.Match(pair[0], pair[1]))
	}
	return said
}

// chosen asks the real evaluation once for each scope, with a policy that accepts there and rejects everywhere else.
func chosen(scopes []string, text string) string {
	ref, err := docker.ParseReference("//" + text)
	if err != nil {
		return "!" + err.Error()
	}
	found := []string{}
	for accepted := -1; accepted < len(scopes); accepted++ {
		say := func(yes bool) signature.PolicyRequirements {
			if yes {
				return signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}
			}
			return signature.PolicyRequirements{signature.NewPRReject()}
		}
		inDocker := signature.PolicyTransportScopes{}
		for i, scope := range scopes {
			inDocker[scope] = say(i == accepted)
		}
		policy := &signature.Policy{
			Default:    say(accepted == -1),
			Transports: map[string]signature.PolicyTransportScopes{"docker": inDocker},
		}
		evaluation, err := signature.NewPolicyContext(policy)
		if err != nil {
			return "!" + err.Error()
		}
		allowed, _ := evaluation.IsRunningImageAllowed(context.Background(), image.UnparsedInstance(source{ref}, nil))
		if allowed && accepted == -1 {
			found = append(found, "default")
		} else if allowed {
			found = append(found, scopes[accepted])
		}
	}
	if len(found) != 1 {
		return fmt.Sprintf("!%d scopes", len(found))
	}
	return found[0]
}

// source is an image of which nothing but the name is known.
type source struct{ ref types.ImageReference }

var errNothing = errors.New("nothing is there")

func (s source) Reference() types.ImageReference { return s.ref }
func (s source) Close() error                    { return nil }
func (s source) HasThreadSafeGetBlob() bool      { return false }
func (s source) GetManifest(context.Context, *digest.Digest) ([]byte, string, error) {
	return nil, "", errNothing
}
func (s source) GetBlob(context.Context, types.BlobInfo, types.BlobInfoCache) (io.ReadCloser, int64, error) {
	return nil, 0, errNothing
}
func (s source) GetSignatures(context.Context, *digest.Digest) ([][]byte, error) {
	return nil, errNothing
}
func (s source) LayerInfosForCopy(context.Context, *digest.Digest) ([]types.BlobInfo, error) {
	return nil, nil
}
