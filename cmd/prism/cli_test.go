package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends"
)

func TestBackends(t *testing.T) {
	_, text, _ := prism(t, "backends -o json")
	var all []backendInfo
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(all) != len(backends.All()) {
		t.Errorf("%d backends, want %d", len(all), len(backends.All()))
	}
	i := slices.IndexFunc(all, func(b backendInfo) bool { return b.Name == "sqlite" })
	got, err := json.Marshal(all[i].Durability)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"class":"POWER_SAFE","with":{}},{"class":"CRASH_SAFE","with":{"synchronous":"NORMAL"}}]`
	if string(got) != want {
		t.Errorf("durability of sqlite is %s, want %s", got, want)
	}
	if c := all[i].Config; len(c) != 2 || c[0].Name != "synchronous" || c[0].Type != "enum" || c[0].Default != "FULL" || c[0].Doc == "" {
		t.Errorf("settings of sqlite are %+v", c)
	}
	script(t, []step{
		{"backends", 0, "sqlite         POWER_SAFE; CRASH_SAFE with synchronous: NORMAL\n  synchronous  FULL or NORMAL; unset: FULL\n  readers      1 to 64, with references\n\nkey_value                      memory", ""},
		{"backends -o yaml", 2, "", `--output is "yaml"; write text or json`},
	})
}

func TestPlan(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	script(t, []step{
		{"plan", 0, "# Plan of shop\n\nCompiled from `schemas/shop/prism.yaml` in module `example.com/shop`.", ""},
		{"plan nowhere", 1, "", "prism: stat nowhere: "},
	})
	if _, err := os.Stat("out"); err == nil {
		t.Error("plan writes files")
	}
	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "partition_key = 1", "partition_key = 2", 1))
	script(t, []step{{"plan", 1, "", "PRISM2011 "}})
}

// The command line wins over the environment.
func TestEnvironment(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	t.Setenv("PRISM_OUTPUT", "json")
	script(t, []step{{"check", 0, "[]\n", ""}, {"check -o text", 0, "shop: no fault", ""}})
	t.Setenv("PRISM_OUTPUT", "xml")
	script(t, []step{{"check", 2, "", `--output is "xml"`}})
	t.Setenv("PRISM_CHECK", "perhaps")
	script(t, []step{{"generate", 2, "", "PRISM_CHECK: invalid argument \"perhaps\""}})
}

func TestCompletion(t *testing.T) {
	script(t, []step{
		{"completion bash", 0, "__start_prism", ""},
		{"completion zsh", 0, "#compdef prism", ""},
		{"__complete explain PRISM201", 0, "PRISM2010\tkey.missing\n", "NoFileComp"},
		{"__complete check -o j", 0, "json\n", "NoFileComp"},
		{"__complete init x", 0, ":16\n", "FilterDirs"},
	})
}

// Progress is reported only if a command takes long, and only to a terminal.
func TestProgress(t *testing.T) {
	var out strings.Builder
	report(&out, "compiling", time.Hour)()
	if out.Len() > 0 {
		t.Errorf("what is soon done says %q", out.String())
	}
	done := report(&out, "compiling", time.Millisecond)
	time.Sleep(20 * time.Millisecond) // until it is reported
	done()
	if got := out.String(); !strings.HasPrefix(got, "\rcompiling … 0 s") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("what takes long says %q", got)
	}
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if terminal(file) || terminal(&out) {
		t.Error("a file and a buffer are terminals")
	}
}
