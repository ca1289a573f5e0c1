package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

type store struct {
	certificates map[string]*x509.Certificate
	keys         map[string]crypto.Signer
	issuers      map[string]string
	lists        map[string]*x509.RevocationList
	serial       int64
}

func newStore() *store {
	return &store{
		certificates: map[string]*x509.Certificate{},
		keys:         map[string]crypto.Signer{},
		issuers:      map[string]string{},
		lists:        map[string]*x509.RevocationList{},
		serial:       time.Now().UnixNano(),
	}
}

// chain is the certificate with all that issued it, up to the one that issued itself.
func (held *store) chain(name string) ([]*x509.Certificate, error) {
	chain := []*x509.Certificate{}
	for {
		cert := held.certificates[name]
		if cert == nil {
			return nil, fmt.Errorf("no certificate is called %q", name)
		}
		chain = append(chain, cert)
		if held.issuers[name] == name {
			return chain, nil
		}
		name = held.issuers[name]
	}
}

type certificateRequest struct {
	Name string `json:"name"`
	// Empty: it issues itself.
	Issuer    string            `json:"issuer"`
	Subject   map[string]string `json:"subject"`
	Units     []string          `json:"units"`
	Key       string            `json:"key"`
	NotBefore time.Time         `json:"notBefore"`
	NotAfter  time.Time         `json:"notAfter"`
	CA        bool              `json:"ca"`
	// With neither this nor CA there are no basic constraints at all.
	BasicConstraints bool     `json:"basicConstraints"`
	PathLength       *int     `json:"pathLength"`
	KeyUsage         []string `json:"keyUsage"`
	KeyUsageLoose    bool     `json:"keyUsageLoose"`
	ExtendedKeyUsage []string `json:"extendedKeyUsage"`
	ExtendedCritical bool     `json:"extendedCritical"`
	ListURLs         []string `json:"listUrls"`
	StatusURLs       []string `json:"statusUrls"`
	// Object identifiers of critical extensions that nobody knows.
	Unknown []string `json:"unknown"`
	// The key of another certificate instead of a new one.
	KeyOf string `json:"keyOf"`
}

var keyUsages = map[string]x509.KeyUsage{
	"digitalSignature": x509.KeyUsageDigitalSignature,
	"nonRepudiation":   x509.KeyUsageContentCommitment,
	"keyEncipherment":  x509.KeyUsageKeyEncipherment,
	"keyCertSign":      x509.KeyUsageCertSign,
	"crlSign":          x509.KeyUsageCRLSign,
}

var extendedKeyUsages = map[string]asn1.ObjectIdentifier{
	"codeSigning":     {1, 3, 6, 1, 5, 5, 7, 3, 3},
	"serverAuth":      {1, 3, 6, 1, 5, 5, 7, 3, 1},
	"clientAuth":      {1, 3, 6, 1, 5, 5, 7, 3, 2},
	"emailProtection": {1, 3, 6, 1, 5, 5, 7, 3, 4},
	"timeStamping":    {1, 3, 6, 1, 5, 5, 7, 3, 8},
	"ocspSigning":     {1, 3, 6, 1, 5, 5, 7, 3, 9},
	"any":             {2, 5, 29, 37, 0},
	"private":         {1, 3, 6, 1, 4, 1, 99999, 1},
}

