package command

import (
	"runtime/debug"
	"testing"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	const hash = "5f2ca7f0123456789abcdef0123456789abcdef0"
	stamped := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: hash},
			{Key: "vcs.modified", Value: modified}}}
	}
	installed := func(version string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: version}} }
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "nascent 1.2.3 (go, linux)"},
		{installed("(devel)"), "nascent 1.2.3 (go, linux)"},
		{installed("v1.2.3"), "nascent 1.2.3 (go, linux)"},
		{stamped("false"), "nascent 1.2.3 (commit 5f2ca7f01234, go, linux)"},
		{stamped("true"), "nascent 1.2.3 (commit 5f2ca7f01234 with changes, go, linux)"},
		{installed("v0.0.0-20261130125426-0123456789ab"), "nascent 1.2.3 (commit 0123456789ab, go, linux)"},
		{installed("v1.2.4-0.20261130125426-0123456789ab+dirty"), "nascent 1.2.3 (commit 0123456789ab with changes, go, linux)"},
	} {
		v := version{Version: "1.2.3", Go: "go", Platform: "linux"}
		v.Commit, v.Changed = commit(c.info)
		if got := v.String(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.info, got, c.want)
		}
	}
}
