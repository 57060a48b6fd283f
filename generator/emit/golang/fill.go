package golang

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Holes are what a text's holes are filled with, by name: strings as they are,
// and numbers.
type Holes map[string]any

// hole is $name, or ${name} where a letter or a digit follows. Go has no such
// token, and the parameters of SQL ($1) are numbers.
var hole = regexp.MustCompile(`\$(?:\{([a-z][A-Za-z]*)\}|([a-z][A-Za-z]*))`)

// Fill returns source with its holes filled. What fills one is not searched for
// holes. It panics on a hole that holes does not name, and on a name that has no
// hole: both are slips of the emitter.
func Fill(source string, holes Holes) string {
	filled := map[string]bool{}
	text := hole.ReplaceAllStringFunc(source, func(found string) string {
		name := strings.Trim(found, "${}")
		value, ok := holes[name]
		if !ok {
			panic("golang: nothing fills the hole " + name)
		}
		filled[name] = true
		return fmt.Sprint(value)
	})
	for _, name := range slices.Sorted(maps.Keys(holes)) {
		if !filled[name] {
			panic("golang: no hole is named " + name)
		}
	}
	return text
}
