package sdk

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"os"
	"strings"

	"github.com/nascent-nas/nascent/internal/identity"
)

// mutualTLS is what go-plugin does by itself, with a key that is made faster:
// the configuration that trusts the host's certificate (PEM) alone, and our own
// certificate as the handshake tells it. Without the host's there is no TLS and
// the provider is nil.
func mutualTLS(host string) (provider func() (*tls.Config, error), certificate string, err error) {
	if host == "" {
		return nil, "", nil
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(host)) {
		return nil, "", errors.New("the host's certificate cannot be read")
	}
	pair, err := identity.New()
	if err != nil {
		return nil, "", err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted,
		MinVersion: tls.VersionTLS12}
	return func() (*tls.Config, error) { return config, nil }, base64.RawStdEncoding.EncodeToString(pair.Certificate[0]), nil
}

// certifying returns a file for go-plugin to write its handshake to, which comes
// out with our certificate in it: go-plugin tells only of those that it made.
func certifying(out *os.File, certificate string) (*os.File, error) {
	if certificate == "" {
		return out, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer out.Close()
		defer r.Close()
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil {
			return // go-plugin has said why on standard error
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		const place = 5 // docs/wire.md
		if len(fields) > place {
			fields[place] = certificate
		}
		out.WriteString(strings.Join(fields, "|") + "\n")
	}()
	return w, nil
}
