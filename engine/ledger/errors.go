package ledger

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// kindError is one line of text that errors.Is finds to be of several kinds.
type kindError struct {
	text   string
	remedy string
	kinds  []error
}

func (e *kindError) Error() string   { return e.text + e.remedy }
func (e *kindError) Unwrap() []error { return e.kinds }

// damaged says that the ledger's content is not what was written.
func damaged(format string, args ...any) error {
	return &kindError{damagedText + fmt.Sprintf(format, args...), "; put a copy of the search's directory back", []error{engine.ErrDamaged}}
}

// changed says that a kept file's content is not what was Put. What to do depends on
// what it is needed for.
func changed(hash, got string) error {
	return &kindError{fmt.Sprintf("the content of the file %s has the hash %s", hash, got), "", []error{engine.ErrDamaged}}
}

const damagedText = "the ledger is damaged: "

// detail is what is damaged, for a longer message.
func (e *kindError) detail() string { return strings.TrimPrefix(e.text, damagedText) }

// refused says that the user pointed at something unfit; nothing was changed.
// The cause may be nil.
func refused(cause error, format string, args ...any) error {
	kinds := []error{engine.ErrConfig}
	if cause != nil {
		kinds = append(kinds, cause)
	}
	return &kindError{fmt.Sprintf(format, args...), "", kinds}
}

// LockedError is the refusal to open a directory that another process has
// open. A running search answers questions on its socket instead.
type LockedError struct {
	Dir string
	PID int // of the process that runs the search; 0: it does not say, or others are reading

	Host string // that it runs on, where that is another one

	// Narrow is why it cannot be seen from here whether it still runs, and Remedy what to do
	// about that; "" where it does.
	Narrow, Remedy string
}

func (e *LockedError) Error() string {
	who := "somebody"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d on %s", e.PID, e.Host)
	}
	if e.Narrow != "" {
		return fmt.Sprintf("%s belongs to %s, and whether that still runs cannot be seen from here: %s; %s, or remove %s once it is sure to have ended",
			e.Dir, who, e.Narrow, e.Remedy, filepath.Join(e.Dir, ownerName))
	}
	if e.Host != "" {
		return fmt.Sprintf("%s is in use by %s; look at it there with `nascent status`, end it there with `nascent stop`", e.Dir, who)
	}
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process, which does not say who it is; try again when it is done", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d; look at it with `nascent status`, end it with `nascent stop`; "+
		"a command that only changes it is done in a moment: try again", e.Dir, e.PID)
}

// guard runs f and turns a panic or a memory fault, which bbolt answers to
// pages that changed under its feet, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(runtime.Error); ok {
				p = "one of them is not what was written"
			}
			err = damaged("its pages cannot be read: %v", p)
		}
	}()
	return f()
}
