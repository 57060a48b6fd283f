package migration

import (
	"fmt"
	"strings"
)

// checksumColumn begins the lines that a file did not have before records had
// checksums.
const checksumColumn = `"prism_checksum" `

// former returns what f was before records had checksums: the checksum that a
// database which applied it recorded, and the statements that bring such a
// database to f. They are those of f, an open migration, in one transaction: the
// column in every table, and the record of f without a checksum, as files leave
// it to the runner. Both are empty of a file that has no such column.
//
// It goes with the first prism release, from which on no file changes.
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
	return Checksum(before.String()), alter.String()
}

// ByHand gives rows the former checksum that have none, because their files were
// run by hand, and whose tables lack a column, as has says. It is of use as long
// as there are former files.
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
