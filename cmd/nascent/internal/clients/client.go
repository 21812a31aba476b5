package clients

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// client is one connection.
type client struct {
	desk *Desk
	out  *mailbox.Mailbox[reply]

	// The desk's lock guards these.
	worker bool
	wants  int // trials that it asks for
	upTo   int // none beyond so many evaluations
}

// Serve talks with a client until it goes or the search ends. in is what it sends.
func (d *Desk) Serve(conn net.Conn, in io.Reader) {
	d.mu.Lock()
	if d.ended {
		d.mu.Unlock()
		conn.Close()
		return
	}
	d.gone.Add(1) // until everything was written
	d.mu.Unlock()
	c := &client{desk: d, out: mailbox.New[reply]()}
	go func() {
		defer d.gone.Done()
		defer conn.Close()
		c.write(conn)
	}()
	if err := c.read(bufio.NewReaderSize(in, 64<<10)); !errors.Is(err, io.EOF) {
		c.say(reply{Refuse: engine.OneLine(err.Error())})
	}
	d.detach(c)
}

// say sends a line, some time soon.
func (c *client) say(r reply) { c.out.Put(r) }

// patience is how long a client may take to read what it is told.
const patience = 5 * time.Second

func (c *client) write(conn net.Conn) {
	for {
		replies, more := c.out.Take(0, nil)
		if !more {
			return
		}
		var lines []byte
		for _, r := range replies {
			line, err := marshal(r)
			if err != nil {
				return
			}
			lines = append(append(lines, line...), '\n')
		}
		conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err := conn.Write(lines); err != nil {
			return // reading tells what became of it
		}
	}
}

