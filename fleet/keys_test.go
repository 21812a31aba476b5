package fleet

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

// The two know each other by their keys: a host or a search whose clock is far off is taken,
// although for it the certificates have not begun, or are over.
func TestKeysWithoutDates(t *testing.T) {
	t.Parallel()
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	ticket := keys.Ticket("x")
	for _, host := range []time.Duration{-100 * 365 * 24 * time.Hour, -time.Hour, 0, time.Hour, 100 * 365 * 24 * time.Hour} {
		for _, search := range []time.Duration{-time.Hour, 0, time.Hour} {
			client, err := ticket.client()
			if err != nil {
				t.Fatal(err)
			}
			server := keys.server()
			client.Time = func() time.Time { return time.Now().Add(host) }
			server.Time = func() time.Time { return time.Now().Add(search) }
			a, b := net.Pipe()
			done := make(chan error, 1)
			go func() { done <- tls.Server(b, server).Handshake() }()
			if err := errors.Join(tls.Client(a, client).Handshake(), <-done); err != nil {
				t.Errorf("with clocks that are off by %s and %s: %v", host, search, err)
			}
			a.Close()
			b.Close()
		}
	}
}
