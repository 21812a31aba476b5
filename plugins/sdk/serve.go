package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Plugin is what one process serves: an evaluator, a strategy, or both. A strategy
// that is an option.Declarer tells people its options.
type Plugin struct {
	Evaluator *EvaluatorPlugin
	Strategy  engine.Strategy
	Name      string // of the strategy; default: the executable's name without nascent-strategy-
	Version   string // of the strategy; default "0"
}

// ServeEvaluator serves an evaluator and returns when the host is done with
// it. It takes a func(*Job) (Metrics, error), a func(*Job) (Result, error), or
// an EvaluatorPlugin or a pointer to one.
func ServeEvaluator(e any) {
	p, err := evaluatorOf(e)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	Serve(Plugin{Evaluator: p})
}

// ServeStrategy serves a strategy and returns when the host is done with it.
func ServeStrategy(s engine.Strategy) { Serve(Plugin{Strategy: s}) }

var (
	logOnce sync.Once
	logger  hclog.Logger
)

// Log is the plugin's logger: what it is told goes to the plugin's log file,
// with its level.
func Log() hclog.Logger {
	logOnce.Do(func() {
		level := hclog.LevelFromString(os.Getenv(proto.EnvLevel))
		if level == hclog.NoLevel {
			level = hclog.Info
		}
		served := os.Getenv(proto.Handshake.MagicCookieKey) != ""
		// os.Stderr itself is replaced while serving; the descriptor is not.
		logger = hclog.New(&hclog.LoggerOptions{Output: fileOf(2, "stderr"), Level: level, JSONFormat: served})
	})
	return logger
}

// fileOf is a File of its own on a copy of a descriptor.
func fileOf(fd int, name string) *os.File {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return os.NewFile(uintptr(fd), name)
	}
	return os.NewFile(uintptr(own), name)
}

// Serve serves both kinds from one process.
func Serve(p Plugin) {
	self := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if os.Getenv(proto.Handshake.MagicCookieKey) != proto.Handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "%s is a plugin of nascent and is not run by hand: put it beside nascent, into the search's "+
			"directory or into one named in $NASCENT_PLUGINS, and name it in search.yaml\n", self)
		os.Exit(1)
	}
	watchLifeline()

	// Standard output carries the handshake and nothing else. Everyone's
	// prints, those of child processes and of C code too, go where standard
	// error goes.
	stderr := fileOf(2, "stderr")
	handshake := fileOf(1, "stdout")
	if err := unix.Dup3(2, 1, 0); err != nil {
		fmt.Fprintf(os.Stderr, "cannot redirect standard output: %v\n", err)
		os.Exit(1)
	}
	own, certificate, err := mutualTLS(os.Getenv(proto.EnvCertificate))
	if err == nil {
		os.Stdout, err = certifying(handshake, certificate)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot prepare the handshake: %v\n", err)
		os.Exit(1)
	}

	// go-plugin replaces os.Stdout and os.Stderr by pipes of its own, whose
	// content dies with the process. The first call puts them back: it comes
	// after the replacement.
	var restore sync.Once
	shaken := os.Stdout
	putBack := func() {
		restore.Do(func() {
			os.Stdout, os.Stderr = stderr, stderr
			shaken.Close()
		})
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{proto.Version: {proto.SetName: &grpcPlugin{p: p, name: self}}},
		TLSProvider:      own,
		Logger:           Log().Named("go-plugin"),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			options = append(options,
				grpc.MaxRecvMsgSize(proto.MaxMessage), grpc.MaxSendMsgSize(proto.MaxMessage),
				grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
					putBack()
					return next(ctx, req)
				}))
			return grpc.NewServer(options...)
		},
	})
}

// watchLifeline ends this process, and what it started, with the host.
func watchLifeline() {
	fd, err := strconv.Atoi(os.Getenv(proto.EnvLifeline))
	if err != nil || fd < 3 {
		return
	}
	unix.CloseOnExec(fd)
	line := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		io.Copy(io.Discard, line)
		if pgid, err := unix.Getpgid(0); err == nil && pgid == os.Getpid() {
			unix.Kill(-pgid, unix.SIGKILL)
		}
		os.Exit(1)
	}()
}

// grpcPlugin registers the services with go-plugin.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	p    Plugin
	name string // of the executable
}

func (g *grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if g.p.Evaluator == nil && g.p.Strategy == nil {
		return errors.New("sdk: nothing to serve")
	}
	proto.RegisterPluginServer(s, &describer{g: g})
	if g.p.Evaluator != nil {
		proto.RegisterEvaluatorServer(s, &evaluatorServer{
			plugin: g.p.Evaluator, name: strings.TrimPrefix(g.name, "nascent-evaluator-")})
	}
	if g.p.Strategy != nil {
		proto.RegisterStrategyServer(s, &strategyServer{strategy: g.p.Strategy})
	}
	return nil
}

func (g *grpcPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("sdk: a plugin has no client side")
}

// describer answers Describe.
type describer struct {
	proto.UnimplementedPluginServer
	g *grpcPlugin
}

func (d *describer) Describe(context.Context, *proto.DescribeRequest) (*proto.Description, error) {
	p := d.g.p
	out := &proto.Description{Name: p.Name, Version: p.Version, Sdk: "go"}
	if d, ok := p.Strategy.(option.Declarer); ok {
		out.StrategyOptions = described(d.Declare)
	}
	if p.Evaluator != nil && p.Evaluator.Options != nil {
		out.EvaluatorOptions = described(p.Evaluator.Options)
	}
	if p.Strategy != nil {
		out.Kinds = append(out.Kinds, "strategy")
		if out.Name == "" {
			out.Name = strings.TrimPrefix(d.g.name, "nascent-strategy-")
		}
	}
	if e := p.Evaluator; e != nil {
		out.Kinds = append([]string{"evaluator"}, out.Kinds...)
		if e.Name != "" {
			out.Name = e.Name
		}
		if e.Version != "" {
			out.Version = e.Version
		}
		if out.Name == "" || p.Strategy == nil && e.Name == "" {
			out.Name = strings.TrimPrefix(d.g.name, "nascent-evaluator-")
		}
	}
	if out.Version == "" {
		out.Version = "0"
	}
	return out, nil
}

// described tells of options on the wire.
func described(declare func(*option.Set)) []byte {
	text, err := json.Marshal(option.List(declare))
	if err != nil {
		panic(err) // these are texts
	}
	return text
}
