package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/nascent-nas/nascent/engine/option"
)

// maxLine is the longest line in either direction.
const maxLine = 16 << 20

// lines calls take for every line that begins with a brace. Other lines are prints
// and go to the log; but one that ends with what take waits for, as hides tells, is
// an error: a print without an end of line swallowed it.
func lines(from io.Reader, take func(line []byte) error, hides func(end []byte) bool) error {
	in := bufio.NewReaderSize(from, 64<<10)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		line := part
		if errors.Is(err, bufio.ErrBufferFull) || len(long) > 0 {
			if len(long)+len(part) > maxLine {
				return fmt.Errorf("a line has more than %d bytes", maxLine)
			}
			long = append(long, part...)
			line = long
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		switch {
		case len(line) > 0 && line[0] == '{':
			if bad := take(line); bad != nil && err == nil {
				return bad
			} // else it ended while it wrote
		case len(line) > 0:
			os.Stderr.Write(line)
			if end := messageWithin(line, hides); end != nil {
				return fmt.Errorf("it prints something before a message in one line, %.100q: end the "+
					"print with a new line", bytes.TrimSpace(line))
			}
		}
		long = long[:0]
		if err != nil {
			return nil
		}
	}
}

// maxPrint is how much print is looked through before a message in one line.
const maxPrint = 4 << 10

// messageWithin is the end of a line from a brace on that hides accepts, nil if
// there is none.
func messageWithin(line []byte, hides func(end []byte) bool) []byte {
	line = bytes.TrimSpace(line)
	if !bytes.HasSuffix(line, []byte("}")) {
		return nil
	}
	for at := 0; at < min(len(line), maxPrint); at++ {
		next := bytes.IndexByte(line[at:], '{')
		if next < 0 {
			return nil
		}
		at += next
		if end := line[at:]; json.Valid(end) && hides(end) {
			return end
		}
	}
	return nil
}

// decode reads a line. Not every one with a brace is meant for us: programs print JSON
// of their own, which meant tells.
func decode[M any](line []byte, meant func(*M) bool, take func(*M) error) error {
	m := new(M)
	err := json.Unmarshal(line, m)
	if err != nil {
		return unreadable(line, err)
	}
	if meant(m) {
		if err := option.Fit(line, reflect.TypeFor[M]()); err != nil {
			return unreadable(line, err)
		}
	}
	if m, ok := any(m).(*message); ok && bytes.Contains(line, []byte("null")) {
		m.mind(line)
	}
	return take(m)
}