// marshal writes JSON that people can read.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// read hears a client out. The error is what the client is told, but for io.EOF.
func (c *client) read(in *bufio.Reader) error {
	for first := true; ; first = false {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		m, err := decode(line)
		switch {
		case err != nil:
			return err
		case first && m.Hello == nil, !first && m.Hello != nil:
			return errors.New("a client says hello first, and once: see docs/client.md")
		case first:
			if err := c.desk.attach(c, m.Hello); err != nil {
				return err
			}
		default:
			if err := c.take(m); err != nil {
				return err
			}
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if long = append(long, part...); len(long) > maxLine {
			return nil, fmt.Errorf("a line has more than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, err
		}
	}
}

// take handles a message.
func (c *client) take(m *message) error {
	if m.Ask != nil {
		c.ask(max(0, min(*m.Ask, engine.MaxWorkers)), max(0, m.UpTo))
		return nil
	}
	id, err := engine.ParseID(m.ID)
	if err != nil {
		return err
	}
	switch {
	case m.last():
		c.tell(id, m)
	case m.Save != nil:
		c.save(id, m)
	case m.Report != nil:
		c.report(id, m)
	}
	return nil
}

// ask sets how many trials the client wants.
func (c *client) ask(n, upTo int) {
	d := c.desk
	if n > 0 && upTo > 0 && d.search.Extend(upTo) {
		d.mu.Lock()
		if d.Limit > 0 {
			d.Limit = max(d.Limit, upTo)
		}
		d.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.clients[c] {
		return
	}
	c.wants, c.upTo = n, upTo
	if !slices.Contains(d.asking, c) {
		d.asking = append(d.asking, c)
	}
	d.serve()
}

// mine is the job that a client speaks of, nil if it does not have that. With the desk's
// lock held.
func (c *client) mine(id engine.ID, m *message) *job {
	if j := c.desk.jobs[id]; j != nil && j.holder == c && j.called == m.Attempt {
		return j
	}
	return nil
}

func (c *client) report(id engine.ID, m *message) {
	d := c.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	j := c.mine(id, m)
	if j == nil || math.IsNaN(m.Step) || math.IsInf(m.Step, 0) {
		return
	}
	p := engine.Point{Step: m.Step, Metrics: values(m.Report)}
	p.Metrics = slices.DeleteFunc(p.Metrics, func(v engine.Value) bool { return math.IsNaN(v.Value) })
	j.curve = append(j.curve, p)
	d.events.Put(engine.Event{ID: id, Attempt: j.Attempt, Kind: engine.Progress, Point: p})
}

func (c *client) save(id engine.ID, m *message) {
	d := c.desk
	refs, err := d.keep(m.Save)
	d.mu.Lock()
	defer d.mu.Unlock()
	j := c.mine(id, m)
	switch {
	case j == nil:
	case err != nil:
		c.say(reply{Wrong: m.ID, Attempt: m.Attempt, Why: engine.OneLine(err.Error())})
	default:
		for _, ref := range refs {
			j.saved = engine.WithFile(j.saved, ref)
		}
		d.events.Put(engine.Event{ID: id, Attempt: j.Attempt, Kind: engine.Saved, Files: j.saved})
	}
}

// tell takes what came of a trial.
func (c *client) tell(id engine.ID, m *message) {
	d := c.desk
	result, refs, err := c.judge(id, m)
	d.mu.Lock()
	defer d.mu.Unlock()
	j := c.mine(id, m)
	switch claim := d.claims[id]; {
	case j == nil && claim != nil && claim.by == c:
		claim.told = m
		if d.begun {
			d.settle(id, claim)
		}
	case j == nil:
		c.say(reply{Stale: id.String(), Attempt: m.Attempt, Why: "it is another client's, or has its result"})
	case j.late:
		d.answer(j, engine.Event{Kind: engine.Returned, Reason: "cancelled"})
		c.say(reply{Stale: id.String(), Attempt: m.Attempt, Why: overdue})
	case m.Returned != nil:
		d.answer(j, engine.Event{Kind: engine.Returned, Reason: engine.OneLine(*m.Returned)})
		c.say(reply{Told: id.String(), Attempt: m.Attempt})
	case err != nil:
		c.say(reply{Wrong: id.String(), Attempt: m.Attempt, Why: engine.OneLine(err.Error())})
	default:
		if j.inherited { // the engine knows only of the time since then
			result.Seconds = min(result.Seconds, 24*3600)
		}
		result.Curve, result.Files = j.curve, refs
		d.told[id] = &told{c, m.Attempt, m.Metrics != nil && spoilt(*result, d.Derived) != ""}
		d.answer(j, engine.Event{Kind: engine.Finished, Result: result, Fault: m.Fault})
	}
}

// judge makes a result of a message, with its files in the store. The error says what
// cannot be: it is the client's to mend, no result.
func (c *client) judge(id engine.ID, m *message) (*engine.Result, []engine.FileRef, error) {
	d := c.desk
	d.mu.Lock()
	j := c.mine(id, m)
	d.mu.Unlock()
	if j == nil || m.Returned != nil {
		return nil, nil, nil
	}
	r, err := m.result()
	if err != nil {
		return nil, nil, err
	}
	if r.Status != engine.OK {
		return r, nil, nil
	}
	r.Metrics = counted(r.Metrics, j.Job)
	judged := *r
	if d.hello.Judge(j.Job.Task, &judged); judged.Status != engine.OK {
		return nil, nil, errors.New(judged.Reason)
	}
	if !r.Stopped && j.Job.Task == engine.Train && j.Job.Phase != engine.PhaseTest {
		for _, w := range d.Wanted {
			if _, has := judged.Metrics.Get(w.Name); !has {
				return nil, nil, fmt.Errorf("there is no metric %s among what is told, by which the search judges", w.Name)
			}
		}
	}
	refs, err := d.keep(m.Files)
	return r, refs, err
}

// counted are metrics with those of a job's network that can be counted.
func counted(metrics engine.Values, j *engine.Job) engine.Values {
	net, err := j.Network()
	if err != nil || net == nil {
		return metrics
	}
	for name, x := range map[string]int64{"parameters": net.Parameters(), "macs": net.Macs()} {
		if _, has := metrics.Get(name); !has {
			metrics = append(metrics, engine.Value{Name: name, Value: float64(x)})
		}
	}
	engine.SortValues(metrics)
	return metrics
}

// spoilt is why what is derived from a result's metrics makes it invalid, or "".
func spoilt(r engine.Result, derived engine.Derivation) string {
	if derived.Complete(&r); r.Status == engine.Invalid {
		return r.Reason
	}
	return ""
}

// keep copies files into the store: a client may have to tell of them again.
func (d *Desk) keep(files map[string]string) (refs []engine.FileRef, err error) {
	for name, path := range files {
		if err := engine.CheckFileName(name); err != nil {
			return nil, err
		}
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("the path of the file %s is not absolute: %.100s", name, path)
		}
		ref, err := d.copy(path, name)
		if err != nil {
			return nil, fmt.Errorf("cannot take the file %s: %w", name, err)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func (d *Desk) copy(path, name string) (engine.FileRef, error) {
	from, err := os.Open(path)
	if err != nil {
		return engine.FileRef{}, err
	}
	defer from.Close()
	to, err := os.CreateTemp(d.files.Temp(), "client-")
	if err != nil {
		return engine.FileRef{}, err
	}
	defer os.Remove(to.Name()) // unless it was put
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return engine.FileRef{}, err
	}
	return d.files.Put(to.Name(), name)
}
