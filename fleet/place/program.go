package place

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// carried are the programs of one version of nascent, which are brought to where they are
// not: nascent itself, and what serves the evaluators that come with it where it is beside.
type carried struct {
	files []file
	hash  string // of all of them, short enough for a name
}

type file struct{ name, path string }

// sibling serves what comes with nascent.
const sibling = "nascent-plugins"

// carry finds the programs to be brought along with one.
func carry(program string) (c carried, err error) {
	c.files = []file{{"nascent", program}}
	beside := filepath.Join(filepath.Dir(program), sibling)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
		c.files = append(c.files, file{sibling, beside})
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	sum := sha256.New()
	for _, x := range c.files {
		in, err := os.Open(x.path)
		if err != nil {
			return c, err
		}
		info, err := in.Stat()
		if err == nil {
			fmt.Fprintf(sum, "%s %d\n", x.name, info.Size())
			_, err = io.Copy(sum, in)
		}
		in.Close()
		if err != nil {
			return c, err
		}
	}
	c.hash = hex.EncodeToString(sum.Sum(nil))[:24]
	return c, nil
}

// before is what a shell does before it becomes a host.
func before(w Work) string { return Before(w.Setup) }

// Before are lines of shell that end it where one of them fails.
func Before(setup string) string {
	if setup == "" {
		return ""
	}
	return "set -e\n" + strings.TrimRight(setup, "\n") + "\nset +e\n"
}

// newIDs name hosts. Sorted, they are in the order in which they were asked for.
func newIDs(n int) (ids []string) {
	now := time.Now().UnixMilli()
	for i := range n {
		ids = append(ids, strconv.FormatInt(now+int64(i), 36)+"-"+strings.ToLower(rand.Text()[:6]))
	}
	return ids
}
