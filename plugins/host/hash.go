package host

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// state is equal as long as a file was not written to.
type state struct {
	device, inode uint64
	size          int64
	changed       syscall.Timespec
}

var (
	hashMu sync.Mutex
	hashes = map[state]string{}
)

// hashFile is the SHA-256 of a file's content. An executable of 20 MB takes tens
// of milliseconds, so each is read once.
func hashFile(path string) (string, error) {
	hashMu.Lock()
	defer hashMu.Unlock()
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	sys, known := info.Sys().(*syscall.Stat_t)
	var now state
	if known {
		now = state{uint64(sys.Dev), sys.Ino, sys.Size, sys.Ctim}
		if sum, ok := hashes[now]; ok {
			return sum, nil
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	// The clock of file systems is coarse: what was changed just now may be
	// changed again unnoticed.
	if known && time.Since(time.Unix(sys.Ctim.Unix())) > time.Second {
		hashes[now] = sum
	}
	return sum, nil
}

// Own is the SHA-256 of the program that runs, in hex.
func Own() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return hashFile(path)
}
