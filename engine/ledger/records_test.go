package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nascent-nas/nascent/engine"
	"pgregory.net/rapid"
)

// A kind is one kind of record, for tests over all of them.
type kind struct {
	bucket string
	draw   func(*rapid.T, uint64) any // a record with this key
	write  func(*encoder, any)
	read   func(*decoder, uint64) any
}

func kindOf[T any](bucket string, draw func(*rapid.T, uint64) T, write func(*encoder, *T), read func(*decoder, uint64) T) kind {
	return kind{
		bucket,
		func(t *rapid.T, key uint64) any { return draw(t, key) },
		func(e *encoder, r any) { v := r.(T); write(e, &v) },
		func(d *decoder, key uint64) any { return read(d, key) },
	}
}

func keyless[T any](read func(*decoder) T) func(*decoder, uint64) T {
	return func(d *decoder, _ uint64) T { return read(d) }
}

var (
	drawWord  = rapid.OneOf(rapid.SampledFrom(words), rapid.StringN(0, 20, 60))
	drawFloat = rapid.Float64()
	drawBytes = rapid.SliceOfN(rapid.Byte(), 0, 200)
	drawID    = rapid.OneOf(rapid.Uint64Range(1, 3000), rapid.Uint64Range(uint64(engine.FinalBase)+1, uint64(engine.FinalBase)+99), rapid.Uint64())
	drawInt   = rapid.Int()
)

func drawIDs(t *rapid.T, name string) []engine.ID {
	return rapid.SliceOfN(rapid.Map(drawID, func(n uint64) engine.ID { return engine.ID(n) }), 0, 10).Draw(t, name)
}

func drawTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanos")).UTC()
}

func drawValues(t *rapid.T) engine.Values {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) engine.Value {
		return engine.Value{Name: drawWord.Draw(t, "name"), Value: drawFloat.Draw(t, "value")}
	}), 0, 6).Draw(t, "values")
}

func drawFiles(t *rapid.T) []engine.FileRef {
	hash := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), hex.EncodeToString),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }),
		rapid.String(),
	)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) engine.FileRef {
		return engine.FileRef{Name: drawWord.Draw(t, "name"), Hash: hash.Draw(t, "hash"), Size: rapid.Int64().Draw(t, "size")}
	}), 0, 4).Draw(t, "files")
}

func drawCurve(t *rapid.T) []engine.Point {
	points := make([]engine.Point, rapid.IntRange(0, 8).Draw(t, "points"))
	names := drawValues(t)
	uniform := rapid.Bool().Draw(t, "uniform")
	for i := range points {
		points[i].Step = drawFloat.Draw(t, "step")
		if !uniform {
			points[i].Metrics = drawValues(t)
			continue
		}
		for _, v := range names {
			points[i].Metrics = append(points[i].Metrics, engine.Value{Name: v.Name, Value: drawFloat.Draw(t, "value")})
		}
	}
	return points
}

func drawResult(t *rapid.T, whole bool) (r engine.ResultRecord) {
	r.ID = engine.ID(drawID.Draw(t, "id"))
	r.Attempt, r.Attempts, r.Fingerprint = drawInt.Draw(t, "attempt"), drawInt.Draw(t, "attempts"), drawInt.Draw(t, "fingerprint")
	r.Status = engine.Status(drawWord.Draw(t, "status"))
	r.Reason, r.Stopped = rapid.String().Draw(t, "reason"), rapid.Bool().Draw(t, "stopped")
	r.Metrics, r.Files, r.Seconds = drawValues(t), drawFiles(t), drawFloat.Draw(t, "seconds")
	r.Lost = drawLost(t)
	if rapid.Bool().Draw(t, "usage?") {
		r.Usage = engine.Usage{CPU: drawFloat.Draw(t, "cpu"), Memory: rapid.Int64().Draw(t, "memory"), GPUMemory: rapid.Int64().Draw(t, "gpu memory")}
	}
	if whole {
		r.Curve, r.Output = drawCurve(t), drawBytes.Draw(t, "output")
	}
	return r
}

