package history_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/history"
)

// A format is frozen: a lock with every member that it has is read, and comes
// back as it was. From the first release of Prism on, this file never changes.
func TestFormatIsFrozen(t *testing.T) {
	for _, file := range []string{"testdata/format3.json"} { // and those of later formats
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lock, faults := history.ReadLock(text, "prism.lock.json")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got, err := lock.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(got)); diff != "" {
			t.Errorf("%s (-want +written):\n%s", file, diff)
		}
	}
}

func TestReadLock(t *testing.T) {
	const rule = "only the compiler writes prism.lock.json; "
	tests := []struct{ name, text, want string }{
		{"empty", "", "lock:1:1: PRISM4010 [lock.format] unexpected end of JSON input; " + rule + "restore the file from version control"},
		{"merge conflict", "{\n<<<<<<< HEAD\n", "lock:2:1: PRISM4010 [lock.format] a merge left the file in conflict; " + rule + "run git checkout --ours lock, then prism generate, which adds what the other branch has from the merged schema"},
		{"no format", "{\n  \"deployment\": \"shop\"}", "lock: PRISM4010 [lock.format] the lock has format 0; " + rule + "restore the file from version control"},
		{"later format", "{\n  \"format\": 4}", "lock:2:3: PRISM4011 [lock.newer] the lock has format 4, and this compiler reads up to 3; a lock is read by the compiler that wrote it, and by later ones; use the compiler that wrote it, or a later one"},
		{"unknown member", `{"format": 1, "fence": 3}`, `lock: PRISM4010 [lock.format] unknown field "fence"; ` + rule + "restore the file from version control"},
		{"wrong type", "{\"format\": 1,\n \"release\": \"one\"}", "lock:2:17: PRISM4010 [lock.format] release is a string; " + rule + "restore the file from version control"},
		{"release without model", `{"format": 3, "release": 1}`, "lock:1:15: PRISM4010 [lock.format] release 1 does not agree with closed; " + rule + "restore the file from version control"},
		{"model without release", `{"format": 3, "release": 0, "closed": {}}`, "lock:1:15: PRISM4010 [lock.format] release 0 does not agree with closed; " + rule + "restore the file from version control"},
		{"two locks", `{"format": 1} {"format": 1}`, "lock:1:15: PRISM4010 [lock.format] invalid character '{' after top-level value; " + rule + "restore the file from version control"},
	}
	tests = append(tests, struct{ name, text, want string }{"a release in a format that had none", `{"format": 2, "release": 1}`,
		"lock:1:15: PRISM4010 [lock.format] release 1 is closed in format 2, in which nothing was; " + rule + "restore the file from version control"})
	for _, tt := range tests {
		lock, faults := history.ReadLock([]byte(tt.text), "lock")
		if lock != nil || len(faults) != 1 || faults[0].String() != tt.want {
			t.Errorf("%s: lock %v\ngot  %v\nwant %s", tt.name, lock, faults, tt.want)
		}
	}
}

// What compilers of before wrote is read, as far as it says what stores hold.
func TestFormerFormats(t *testing.T) {
	for file, located := range map[string]string{"testdata/format1.json": "", "testdata/format2.json": ""} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lock, faults := history.ReadLock(text, "prism.lock.json")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		order := lock.Last().Entity("shop.v1.Order")
		if order == nil || order.Table != "orders" || order.Abstraction != "key_value" || order.Namespace != "orders" {
			t.Errorf("%s: Order is %+v", file, order)
		}
		orders := lock.Last().Namespace("orders")
		if orders == nil || orders.Backend != "sqlite" || orders.Located["prefix"] != located {
			t.Errorf("%s: orders is %+v", file, orders)
		}
	}
}
