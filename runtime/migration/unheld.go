package migration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostShown is how many records are named.
const mostShown = 20

// Unheld counts the records of a table with values that an index cannot hold: longer
// than its bound, with NUL, or a time that is none. It names records by their
// versions, since values may be personal.
type Unheld struct {
	Table    string
	fields   map[string]int
	versions []int64
}

// Add counts the record with the version, for the value of field.
func (u *Unheld) Add(field string, version int64) {
	if u.fields == nil {
		u.fields = map[string]int{}
	}
	u.fields[field]++
	if len(u.versions) < mostShown {
		u.versions = append(u.versions, version)
	}
}

// Err says what was counted, and what to do; nil if nothing was.
func (u *Unheld) Err() error {
	if u.fields == nil {
		return nil
	}
	var counts []string
	for _, field := range slices.Sorted(maps.Keys(u.fields)) {
		counts = append(counts, fmt.Sprintf("%d of %s", u.fields[field], field))
	}
	return fmt.Errorf("table %s has values that an index cannot hold: %s, in the records with prism_version %s; "+
		"put them again with values that the schema allows, or run with --leave-out: no Find finds them then until they are put again",
		u.Table, strings.Join(counts, ", "), strings.Trim(fmt.Sprint(u.versions), "[]"))
}
