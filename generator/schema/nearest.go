package schema

import "strings"

// oneOf is the fix of a name that is none of the known ones.
func oneOf(name string, known []string) string {
	return "known: " + strings.Join(known, ", ") + didYouMean(name, known)
}

// didYouMean is the end of a fix, "" if name is like no known one.
func didYouMean(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// Nearest returns the known word that name is a slip of the pen for, or the same
// written in another case (maxLength for max_length), or "".
func Nearest(name string, known []string) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, k := range known {
		if plain(name) == plain(k) {
			return k
		}
	}
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many bytes of a are added, removed, replaced, or swapped with the
// next one to get b: the optimal string alignment distance.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			least := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				least = min(least, rows[i-1][j], rows[i][j-1]) + 1
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				least = min(least, rows[i-2][j-2]+1)
			}
			rows[i][j] = least
		}
	}
	return rows[len(a)][len(b)]
}
