package python_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	wire "github.com/nascent-nas/nascent/plugins/proto"
)

var update = flag.Bool("update", false, "write examples/nascent.binpb")

// The descriptor that the example makes its messages of is that of the contract.
func TestDescriptor(t *testing.T) {
	t.Parallel()
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(protodesc.ToFileDescriptorProto(wire.File_nascent_proto))
	if err != nil {
		t.Fatal(err)
	}
	const path = "examples/nascent.binpb"
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not the contract's descriptor any more (%v): go test ./plugins/python -update", path, err)
	}
}

// The wire contract is open: a Python program without any SDK conforms.
func TestNative(t *testing.T) {
	t.Parallel()
	python := os.Getenv("NASCENT_GRPC_PYTHON")
	if python == "" {
		python = "python3"
	}
	python, err := exec.LookPath(python)
	if err != nil || exec.Command(python, "-c", "import grpc, google.protobuf.message_factory as m; m.GetMessageClass").Run() != nil {
		t.Skip("there is no python3 with grpcio and a recent protobuf here; name one with $NASCENT_GRPC_PYTHON")
	}
	program, err := filepath.Abs("examples/native.py")
	if err != nil {
		t.Fatal(err)
	}
	start := filepath.Join(t.TempDir(), "nascent-evaluator-native")
	if err := os.WriteFile(start, []byte("#!/bin/sh\nexec '"+python+"' '"+program+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindEvaluator, start)
	if err != nil {
		t.Fatal(err)
	}
	for name, plaintext := range map[string]bool{"TLS": false, "plaintext": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("openssl"); err != nil && !plaintext {
				t.Skip("there is no openssl here")
			}
			o := host.Options{LogDir: t.TempDir(), SearchID: t.Name(), Plaintext: plaintext}
			enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, enginetest.EvaluatorOptions{
				Space: genome.MustParseSpace(enginetest.Numbers), Refused: []json.RawMessage{json.RawMessage(`{"width": 1}`)},
			})
		})
	}
}
