package compat_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// A release of the shop as a team makes it: what is compatible passes, with warnings
// only, and each change that is not is found at its place.
func TestShop(t *testing.T) {
	const profile = "shop/v1/user_profile.proto"
	files := map[string]string{}
	for _, name := range []string{profile, "shop/v1/order.proto", "shop/v1/session.proto"} {
		text, err := os.ReadFile("../../schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	edited := func(pairs ...string) map[string]string {
		t.Helper()
		next := map[string]string{}
		for name, text := range files {
			next[name] = text
		}
		for i := 0; i < len(pairs); i += 2 {
			if strings.Count(next[profile], pairs[i]) != 1 {
				t.Fatalf("%s has %q %d times", profile, pairs[i], strings.Count(next[profile], pairs[i]))
			}
			next[profile] = strings.Replace(next[profile], pairs[i], pairs[i+1], 1)
		}
		return next
	}
	before := readShop(t, files)
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing", files, nil},
		{"what is compatible", edited(
			"string display_name = 3", "string name = 3",
			"  // What the customer has asked to hear about.\n  repeated string interests = 4;\n", "  reserved 4;\n",
			"string sms = 7 [(prism.v1.field).pii.category = PHONE]", "string sms = 7 [(prism.v1.field).pii.category = PHONE, (prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32]",
			"bool email_notice = 8;", "bool email_notice = 8 [(prism.v1.field).column = {}];",
			"  string city = 3;", "  string city = 3;\n  string region = 5;",
		), []string{"warning evolve.contract 3", "warning evolve.bounds 7"}},
		{"what is not", edited(
			"  // What the customer has asked to hear about.\n  repeated string interests = 4;\n", "",
			"string sms = 7 [(prism.v1.field).pii.category = PHONE]", "string sms = 7",
			"  string city = 3;", "  bytes city = 3;",
			"(prism.v1.field).index = UNIQUE,\n", "",
		), []string{"error evolve.reserve 4", "error evolve.contract 2", "error evolve.pii 7", "error evolve.type [5, 3]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := history.Schema(before.Files)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := compat.Judge(readShop(t, tt.files), [][]byte{set})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if f.Entity != "shop.v1.UserProfile" || f.File != profile || f.Line == 0 || f.Release != 1 {
					t.Errorf("finding %+v", f)
				}
				got = append(got, f.Severity.String()+" "+f.Slug+" "+schema.Path(f.Field))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func readShop(t *testing.T, files map[string]string) *schema.Deployment {
	t.Helper()
	config, err := os.ReadFile("../../schemas/shop/prism.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	descriptors, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, schema.Packages(config))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d, faults := schema.Read(schema.Input{Config: config, ConfigPath: "schemas/shop/prism.yaml", Files: descriptors, Stores: stores})
	if d == nil {
		t.Fatal(faults)
	}
	return d
}
