// Package sqltext reads the statements of a migration's file: for the compiler, which
// closes them, and for runners, which send them and compare what a store applied.
package sqltext

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Checksum identifies the statements of a file. Comments and the amount of
// white space between words do not count.
func Checksum(sql string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(stripComments(sql)), " ")))
	return hex.EncodeToString(sum[:])
}

// Statements returns the statements of a file, without comments and the
// semicolons behind them.
func Statements(sql string) []string {
	sql = stripComments(sql)
	var all []string
	var quote byte
	begin := 0
	for i := 0; i <= len(sql); i++ {
		switch {
		case i == len(sql) || sql[i] == ';' && quote == 0:
			if statement := strings.TrimSpace(sql[begin:i]); statement != "" {
				all = append(all, statement)
			}
			begin = i + 1
		case quote != 0:
			if sql[i] == quote {
				quote = 0
			}
		case sql[i] == '\'' || sql[i] == '"':
			quote = sql[i]
		}
	}
	return all
}

// stripComments removes -- comments outside quotes.
func stripComments(sql string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(sql); i++ {
		c := sql[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '-' && strings.HasPrefix(sql[i:], "--"):
			for i < len(sql) && sql[i] != '\n' {
				i++
			}
			c = '\n'
		}
		b.WriteByte(c)
	}
	return b.String()
}
