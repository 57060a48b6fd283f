package wire

import "strconv"

// Lacking collects the required fields that the values of a map lack. Of
// several entries with one key, the last on the wire counts. The zero value is
// an empty map.
type Lacking struct{ paths map[string]string }

// Add takes an entry of the map: its key has the tag key, of which bits bits
// count (0: text), and missing returns the path of a field that its value
// lacks, or "".
func (l *Lacking) Add(entry *Fields, key Tag, bits int, missing func(value []byte) string) {
	var text, value []byte
	var number uint64
	for entry.Next() {
		switch entry.Tag {
		case key:
			text, number = entry.Bytes(), entry.num
		case 2<<3 | Bytes:
			value = Merge(value, entry.Bytes())
		}
	}
	name := string(text)
	switch {
	case bits == 1:
		name = strconv.FormatBool(number != 0)
	case bits > 1:
		name = strconv.FormatUint(number<<(64-bits), 16)
	}
	if l.paths == nil {
		l.paths = map[string]string{}
	}
	l.paths[name] = missing(value)
}

// Path returns the path of a missing field, always the same one, or "" if none
// is missing.
func (l *Lacking) Path() (path string) {
	for _, p := range l.paths {
		if p != "" && (path == "" || p < path) {
			path = p
		}
	}
	return path
}
