package runtime_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/runtime"
)

// paths returns the fields of an error's violations.
func paths(err error) string {
	var e *runtime.Error
	if !errors.As(err, &e) {
		return ""
	}
	var all []string
	for _, v := range e.Violations() {
		all = append(all, v.Field)
	}
	return strings.Join(all, " ")
}

func TestItems(t *testing.T) {
	var none runtime.Items
	if none.Err() != nil || none.Len() != 0 {
		t.Error("an empty list has elements, or a fault")
	}
	var lines runtime.Items
	for i := range 5 {
		if !lines.Next() {
			t.Errorf("element %d is of no interest", i)
		}
		if i%2 == 1 {
			lines.Add(runtime.TooLong(lines.Path("lines"), 9, 8))
		}
		lines.Element("lines", nil)
	}
	lines.Next()
	var line runtime.Violations
	line.Add(runtime.Required("sku"))
	line.Add(runtime.OutOfRange("quantity", "1 to 9"))
	lines.Element("lines", line.Err())
	if got, want := paths(lines.Err()), "lines[1] lines[3] lines[5].sku lines[5].quantity"; got != want || lines.Len() != 6 {
		t.Errorf("%d elements, faults %s, want 6 and %s", lines.Len(), got, want)
	}
	for lines.Next() {
		lines.Add(runtime.HasNUL(lines.Path("lines")))
	}
	if got := strings.Count(paths(lines.Err()), "lines"); got != 20 {
		t.Errorf("%d violations are kept, want 20", got)
	}
}

func TestEntries(t *testing.T) {
	var labels runtime.Entries[[]byte]
	put := func(key string, wrong bool) {
		if labels.Next([]byte(key)); wrong {
			labels.Add(runtime.TooLong(labels.Path("labels"), 9, 8))
		}
		labels.Count(3)
	}
	put("a", true)
	put("b", true)
	put("a", false) // takes the place of the first
	put("", false)
	if got, want := paths(labels.Err()), `labels["b"]`; got != want || labels.Len() != 3 {
		t.Errorf("%d keys, faults %s, want 3 and %s", labels.Len(), got, want)
	}
	for i := range 100 {
		put("key"+strconv.Itoa(i), true)
	}
	if labels.Len() != 4 {
		t.Errorf("%d keys are kept of those that are too many, want one", labels.Len()-3)
	}
	// So many are wrong that the record is refused, whatever takes their place.
	for i := range 100 {
		put("key"+strconv.Itoa(i), false)
	}
	if got := strings.Count(paths(labels.Err()), "labels"); got != 20 {
		t.Errorf("%d violations are kept, want 20", got)
	}
}

func TestKeysInPaths(t *testing.T) {
	text := func(key string) string {
		var e runtime.Entries[[]byte]
		e.Next([]byte(key))
		return e.Path("m")
	}
	number := runtime.Entries[int64]{}
	number.Next(-5)
	great := runtime.Entries[uint64]{}
	great.Next(1<<64 - 1)
	truth := runtime.Entries[bool]{}
	truth.Next(true)
	for _, row := range [][2]string{
		{text("a"), `m["a"]`}, {text("köln"), `m["köln"]`}, {text("\"\xff\n"), `m["\"\xff\n"]`},
		{text(strings.Repeat("k", 64)), `m["` + strings.Repeat("k", 64) + `"]`},
		{text(strings.Repeat("k", 63) + "öö"), `m["` + strings.Repeat("k", 63) + `…"]`},
		{number.Path("m"), "m[-5]"}, {great.Path("m"), "m[18446744073709551615]"}, {truth.Path("m"), "m[true]"},
	} {
		if row[0] != row[1] {
			t.Errorf("got %s, want %s", row[0], row[1])
		}
	}
}

// A path through messages that contain themselves is cut in its middle, as it grows
// and as a whole, and the text about it with it.
func TestLongPath(t *testing.T) {
	err := runtime.TooLong("the_end", 9, 8)
	for range 96 {
		err = runtime.In("child", err)
	}
	err = runtime.In("order", err)
	path := paths(err)
	if len(path) > 256 || !strings.HasPrefix(path, "order.child.") || !strings.Contains(path, "…") || !strings.HasSuffix(path, ".child.the_end") {
		t.Errorf("path %s", path)
	}
	if want := path + " has 9 bytes (at most 8)"; !strings.Contains(err.Error(), want) {
		t.Errorf("text %s, want %s", err, want)
	}
}
