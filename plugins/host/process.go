package host

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/identity"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// startLimit bounds the time from launch to handshake.
const startLimit = time.Minute

// process is a running plugin and the connection to it.
type process struct {
	plugin   Plugin
	client   *goplugin.Client
	child    *child
	conn     *grpc.ClientConn
	protocol int
	log      *processLog
}

// start launches a plugin and connects to it. The context bounds the start
// alone.
func start(ctx context.Context, p Plugin, o Options) (*process, error) {
	began := time.Now()
	logger := pluginLogger(p, o)
	mark := make([]byte, 8)
	rand.Read(mark)
	env := append(environment(os.Environ(), o.Env),
		proto.EnvHost+"="+hostMark(), proto.EnvSearch+"="+o.SearchID, proto.EnvLevel+"="+logger.GetLevel().String())
	if o.Folder != "" {
		env = append(env, proto.EnvFolder+"="+o.Folder)
	}
	if p.Script != "" {
		env = append(env, EnvScript+"="+p.Script)
	}

	log := &processLog{to: logger}
	config := &goplugin.ClientConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{proto.Version: {proto.SetName: clientSide{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     startLimit,
		Logger:           quiet(logger),
		SyncStdout:       log,
		SyncStderr:       log,
	}
	if !o.Plaintext {
		own, err := ownCredentials()
		if err != nil {
			return nil, fmt.Errorf("cannot make a certificate for plugins: %w", err)
		}
		// go-plugin's AutoMTLS with a key of our own choice. The plugin's own
		// certificate comes with its handshake and is the only one trusted.
		config.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{own.pair},
			MinVersion:   tls.VersionTLS12,
			ServerName:   "localhost",
			RootCAs:      x509.NewCertPool(), // nobody, until the handshake
		}
		env = append(env, proto.EnvCertificate+"="+own.pem)
	}

	// From here to the child's own count the guard must keep its directory.
	guardian.enter()
	defer guardian.leave(0)
	sockets := guardian.socketDir()
	if sockets == "" {
		return nil, fmt.Errorf("%s cannot be started: there is no directory for its socket: set $TMPDIR to one that "+
			"can be written, with a short path", p.Name)
	}
	config.UnixSocketConfig = &goplugin.UnixSocketConfig{TempDir: sockets}

	var c *child
	stop := func() bool { return true }
	config.RunnerFunc = func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
		var err error
		c, err = newChild(p, append(env, spec.Env...), hex.EncodeToString(mark), log)
		if err == nil {
			c.cmd.Dir = o.WorkDir
			stop = context.AfterFunc(ctx, c.kill)
		}
		return c, err
	}
	proc := &process{plugin: p, log: log}
	proc.client = goplugin.NewClient(config)
	_, err := proc.client.Start()
	proc.child = c
	if c != nil {
		c.mu.Lock()
		proc.protocol = c.protocol
		if c.pid > 0 {
			log.to.Info("started", "pid", c.pid, "path", p.Path, "args", p.Args)
			if began, ok := startTime(c.pid); ok && o.Journal != nil {
				o.Journal(c.pid, began)
			}
		}
		c.mu.Unlock()
	}
	var rpc goplugin.ClientProtocol
	if err == nil {
		rpc, err = proc.client.Client()
	}
	stop()
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		if c != nil {
			select {
			case <-c.gone:
			case <-time.After(100 * time.Millisecond): // a broken connection is often the first sign
			}
			c.kill()
		}
		proc.finish()
		err = proc.startError(ctx, err)
		// go-plugin ends what does not shake hands in time. Whatever was
		// killed long before that was killed by somebody else.
		if c != nil && c.killed && ctx.Err() == nil && time.Since(began) < startLimit/2 {
			err = &signalled{err}
		}
		return nil, err
	}
	proc.conn = rpc.(*goplugin.GRPCClient).Conn
	return proc, nil
}

// quiet keeps go-plugin's own chatter out of a plugin's log.
func quiet(l hclog.Logger) hclog.Logger {
	q := l.Named("go-plugin")
	if l.GetLevel() > hclog.Debug {
		return hclog.NewNullLogger()
	}
	return q
}

