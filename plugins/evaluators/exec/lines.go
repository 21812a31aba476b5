package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine is the longest line in either direction.
const maxLine = 16 << 20

// lines calls take for every line that begins with a brace. Other lines are prints
// and go to the log.
func lines(from io.Reader, take func(line []byte) error) error {
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
		}
		long = long[:0]
		if err != nil {
			return nil
		}
	}
}

// decode reads a line.
func decode[M any](line []byte, take func(*M) error) error {
	m := new(M)
	if err := json.Unmarshal(line, m); err != nil {
		return fmt.Errorf("%v in the line %.100q", err, line)
	}
	return take(m)
}
