package fleet

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/internal/identity"
)

// Ticket is what a host needs to take part in a search: where the coordinator is, and the
// keys by which the two know each other. Whoever has it can take part.
type Ticket struct {
	Search      string   `json:"search"`
	Addresses   []string `json:"addresses"`   // HOST:PORT, tried in this order
	Coordinator string   `json:"coordinator"` // its certificate, PEM: no other is talked to
	Host        string   `json:"host"`        // certificate and key of the search's hosts, PEM

	// Setup are lines of shell that a host which is started by hand runs first.
	Setup string `json:"setup,omitempty"`
}

// Keys are those of one search.
type Keys struct {
	coordinator, host tls.Certificate
	ticket            Ticket
}

// NewKeys makes the keys of a search, and an id for it that no other has.
func NewKeys() (*Keys, error) {
	k := &Keys{ticket: Ticket{Search: rand.Text()}}
	var err error
	if k.coordinator, err = identity.New(); err == nil {
		k.host, err = identity.New()
	}
	if err != nil {
		return nil, err
	}
	k.ticket.Coordinator = certificate(k.coordinator)
	key, err := x509.MarshalPKCS8PrivateKey(k.host.PrivateKey)
	if err != nil {
		return nil, err
	}
	k.ticket.Host = certificate(k.host) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return k, nil
}

func certificate(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// recordedKeys are Keys on disk.
type recordedKeys struct {
	Ticket Ticket `json:"ticket"`
	Key    string `json:"key"` // of the coordinator, PEM
}

// OpenKeys reads the keys of a search from a file that only its owner may read, or makes
// them there.
func OpenKeys(path string) (*Keys, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		k, err := NewKeys()
		if err != nil {
			return nil, err
		}
		key, err := x509.MarshalPKCS8PrivateKey(k.coordinator.PrivateKey)
		if err != nil {
			return nil, err
		}
		r := recordedKeys{Ticket: k.ticket, Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
		return k, writeJSON(path, r)
	}
	if err != nil {
		return nil, err
	}
	var r recordedKeys
	k := &Keys{}
	if err = json.Unmarshal(b, &r); err == nil {
		k.ticket = r.Ticket
		if k.coordinator, err = tls.X509KeyPair([]byte(r.Ticket.Coordinator), []byte(r.Key)); err == nil {
			k.host, err = tls.X509KeyPair([]byte(r.Ticket.Host), []byte(r.Ticket.Host))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not hold the keys of a search (%w); remove it, and start the hosts anew", path, err)
	}
	return k, nil
}

// Ticket is for hosts that find the coordinator at these addresses.
func (k *Keys) Ticket(addresses ...string) Ticket {
	t := k.ticket
	t.Addresses = addresses
	return t
}

// Write puts a ticket into a file that only its owner may read, in one step.
func (t Ticket) Write(path string) error { return writeJSON(path, t) }

// ReadTicket reads what Write has written.
func ReadTicket(path string) (t Ticket, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return t, fmt.Errorf("%s is no ticket of a search: %w", path, err)
	}
	return ParseTicket(path, b)
}

// ParseTicket reads a ticket's text; where it is from is for the error.
func ParseTicket(from string, text []byte) (t Ticket, err error) {
	if err = json.Unmarshal(text, &t); err == nil && len(t.Addresses) == 0 {
		err = errors.New("it names no address")
	}
	for _, address := range t.Addresses {
		if _, _, bad := net.SplitHostPort(address); err == nil && bad != nil {
			err = fmt.Errorf("%q is no HOST:PORT", address)
		}
	}
	if err == nil {
		_, err = t.client()
	}
	if err != nil {
		return t, fmt.Errorf("%s is no ticket of a search (%w): take DIR/fleet/ticket.json as it is", from, err)
	}
	return t, nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

var errOtherKey = errors.New("its key is not that of the search")

// pinned accepts one certificate and no other. Whose it is, is not asked: names and
// addresses change, and the key does not.
func pinned(want []byte) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !bytes.Equal(raw[0], want) {
			return errOtherKey
		}
		return nil
	}
}

// server is how the coordinator speaks.
func (k *Keys) server() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{k.coordinator}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13,
		VerifyPeerCertificate: pinned(k.host.Certificate[0]), SessionTicketsDisabled: true, NextProtos: []string{"h2"},
	}
}

// client is how a host speaks.
func (t *Ticket) client() (*tls.Config, error) {
	own, err := tls.X509KeyPair([]byte(t.Host), []byte(t.Host))
	if err != nil {
		return nil, fmt.Errorf("its key cannot be read: %w", err)
	}
	block, _ := pem.Decode([]byte(t.Coordinator))
	if block == nil {
		return nil, errors.New("it has no certificate of the search's machine")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		InsecureSkipVerify: true, VerifyPeerCertificate: pinned(block.Bytes), // by its key alone
	}, nil
}
