package runtime

import (
	"slices"
	"strconv"
	"strings"
)

// Items counts the elements of a list while a record is read, and gathers their faults. The zero value is an empty list.
type Items struct {
	Violations
	n int
}

// Next counts an element, and reports whether a fault of it would still be kept.
func (i *Items) Next() bool {
	i.n++
	return len(i.found) < maxViolations
}

// Len returns how many elements there are.
func (i *Items) Len() int { return i.n }

// Path returns the path of the current element of the list at path: lines[3].
func (i *Items) Path(path string) string { return path + "[" + strconv.Itoa(i.n-1) + "]" }

// Element adds what is wrong with the current element of the list at path, a message.
func (i *Items) Element(path string, err error) {
	if err != nil {
		i.add(In(i.Path(path), err))
	}
}

// Key is what the keys of a map are in Go.
type Key interface {
	[]byte | int64 | uint64 | bool
}

// Entries counts the keys of a map while a record is read, and gathers the faults of its
// values. Of several entries with the same key the last one counts. The zero value is
// an empty map.
type Entries[K Key] struct {
	key   K // of the current entry
	keys  map[string]struct{}
	found []entryViolation
}

type entryViolation struct {
	key string
	err error
}

// Next moves to the entry with the key, which replaces an earlier one, and reports
// whether a fault of its value would still be kept. Once a map has as many faults as
// are kept, it is refused, whatever follows.
func (e *Entries[K]) Next(key K) bool {
	e.key = key
	switch {
	case len(e.found) >= maxViolations:
		return false
	case len(e.found) > 0:
		text := keyText(key)
		e.found = slices.DeleteFunc(e.found, func(v entryViolation) bool { return v.key == text })
	}
	return true
}

// Count counts the key of the current entry, once, unless more than most have been.
func (e *Entries[K]) Count(most int) {
	if len(e.keys) > most {
		return
	}
	if e.keys == nil {
		e.keys = map[string]struct{}{}
	}
	e.keys[keyText(e.key)] = struct{}{}
}

// Len returns how many keys were counted.
func (e *Entries[K]) Len() int { return len(e.keys) }

// Path returns the path of the current entry of the map at path: labels["a"],
// counts[7]. A long key is cut.
func (e *Entries[K]) Path(path string) string {
	text := keyText(e.key)
	if _, ok := any(e.key).([]byte); ok {
		if len(text) > maxKey {
			text = strings.ToValidUTF8(text[:maxKey], "") + "…"
		}
		text = strconv.Quote(text)
	}
	return path + "[" + text + "]"
}

// maxKey is how many bytes of a map's key stand in a path.
const maxKey = 64

// Add adds what is wrong with the current entry; nil adds nothing.
func (e *Entries[K]) Add(err error) {
	if err != nil {
		e.found = append(e.found, entryViolation{keyText(e.key), err})
	}
}

// Value adds what is wrong with the value of the current entry of the map at path, a
// message.
func (e *Entries[K]) Value(path string, err error) {
	if err != nil {
		e.Add(In(e.Path(path), err))
	}
}

// Err returns the first violation, which brings the others along, or nil.
func (e *Entries[K]) Err() error {
	var all Violations
	for _, v := range e.found {
		all.Add(v.err)
	}
	return all.Err()
}

// keyText returns the key as a text that no other key of the map has. The switch on its
// type runs only for keys that are counted or have a fault.
func keyText[K Key](key K) string {
	switch k := any(key).(type) {
	case []byte:
		return string(k)
	case int64:
		return strconv.FormatInt(k, 10)
	case uint64:
		return strconv.FormatUint(k, 10)
	case bool:
		return strconv.FormatBool(k)
	}
	panic("runtime: no text for a key")
}