// startError says why a plugin could not be started, in one line.
func (p *process) startError(ctx context.Context, err error) error {
	if v := p.protocol; v != 0 && v != proto.Version {
		side := "rebuild the plugin with the SDK of this nascent"
		if v > proto.Version {
			side = "update nascent"
		}
		return fmt.Errorf("%s speaks version %d of the plugin protocol and this nascent speaks %d: %s",
			p.plugin.Name, v, proto.Version, side)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("starting %s: %w", p.plugin.Name, context.Cause(ctx))
	}
	if p.child == nil || p.child.ID() == "" {
		return fmt.Errorf("%s cannot be started: %s", p.plugin.Name, engine.OneLine(err.Error()))
	}
	if p.protocol == 0 {
		return fmt.Errorf("%s does not come up: %s without the handshake of a plugin%s", p.plugin.Name, p.child.status, p.quote())
	}
	return fmt.Errorf("%s does not come up: %s%s", p.plugin.Name, engine.OneLine(err.Error()), p.quote())
}

// quote is the process's last words as the end of a sentence.
func (p *process) quote() string {
	if words := p.log.words(); words != "" {
		return "; its last words: " + engine.OneLine(words)
	}
	return ""
}

// kill ends the process and its group at once and does not wait.
func (p *process) kill() { p.child.kill() }

// gone is closed when the process is.
func (p *process) gone() <-chan struct{} { return p.child.gone }

// cause is how the process ended, with its last words. It must be gone.
func (p *process) cause() string {
	<-p.child.gone
	return "the process of " + p.plugin.Name + " " + p.child.status + p.quote()
}

// signalled marks the error of a process that somebody killed.
type signalled struct{ error }

func (s *signalled) Unwrap() error { return s.error }

// patient calls f again while what it starts is killed by somebody: that is no
// fault of its own.
func patient(f func() error) error {
	err := f()
	for n := 1; n < tries && errors.As(err, new(*signalled)); n++ {
		err = f()
	}
	return err
}

// dies tells whether the process ends, of which a failed call is often the first
// sign. Where the connection broke, it takes as long as a busy machine needs to see
// the end.
func (p *process) dies(failed error) bool {
	patience := 100 * time.Millisecond
	if status.Code(failed) == codes.Unavailable {
		patience = 10 * time.Second
	}
	select {
	case <-p.child.gone:
		return true
	case <-time.After(patience):
		return false
	}
}

// explain makes one line of a failed call: what the process died of, if it did.
func (p *process) explain(err error) error {
	if p.dies(err) {
		if p.child.killed && !p.child.ended.Load() {
			return &signalled{errors.New(p.cause())}
		}
		return errors.New(p.cause())
	}
	if s, ok := status.FromError(err); ok {
		text := p.plugin.Name + ": " + engine.OneLine(s.Message())
		if s.Code() == proto.Trouble { // its own words, whatever it wrote
			return errors.New(text)
		}
		return errors.New(text + p.quote())
	}
	return fmt.Errorf("%s: %w", p.plugin.Name, err)
}

// stopGrace is how long a plugin may take to end after being asked.
const stopGrace = 2 * time.Second

// stop asks the process to end, and forces it after a grace or when ctx ends.
// It returns when nothing is left.
func (p *process) stop(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		p.client.Kill() // polite first; its calls have no deadline of their own
		close(done)
	}()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-p.child.gone:
	case <-grace.C:
	case <-ctx.Done():
	}
	p.kill()
	<-p.child.gone
	<-done
}

// finish waits for the end of a process that is being killed, and cleans up
// after it.
func (p *process) finish() {
	if p.child != nil && p.child.ID() != "" {
		<-p.child.gone
	}
	p.client.Kill()
}

// clientSide is go-plugin's view of what we ask for; the connection is all we
// take from it.
type clientSide struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (clientSide) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("host: serves nothing")
}

func (clientSide) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// credentials are this host's certificate for plugins, in both forms.
type credentials struct {
	pair tls.Certificate
	pem  string
}

var ownCredentials = sync.OnceValues(func() (*credentials, error) {
	pair, err := identity.New()
	if err != nil {
		return nil, err
	}
	return &credentials{pair, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))}, nil
})
