package migration

import (
	"fmt"
	"regexp"
	"strings"
)

// Unique is a unique index that a statement creates.
type Unique struct {
	Index, Table string
	columns      string // quoted
}

var createUnique = regexp.MustCompile(`^CREATE UNIQUE INDEX (?:CONCURRENTLY )?"([^"]+)" ON "([^"]+)" \(([^()]+)\)$`)

// UniqueOf returns the unique index that a statement of the compiler creates. ok
// is false if it creates none.
func UniqueOf(statement string) (u Unique, ok bool) {
	m := createUnique.FindStringSubmatch(statement)
	if m == nil {
		return Unique{}, false
	}
	return Unique{m[1], m[2], m[3]}, true
}

// mostKeys is how many keys of records with doubled values are told.
const mostKeys = 20

// doubled selects the values that several records have. Like the index, it leaves
// out records that lack one of the columns.
func (u Unique) doubled() string {
	has := strings.Join(strings.Split(u.columns, ", "), " IS NOT NULL AND ") + " IS NOT NULL"
	return fmt.Sprintf(`SELECT %s FROM "%s" WHERE %s GROUP BY %[1]s HAVING count(*) > 1`, u.columns, u.Table, has)
}

// Values is the statement that counts the values that several records have.
func (u Unique) Values() string { return fmt.Sprintf(`SELECT count(*) FROM (%s) AS "d"`, u.doubled()) }

// Keys is the statement that selects some of the keys of their records, each key
// as its columns in text. key are the columns of the table's key.
func (u Unique) Keys(key []string) string {
	var casts, order []string
	for _, column := range key {
		casts = append(casts, fmt.Sprintf(`CAST("%s" AS text)`, column))
		order = append(order, `"`+column+`"`)
	}
	return fmt.Sprintf(`SELECT %s FROM "%s" WHERE (%s) IN (%s) ORDER BY %s LIMIT %d`,
		strings.Join(casts, ", "), u.Table, u.columns, u.doubled(), strings.Join(order, ", "), mostKeys)
}

// Error says why the index cannot be built. Keys of records are never personal
// data; the values may be, and are not told.
func (u Unique) Error(values int64, keys [][]string) error {
	var list []string
	for _, key := range keys {
		var parts []string
		for _, part := range key {
			parts = append(parts, fmt.Sprintf("%q", part))
		}
		list = append(list, strings.Join(parts, ", "))
	}
	return fmt.Errorf("index %s cannot be unique: several records of table %s have the same value (such values: %s); change or delete records, among them those with the keys (%s), and run it again",
		u.Index, u.Table, thousands(values), strings.Join(list, "), ("))
}