func drawTurn(t *rapid.T, key uint64) (r engine.TurnRecord) {
	r.Part, r.N = engine.PartSearch, key
	r.Consumed, r.Keep, r.FirstID = drawIDs(t, "consumed"), drawIDs(t, "keep"), engine.ID(drawID.Draw(t, "first"))
	r.Jobs, r.Want = drawInt.Draw(t, "jobs"), drawInt.Draw(t, "want")
	r.Spent = engine.Spent{Evaluations: drawInt.Draw(t, "evaluations"), Seconds: drawFloat.Draw(t, "seconds")}
	copy(r.Decision[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "decision"))
	r.Files, r.Note, r.Done = drawFiles(t), rapid.String().Draw(t, "note"), rapid.Bool().Draw(t, "done")
	return r
}

func drawJob(t *rapid.T, key uint64) (r engine.JobRecord) {
	r.ID = engine.ID(key)
	r.Turn, r.Phase, r.Task = rapid.Uint64().Draw(t, "turn"), engine.Phase(drawWord.Draw(t, "phase")), engine.Task(drawWord.Draw(t, "task"))
	r.Operator, r.Packed, r.Parents = drawWord.Draw(t, "operator"), string(drawBytes.Draw(t, "packed")), drawIDs(t, "parents")
	r.Fidelity, r.Budget, r.Seed = drawInt.Draw(t, "fidelity"), drawFloat.Draw(t, "budget"), rapid.Uint64().Draw(t, "seed")
	maybe := func(name string) engine.ID {
		if !rapid.Bool().Draw(t, name+"?") {
			return 0
		}
		return engine.ID(drawID.Draw(t, name))
	}
	r.Input, r.Resume, r.Inherit, r.Reuse = drawBytes.Draw(t, "input"), maybe("resume"), maybe("inherit"), maybe("reuse")
	if rapid.Bool().Draw(t, "stop?") {
		r.Stop = &engine.StopRule{
			Metric: drawWord.Draw(t, "metric"), Goal: engine.Goal(drawWord.Draw(t, "goal")),
			Step: drawFloat.Draw(t, "step"), Threshold: drawFloat.Draw(t, "threshold"),
		}
	}
	r.Tag, r.Replicate, r.Baseline = drawWord.Draw(t, "tag"), rapid.Bool().Draw(t, "replicate"), drawWord.Draw(t, "baseline")
	return r
}

func drawLost(t *rapid.T) float64 { return rapid.SampledFrom([]float64{0, 0.5, 1e9}).Draw(t, "lost") }

var kinds = map[string]kind{
	"header": kindOf(bucketMeta, func(t *rapid.T, _ uint64) engine.Header {
		return engine.Header{Name: rapid.String().Draw(t, "name"), Engine: rapid.String().Draw(t, "engine"), Created: drawTime(t),
			Config: drawBytes.Draw(t, "config")}
	}, writeHeader, keyless(readHeader)),
	"event": kindOf(bucketEvents, func(t *rapid.T, key uint64) engine.EventRecord {
		return engine.EventRecord{Seq: key, Turn: rapid.Uint64().Draw(t, "turn"), Kind: drawWord.Draw(t, "kind"),
			Data: drawBytes.Draw(t, "data"), Time: drawTime(t)}
	}, writeEvent, readEvent),
	"turn": kindOf(bucketSearch, drawTurn, writeTurn, readTurn(engine.PartSearch)),
	"job":  kindOf(bucketJobs, drawJob, writeJob, readJob),
	"history": kindOf(bucketHistory, func(t *rapid.T, _ uint64) engine.ResultRecord {
		return drawResult(t, false)
	}, writeHistory, readHistory),
	"details": kindOf(bucketDetails, func(t *rapid.T, _ uint64) details {
		return details{rapid.Uint64().Draw(t, "position"), drawCurve(t), drawBytes.Draw(t, "output")}
	}, writeDetails, readDetails),
	"inbox": kindOf(bucketInbox, func(t *rapid.T, key uint64) engine.ResultRecord {
		r := drawResult(t, true)
		r.ID = engine.ID(key)
		return r
	}, writeInbox, readInbox),
	"attempt": kindOf(bucketTries, func(t *rapid.T, key uint64) engine.AttemptRecord {
		return engine.AttemptRecord{ID: engine.ID(key), Started: drawInt.Draw(t, "started"), Counted: drawInt.Draw(t, "counted"),
			Reason: rapid.String().Draw(t, "reason"), Saved: drawFiles(t), Lost: drawLost(t)}
	}, writeAttempt, readAttempt),
	"counters": kindOf(bucketMeta, func(t *rapid.T, _ uint64) engine.Counters {
		return engine.Counters{
			Wall: drawFloat.Draw(t, "wall"), Seconds: drawFloat.Draw(t, "seconds"), State: engine.RunState(drawWord.Draw(t, "state")),
			Cause: rapid.String().Draw(t, "cause"), Retries: drawInt.Draw(t, "retries"), Idle: drawFloat.Draw(t, "idle"),
			TestLooks: drawInt.Draw(t, "looks"), Lost: drawLost(t),
		}
	}, writeCounters, keyless(readCounters)),
	"state": kindOf(bucketState, func(t *rapid.T, _ uint64) []byte { return drawBytes.Draw(t, "state") },
		func(e *encoder, state *[]byte) { writeState(e, *state) }, keyless(readState)),
	"totals": kindOf(bucketMeta, func(t *rapid.T, _ uint64) totals {
		n := func() uint64 { return rapid.Uint64().Draw(t, "n") }
		return totals{n(), n(), n(), n(), n(), [2]uint64{n(), n()}}
	}, writeTotals, keyless(readTotals)),
}

