// Package health answers monitoring systems while a search runs: GET /metrics in the
// text format of Prometheus, and GET /healthz.
package health

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// Address is where to listen: a TCP port, on loopback unless a host is named, or a unix
// socket.
type Address struct {
	Network string // tcp or unix
	Where   string // host:port, or the socket's path
}

// ParseAddress reads PORT, HOST:PORT, :PORT (every interface) or unix:PATH.
func ParseAddress(text string) (Address, error) {
	if path, is := strings.CutPrefix(text, "unix:"); is {
		if path == "" {
			return Address{}, fmt.Errorf("%q names no socket; write unix:PATH", text)
		}
		return Address{"unix", path}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = "127.0.0.1", text
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strings.ContainsAny(host, " /") {
		return Address{}, fmt.Errorf("%q is no address; write a port such as 9100 (on this machine alone), HOST:PORT, or unix:PATH", text)
	} else {
		return Address{"tcp", net.JoinHostPort(host, strconv.FormatUint(n, 10))}, nil
	}
}

// Server answers until Close.
type Server struct {
	http *http.Server
	Addr string // where it listens
}

// Serve listens. A socket is for its user alone; one that a dead process left is
// replaced.
func Serve(at Address, live show.Live) (*Server, error) {
	l, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; choose another address, or free this one", at.Where, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{live}, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { healthz(w, live) })
	s := &Server{Addr: l.Addr().String(), http: &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
	}}
	go s.http.Serve(l)
	return s, nil
}

func listen(at Address) (net.Listener, error) {
	if at.Network != "unix" {
		return net.Listen(at.Network, at.Where)
	}
	if info, err := os.Lstat(at.Where); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is there already and is no socket", filepath.Base(at.Where))
		}
		if c, err := net.DialTimeout("unix", at.Where, time.Second); err == nil {
			c.Close()
			return nil, unix.EADDRINUSE
		}
		if err := os.Remove(at.Where); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", at.Where)
	if err == nil {
		if err = os.Chmod(at.Where, 0o600); err != nil {
			l.Close()
		}
	}
	return l, err
}

// Close stops listening; answers under way have a second.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}

// healthz says 200 while the search runs, and what to look at if that is not going well.
func healthz(w http.ResponseWriter, live show.Live) {
	w.Header().Set("Content-Type", "application/json")
	v, err := live()
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		json.NewEncoder(w).Encode(map[string]any{"healthy": false, "reason": err.Error()})
		return
	}
	s := v.Status()
	healthy := s.State == engine.StateRunning
	answer := map[string]any{"healthy": healthy, "search": s.Name, "state": s.State, "phase": s.Phase, "evaluations": s.Evaluations}
	if s.Cause != "" {
		answer["reason"] = s.Cause
	}
	var slow []engine.ID
	for _, j := range s.Jobs {
		if j.Slow {
			slow = append(slow, j.ID)
		}
	}
	if len(slow) > 0 {
		answer["slow_jobs"] = slow
	}
	if s.Deciding > 0 {
		answer["deciding_seconds"] = s.Deciding
	}
	if !healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(answer)
}
