package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-core-go/revocation/crl"
	"github.com/notaryproject/notation-core-go/revocation/purpose"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type verifyRequest struct {
	Envelope  []byte `json:"envelope"`
	MediaType string `json:"mediaType"`
	// host/repository@sha256:…
	Reference   string             `json:"reference"`
	Descriptor  ocispec.Descriptor `json:"descriptor"`
	TrustPolicy json.RawMessage    `json:"trustPolicy"`
	// The folder that has truststore/ in it.
	Folder string `json:"folder"`
	// Which revocation list answers at which address.
	Lists map[string]string `json:"lists"`
}

// none answers no request: revocation is known by the given lists or not at all.
type none struct{}

func (none) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no network")
}

type fetcher struct {
	held  *store
	lists map[string]string
}

func (own fetcher) Fetch(_ context.Context, url string) (*crl.Bundle, error) {
	list := own.held.lists[own.lists[url]]
	if list == nil {
		return nil, errors.New("there is no network")
	}
	return &crl.Bundle{BaseCRL: list}, nil
}

func (held *store) validator(lists map[string]string, wanted purpose.Purpose) (revocation.Validator, error) {
	return revocation.NewWithOptions(revocation.Options{
		OCSPHTTPClient:   &http.Client{Transport: none{}, Timeout: time.Second},
		CRLFetcher:       fetcher{held, lists},
		CertChainPurpose: wanted,
	})
}

func (held *store) verify(asked *verifyRequest) (any, error) {
	document := &trustpolicy.Document{}
	if err := json.Unmarshal(asked.TrustPolicy, document); err != nil {
		return map[string]any{"verdict": "policy", "why": err.Error()}, nil
	}
	signing, err := held.validator(asked.Lists, purpose.CodeSigning)
	if err != nil {
		return nil, err
	}
	stamping, err := held.validator(asked.Lists, purpose.Timestamping)
	if err != nil {
		return nil, err
	}
	made, err := verifier.NewWithOptions(document, truststore.NewX509TrustStore(dir.NewSysFS(asked.Folder)), nil, verifier.VerifierOptions{
		RevocationCodeSigningValidator:  signing,
		RevocationTimestampingValidator: stamping,
	})
	if err != nil {
		return map[string]any{"verdict": "policy", "why": err.Error()}, nil
	}
	outcome, err := made.Verify(context.Background(), asked.Descriptor, asked.Envelope, notation.VerifierVerifyOptions{
		ArtifactReference:  asked.Reference,
		SignatureMediaType: asked.MediaType,
	})
	if err != nil {
		return map[string]any{"verdict": "rejected", "why": err.Error()}, nil
	}
	logged := []string{}
	for _, each := range outcome.VerificationResults {
		if each.Error != nil {
			logged = append(logged, string(each.Type))
		}
	}
	verdict := "verified"
	if outcome.VerificationLevel.Name == "skip" {
		verdict = "skipped"
	}
	return map[string]any{"verdict": verdict, "logged": logged}, nil
}
