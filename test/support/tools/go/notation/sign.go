package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/notaryproject/notation-core-go/signature"
	_ "github.com/notaryproject/notation-core-go/signature/cose"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/tspclient-go"
	"oras.land/oras-go/v2/registry/remote"
)

type signRequest struct {
	MediaType string `json:"mediaType"`
	// The certificate that signs; those that issued it go into the envelope too.
	Certificate string    `json:"certificate"`
	Payload     []byte    `json:"payload"`
	ContentType string    `json:"contentType"`
	Scheme      string    `json:"scheme"`
	SigningTime time.Time `json:"signingTime"`
	Expiry      time.Time `json:"expiry"`
	Attributes  []struct {
		Key      string `json:"key"`
		Value    any    `json:"value"`
		Critical bool   `json:"critical"`
	} `json:"attributes"`
	// The certificate of a timestamp authority.
	Authority     string     `json:"authority"`
	TimestampTime *time.Time `json:"timestampTime"`
}

func (held *store) sign(asked *signRequest) (any, error) {
	chain, err := held.chain(asked.Certificate)
	if err != nil {
		return nil, err
	}
	local, err := signature.NewLocalSigner(chain, held.keys[asked.Certificate])
	if err != nil {
		return nil, err
	}
	envelope, err := signature.NewEnvelope(asked.MediaType)
	if err != nil {
		return nil, err
	}
	wanted := &signature.SignRequest{
		Payload:       signature.Payload{ContentType: asked.ContentType, Content: asked.Payload},
		Signer:        local,
		SigningTime:   asked.SigningTime,
		Expiry:        asked.Expiry,
		SigningScheme: signature.SigningScheme(asked.Scheme),
		SigningAgent:  "a test",
	}
	for _, each := range asked.Attributes {
		wanted.ExtendedSignedAttributes = append(wanted.ExtendedSignedAttributes, signature.Attribute{Key: each.Key, Value: each.Value, Critical: each.Critical})
	}
	if asked.Authority != "" {
		if err := held.countersign(wanted, asked.Authority, asked.TimestampTime); err != nil {
			return nil, err
		}
	}
	signed, err := envelope.Sign(wanted)
	if err != nil {
		return nil, err
	}
	return map[string]any{"envelope": signed}, nil
}

func (held *store) countersign(wanted *signature.SignRequest, name string, at *time.Time) error {
	chain, err := held.chain(name)
	if err != nil {
		return err
	}
	wanted.TSARootCAs = x509.NewCertPool()
	wanted.TSARootCAs.AddCert(chain[len(chain)-1])
	wanted.Timestamper = &authority{held: held, name: name, at: at}
	return nil
}

// authority is a timestamp authority without a network.
type authority struct {
	held *store
	name string
	at   *time.Time
}

func (own *authority) Timestamp(_ context.Context, asked *tspclient.Request) (*tspclient.Response, error) {
	hashes := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}
	hash := hashes[len(asked.MessageImprint.HashedMessage)]
	der, err := own.held.stamp(own.name, asked.MessageImprint.HashedMessage, hash, asked.Nonce, own.at, nil)
	if err != nil {
		return nil, err
	}
	response := &tspclient.Response{}
	return response, response.UnmarshalBinary(der)
}

func (held *store) stamp(name string, hashed []byte, hash crypto.Hash, nonce *big.Int, at *time.Time, accuracy *time.Duration) ([]byte, error) {
	chain, err := held.chain(name)
	if err != nil {
		return nil, err
	}
	when := time.Now()
	if at != nil {
		when = *at
	}
	made := timestamp.Timestamp{
		HashAlgorithm: hash, HashedMessage: hashed, Time: when, Nonce: nonce, Policy: asn1.ObjectIdentifier{1, 2, 3, 4},
		AddTSACertificate: true, Certificates: chain[1:],
	}
	if accuracy != nil {
		made.Accuracy = *accuracy
	}
	return made.CreateResponseWithOpts(chain[0], held.keys[name], crypto.SHA256)
}

type timestampRequest struct {
	Authority string     `json:"authority"`
	Content   []byte     `json:"content"`
	Time      *time.Time `json:"time"`
	// Milliseconds around the time.
	Accuracy *int64 `json:"accuracy"`
}

func (held *store) timestamp(asked *timestampRequest) (any, error) {
	hash := crypto.SHA256
	digest := hash.New()
	digest.Write(asked.Content)
	var accuracy *time.Duration
	if asked.Accuracy != nil {
		exact := time.Duration(*asked.Accuracy) * time.Millisecond
		accuracy = &exact
	}
	der, err := held.stamp(asked.Authority, digest.Sum(nil), hash, nil, asked.Time, accuracy)
	if err != nil {
		return nil, err
	}
	response := &tspclient.Response{}
	if err := response.UnmarshalBinary(der); err != nil {
		return nil, err
	}
	if bytes.Equal(response.TimestampToken.FullBytes, nil) {
		return nil, fmt.Errorf("the response holds no token")
	}
	return map[string]any{"token": response.TimestampToken.FullBytes}, nil
}

type imageRequest struct {
	// host/repository@sha256:…
	Reference   string            `json:"reference"`
	MediaType   string            `json:"mediaType"`
	Certificate string            `json:"certificate"`
	Seconds     int64             `json:"seconds"`
	Metadata    map[string]string `json:"metadata"`
	Authority   string            `json:"authority"`
}

// signImage is what `notation sign` does.
func (held *store) signImage(asked *imageRequest) (any, error) {
	chain, err := held.chain(asked.Certificate)
	if err != nil {
		return nil, err
	}
	generic, err := signer.NewGenericSigner(held.keys[asked.Certificate], chain)
	if err != nil {
		return nil, err
	}
	repository, err := remote.NewRepository(asked.Reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	options := notation.SignOptions{
		SignerSignOptions: notation.SignerSignOptions{
			SignatureMediaType: asked.MediaType,
			ExpiryDuration:     time.Duration(asked.Seconds) * time.Second,
		},
		ArtifactReference: asked.Reference,
		UserMetadata:      asked.Metadata,
	}
	if asked.Authority != "" {
		wanted := &signature.SignRequest{}
		if err := held.countersign(wanted, asked.Authority, nil); err != nil {
			return nil, err
		}
		options.Timestamper, options.TSARootCAs = wanted.Timestamper, wanted.TSARootCAs
	}
	signed, err := notation.Sign(context.Background(), generic, registry.NewRepository(repository), options)
	if err != nil {
		return nil, err
	}
	return map[string]any{"signed": signed.Digest}, nil
}