// alike takes nil and empty for the same and NaN for itself.
var alike = cmp.Options{
	cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmpopts.IgnoreFields(engine.Job{}, "Genome"),
	cmp.AllowUnexported(details{}, totals{}),
}

// value is a record as its bucket holds it.
func (k kind) value(key uint64, r any) []byte {
	var e encoder
	k.write(&e, r)
	return e.seal(k.bucket, number8(key), 0)
}

func TestRecordsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				key := rapid.Uint64().Draw(t, "key")
				want := k.draw(t, key)
				value := k.value(key, want)
				got, err := decode(k.bucket, number8(key), value, map[string]string{}, func(d *decoder) any { return k.read(d, key) })
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, alike); diff != "" {
					t.Fatalf("read back (-wrote +read):\n%s", diff)
				}
				if again := k.value(key, got); string(again) != string(value) {
					t.Fatalf("written again it is\n%x, not\n%x", again, value)
				}
			})
		})
	}
}

// Every field of the engine's records has to be in their codec: a record with
// something in each comes back with something in each.
func TestRecordsKeepEveryField(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		want := reflect.New(reflect.TypeOf(k.read(&decoder{}, 0))).Elem()
		populate(want)
		key := uint64(7)
		got, err := decode(k.bucket, number8(key), k.value(key, want.Interface()), nil, func(d *decoder) any { return k.read(d, key) })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ignore := cmpopts.IgnoreFields(engine.ResultRecord{}, "Curve", "Output")
		if name != "history" {
			ignore = nil
		}
		if diff := cmp.Diff(want.Interface(), got, append(alike[:len(alike):len(alike)], ignore)...); diff != "" {
			t.Errorf("%s lost something (-wrote +read):\n%s", name, diff)
		}
	}
}

// populate gives every field that can be set something to hold: numbers the
// key that the test uses, parts the one that it reads.
func populate(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 2).UTC()))
		return
	case v.Type() == reflect.TypeFor[engine.Part]():
		v.SetString(string(engine.PartSearch))
		return
	case v.Type() == reflect.TypeFor[details]():
		r := details{position: 7}
		populate(reflect.ValueOf(&r.curve).Elem())
		populate(reflect.ValueOf(&r.output).Elem())
		v.Set(reflect.ValueOf(r))
		return
	case v.Type() == reflect.TypeFor[totals]():
		v.Set(reflect.ValueOf(totals{1, 2, 3, 4, 5, [2]uint64{6, 7}}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Genome" && v.Field(i).CanSet() {
				populate(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		populate(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			populate(v.Index(i))
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(7)
	default:
		panic(fmt.Sprintf("a field of type %v, which no record has had so far", v.Type()))
	}
}

// Any byte of a stored value, its key or its bucket's name changed in any way
// is noticed.
func TestAnyFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				value := k.value(7, k.draw(t, 7))
				flip := byte(rapid.IntRange(1, 255).Draw(t, "flip"))
				for i := range value {
					value[i] ^= flip
					if _, err := unseal(k.bucket, number8(7), value); err == nil {
						t.Fatalf("byte %d of %d flipped by %#x, and it was read", i, len(value), flip)
					}
					value[i] ^= flip
				}
				if _, err := unseal(k.bucket, number8(8), value); err == nil {
					t.Fatal("read under another key")
				}
				if _, err := unseal(k.bucket+"x", number8(7), value); err == nil {
					t.Fatal("read in another bucket")
				}
				if _, err := decode(k.bucket, number8(7), value[:len(value)-1], nil,
					func(d *decoder) any { return k.read(d, 7) }); !errors.Is(err, engine.ErrDamaged) {
					t.Fatalf("cut short: %v", err)
				}
			})
		})
	}
}

