package sqltext_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/sqltext"
)

func TestChecksumIsOverStatements(t *testing.T) {
	base := sqltext.Checksum(`CREATE TABLE "a--b" ("x" TEXT DEFAULT '--');`)
	same := []string{
		"-- a comment\n" + `CREATE TABLE "a--b" ("x" TEXT DEFAULT '--');`,
		`CREATE TABLE "a--b" (` + ` "x" TEXT DEFAULT '--'); -- behind`,
		"\n\n" + `CREATE  TABLE "a--b" ("x" TEXT DEFAULT '--');` + "\n",
	}
	for i, sql := range same {
		sql = strings.ReplaceAll(sql, `( "x"`, `("x"`)
		if sqltext.Checksum(sql) != base {
			t.Errorf("text %d has other statements to the checksum, and only comments and spaces differ", i)
		}
	}
	for _, sql := range []string{
		`CREATE TABLE "a--c" ("x" TEXT DEFAULT '--');`, `CREATE TABLE "a--b" ("x" TEXT DEFAULT '-');`,
	} {
		if sqltext.Checksum(sql) == base {
			t.Errorf("%s has the checksum of another statement", sql)
		}
	}
}

// Quotes and comments may contain what ends a statement or begins a comment.
func TestStatements(t *testing.T) {
	got := sqltext.Statements("-- a; b\nCREATE \"x;y\";\n\nINSERT ';--''', -- not; one\n  ' ;';; SELECT 1\n")
	want := []string{`CREATE "x;y"`, "INSERT ';--''', \n  ' ;'", "SELECT 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
