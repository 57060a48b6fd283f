package migration_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestRead(t *testing.T) {
	files, err := migration.Read(folder(map[string]string{
		"a/0002_add_expand.up.sql": "-- b\r\nB\r\n", "a/0001_init_expand.up.sql": "A", "b/0001_init_expand.up.sql": "other",
	}), "a")
	if err != nil {
		t.Fatal(err)
	}
	want := []migration.File{
		{Number: 1, Name: "0001_init_expand", SQL: "A", SHA256: sqltext.Checksum("A")},
		{Number: 2, Name: "0002_add_expand", SQL: "-- b\nB\n", SHA256: sqltext.Checksum("B")},
	}
	if diff := cmp.Diff(want, files, cmpopts.IgnoreUnexported(migration.File{})); diff != "" {
		t.Errorf("files of namespace a (-want +got):\n%s", diff)
	}
}

func TestReadRefusesWhatNoCompilerWrote(t *testing.T) {
	for name, want := range map[string]string{
		"a/init.sql":                "the name is not",
		"a/0002_init_expand.up.sql": "expected number 0001",
	} {
		if _, err := migration.Read(folder(map[string]string{name: ""}), "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
}

func TestPending(t *testing.T) {
	files := []migration.File{{Number: 1, Name: "0001_init_expand", SHA256: "1"}, {Number: 2, Name: "0002_add_expand", SHA256: "2"}}
	tests := []struct {
		name    string
		applied []migration.Applied
		want    []migration.File
		err     string
	}{
		{"a new store", nil, files, ""},
		{"one is missing", []migration.Applied{{1, "0001_init_expand", "1"}}, files[1:], ""},
		{"run by hand, no checksum yet", []migration.Applied{{1, "0001_init_expand", ""}}, files[1:], ""},
		{"a store that is ahead", []migration.Applied{{1, "0001_init_expand", "1"}, {2, "0002_add_expand", "2"}, {3, "0003_more_expand", "3"}}, nil, ""},
		{"changed after it was applied", []migration.Applied{{1, "0001_init_expand", "9"}}, nil, "was changed after it was applied. The data is as it was: deploy the proxy that was built before the change; or let this one begin with an empty database and copy"},
		{"another file of that number", []migration.Applied{{1, "0001_other_expand", "1"}}, nil, "was changed after it was applied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := migration.Pending(files, test.applied)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want an error with %q", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(migration.File{})); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestStates(t *testing.T) {
	files := []migration.File{{Number: 1, Name: "0001_init_expand", SHA256: "1"}, {Number: 2, Name: "0002_b_expand", SHA256: "2"}, {Number: 3, Name: "0003_c_expand", SHA256: "3"}}
	applied := []migration.Applied{{1, "0001_init_expand", "1"}, {2, "0002_b_expand", "9"}, {4, "0004_d_expand", "4"}}
	want := []migration.State{{1, "0001_init_expand", "applied"}, {2, "0002_b_expand", "changed"}, {3, "0003_c_expand", "pending"}, {4, "0004_d_expand", "unknown"}}
	if diff := cmp.Diff(want, migration.States(files, applied)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