// golden are the bytes of each format, one hex line for every kind with something
// in all fields that the format has. They never change: old searches consist of them.
func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	for format := 1; format <= currentFormat(); format++ {
		testGoldenBytes(t, format)
	}
}

// since empties the fields that came with later formats.
func since(format int, v any) {
	if r, ok := v.(*engine.ResultRecord); ok && format < 3 {
		r.Usage = engine.Usage{}
	}
	if format < 2 {
		switch r := v.(type) {
		case *engine.ResultRecord:
			r.Lost = 0
		case *engine.AttemptRecord:
			r.Lost = 0
		case *engine.Counters:
			r.Lost = 0
		}
	}
}

func testGoldenBytes(t *testing.T, format int) {
	path := filepath.Join("testdata", fmt.Sprintf("format%d.hex", format))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	example := func(name string, k kind) reflect.Value {
		v := reflect.New(reflect.TypeOf(k.read(&decoder{}, 0)))
		populate(v.Elem())
		since(format, v.Interface())
		if r, ok := v.Interface().(*engine.ResultRecord); ok && name == "history" {
			r.Curve, r.Output = nil, nil
		}
		return v.Elem()
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name, digits, ok := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "#") || !ok {
			continue
		}
		k, known := kinds[name]
		value, err := hex.DecodeString(digits)
		if !known || err != nil {
			t.Fatalf("%s: line %q: %v", path, line, err)
		}
		seen[name] = true
		want := example(name, k)
		got, err := decode(k.bucket, number8(7), value, nil, func(d *decoder) any { return k.read(d, 7) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want.Interface(), got, alike); diff != "" {
			t.Errorf("%s (-meant +read):\n%s", name, diff)
		}
		if now := k.value(7, want.Interface()); string(now) != string(value) {
			t.Errorf("%s is written as\n%x, format %d has\n%x", name, now, format, value)
		}
	}
	for name, k := range kinds {
		if !seen[name] {
			t.Errorf("%s has no line for %s; today it is\n%s %x", path, name, name, k.value(7, example(name, k).Interface()))
		}
	}
}

// The words of format 1 stand in old searches by their numbers.
func TestWordsNeverChange(t *testing.T) {
	t.Parallel()
	const format1 = " search remeasure test train supernet score ok invalid failed " +
		"random mutate cross cross+mutate same start given baseline " +
		"accuracy loss train_accuracy train_loss parameters macs seconds memory " +
		"maximize minimize checkpoint new running stopped finished"
	if got := strings.Join(words, " "); got != format1 {
		t.Errorf("the words are %q; those of format 1 were %q", got, format1)
	}
	if len(wordIndex) != len(words) {
		t.Error("a word stands twice in the list")
	}
}

// Bytes that were never written give an error and neither panic nor memory.
func FuzzRecord(f *testing.F) {
	for _, k := range kinds {
		v := reflect.New(reflect.TypeOf(k.read(&decoder{}, 0))).Elem()
		populate(v)
		value := k.value(7, v.Interface())
		f.Add(value[:len(value)-sumSize])
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		for name, k := range kinds {
			e := encoder{b: append([]byte(nil), payload...)}
			got, err := decode(k.bucket, number8(7), e.seal(k.bucket, number8(7), 0), nil, func(d *decoder) any { return k.read(d, 7) })
			if err != nil {
				if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), k.bucket) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%s: the error %q does not say where the damage is", name, err)
				}
				continue
			}
			again, err := decode(k.bucket, number8(7), k.value(7, got), nil, func(d *decoder) any { return k.read(d, 7) })
			if err != nil {
				t.Fatalf("%s: what was read cannot be written and read: %v", name, err)
			}
			if diff := cmp.Diff(got, again, alike); diff != "" {
				t.Fatalf("%s:\n%s", name, diff)
			}
		}
	})
}