func (held *store) certificate(asked *certificateRequest) (any, error) {
	key := held.keys[asked.KeyOf]
	if key == nil {
		made, err := generate(asked.Key)
		if err != nil {
			return nil, err
		}
		key = made
	}
	held.serial++
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(held.serial),
		Subject:               subject(asked),
		NotBefore:             asked.NotBefore,
		NotAfter:              asked.NotAfter,
		BasicConstraintsValid: asked.CA || asked.BasicConstraints,
		IsCA:                  asked.CA,
		CRLDistributionPoints: asked.ListURLs,
		OCSPServer:            asked.StatusURLs,
	}
	if asked.PathLength != nil {
		template.MaxPathLen = *asked.PathLength
		template.MaxPathLenZero = *asked.PathLength == 0
	}
	for _, each := range asked.KeyUsage {
		template.KeyUsage |= keyUsages[each]
	}
	if asked.KeyUsageLoose {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{3, 2, 7, 0x80},
		})
		template.KeyUsage = 0
	}
	if len(asked.ExtendedKeyUsage) > 0 {
		ids := []asn1.ObjectIdentifier{}
		for _, each := range asked.ExtendedKeyUsage {
			ids = append(ids, extendedKeyUsages[each])
		}
		value, err := asn1.Marshal(ids)
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: asked.ExtendedCritical, Value: value,
		})
	}
	for i := range asked.Unknown {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2, i}, Critical: true, Value: []byte{5, 0},
		})
	}
	issuer, parent, signer := asked.Issuer, held.certificates[asked.Issuer], held.keys[asked.Issuer]
	if issuer == "" {
		issuer, parent, signer = asked.Name, template, key
	}
	if parent == nil {
		return nil, fmt.Errorf("no certificate is called %q", asked.Issuer)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	held.certificates[asked.Name], held.keys[asked.Name], held.issuers[asked.Name] = cert, key, issuer
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"pem":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"der":    der,
		"key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"serial": template.SerialNumber.String(),
	}, nil
}

func generate(kind string) (crypto.Signer, error) {
	switch kind {
	case "ec224":
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "", "ec256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ec384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ec521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "rsa1024", "rsa2048", "rsa3072", "rsa4096":
		bits := map[string]int{"rsa1024": 1024, "rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}[kind]
		return rsa.GenerateKey(rand.Reader, bits)
	}
	return nil, fmt.Errorf("no key is called %q", kind)
}

func subject(asked *certificateRequest) pkix.Name {
	name := pkix.Name{CommonName: asked.Subject["CN"], OrganizationalUnit: asked.Units}
	for field, into := range map[string]*[]string{
		"C": &name.Country, "ST": &name.Province, "L": &name.Locality, "O": &name.Organization,
	} {
		if value := asked.Subject[field]; value != "" {
			*into = []string{value}
		}
	}
	if mail := asked.Subject["E"]; mail != "" {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: mail}}
	}
	return name
}

type listRequest struct {
	Name       string    `json:"name"`
	Issuer     string    `json:"issuer"`
	ThisUpdate time.Time `json:"thisUpdate"`
	NextUpdate time.Time `json:"nextUpdate"`
	Number     int64     `json:"number"`
	Revoked    []struct {
		Certificate string     `json:"certificate"`
		Reason      int        `json:"reason"`
		Invalidity  *time.Time `json:"invalidity"`
	} `json:"revoked"`
	// Critical extensions in DER.
	Critical []struct {
		ID    []int  `json:"id"`
		Value []byte `json:"value"`
	} `json:"critical"`
}

func (held *store) list(asked *listRequest) (any, error) {
	issuer, key := held.certificates[asked.Issuer], held.keys[asked.Issuer]
	if issuer == nil {
		return nil, fmt.Errorf("no certificate is called %q", asked.Issuer)
	}
	template := &x509.RevocationList{
		Number: big.NewInt(asked.Number), ThisUpdate: asked.ThisUpdate, NextUpdate: asked.NextUpdate,
	}
	for _, each := range asked.Revoked {
		entry := x509.RevocationListEntry{
			SerialNumber:   held.certificates[each.Certificate].SerialNumber,
			RevocationTime: asked.ThisUpdate,
			ReasonCode:     each.Reason,
		}
		if each.Invalidity != nil {
			value, err := asn1.MarshalWithParams(each.Invalidity.UTC(), "generalized")
			if err != nil {
				return nil, err
			}
			entry.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: value}}
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, entry)
	}
	for _, each := range asked.Critical {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: each.ID, Critical: true, Value: each.Value})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, issuer, key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	held.lists[asked.Name] = parsed
	return map[string]any{
		"der": der,
		"pem": string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})),
	}, nil
}
