package main

import (
	"runtime/debug"
	"testing"
)

// A version that no proxy of modules has must not get into a go.mod.
func TestReleaseOf(t *testing.T) {
	const sum = "h1:x"
	prism := func(version, sum string) debug.Module {
		return debug.Module{Path: modulePath, Version: version, Sum: sum}
	}
	released, local, replaced := prism("v0.3.0", sum), prism("v0.3.0", ""), prism("v0.3.0", sum)
	replaced.Replace = &debug.Module{Path: "../prism"}
	for name, tt := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"go install of a release":          {debug.BuildInfo{Main: released}, "v0.3.0"},
		"go install of a commit":           {debug.BuildInfo{Main: prism("v0.0.0-20261128160910-dd1f93c00000", sum)}, "v0.0.0-20261128160910-dd1f93c00000"},
		"a checkout":                       {debug.BuildInfo{Main: prism("(devel)", "")}, ""},
		"a checkout, stamped":              {debug.BuildInfo{Main: prism("v0.0.0-20261128160910-dd1f93c00000+dirty", "")}, ""},
		"go tool":                          {debug.BuildInfo{Main: debug.Module{Path: "example.com/app"}, Deps: []*debug.Module{&released}}, "v0.3.0"},
		"go tool with a checkout":          {debug.BuildInfo{Main: debug.Module{Path: "example.com/app"}, Deps: []*debug.Module{&replaced}}, ""},
		"go tool in a workspace":           {debug.BuildInfo{Main: debug.Module{Path: "example.com/app"}, Deps: []*debug.Module{&local}}, ""},
		"a program without module support": {debug.BuildInfo{}, ""},
	} {
		if got := releaseOf(&tt.info); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
