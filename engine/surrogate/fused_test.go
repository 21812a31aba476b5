package surrogate

import (
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

func TestNothingIsFused(t *testing.T) {
	t.Parallel()
	proctest.NothingFused(t)
}
