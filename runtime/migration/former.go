package migration

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/sqltext"
)

// checksumColumn begins the lines that files lacked before records had
// checksums.
const checksumColumn = `"prism_checksum" `

// former describes f as it was before records had checksums: sha256 is what a
// database recorded that applied it then, and upgrade brings such a database to
// f. The statements, in one transaction, add the column to every table and
// clear the recorded checksum of f, which the runner then fills in. Both are
// empty if f has no such column.
//
// Remove it with the first release of Prism; no file changes after that.
func (f File) former() (sha256, upgrade string) {
	var before, alter strings.Builder
	table := ""
	for line := range strings.Lines(f.SQL) {
		if name, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
			table = strings.TrimSuffix(name, " (\n")
		}
		column := strings.TrimSpace(line)
		if !strings.HasPrefix(column, checksumColumn) {
			before.WriteString(line)
			continue
		}
		fmt.Fprintf(&alter, "ALTER TABLE %s ADD COLUMN %s;\n", table, strings.TrimSuffix(column, ","))
	}
	if alter.Len() == 0 {
		return "", ""
	}
	fmt.Fprintf(&alter, "UPDATE \"prism_migrations\" SET \"sha256\" = NULL WHERE \"namespace\" = '%s' AND \"number\" = %d;\n",
		strings.ReplaceAll(f.namespace, "'", "''"), f.Number)
	return sqltext.Checksum(before.String()), alter.String()
}

// ByHand sets the former checksum in rows that have none because their files
// were run by hand, if has reports that their tables lack the checksum column.
// It goes when former goes.
func ByHand(files []File, rows []Applied, has func(table, column string) (bool, error)) error {
	for i, row := range rows {
		for _, f := range files {
			sha256, upgrade := f.former()
			if row.SHA256 != "" || row.Number != f.Number || sha256 == "" {
				continue
			}
			table, _, _ := strings.Cut(strings.TrimPrefix(upgrade, `ALTER TABLE "`), `"`)
			found, err := has(table, strings.Trim(checksumColumn, `" `))
			if err != nil {
				return err
			}
			if !found {
				rows[i].SHA256 = sha256
			}
		}
	}
	return nil
}
