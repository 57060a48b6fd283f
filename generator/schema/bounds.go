package schema

import (
	"fmt"
	"strings"
)

// Bounds says in words what a write demands of the field, as the contract tells its
// callers: required, 1 to 64 bytes, without NUL. Empty: nothing.
func (f *Field) Bounds() string {
	var all []string
	required, found := f.Role == Key || f.Required, f.Role == Key || f.Role == Indexed
	if required {
		all = append(all, "required")
	}
	switch f.Type {
	case Text, Bytes:
		least := f.MinLength
		if required {
			least = max(least, 1)
		}
		switch {
		case f.MaxLength > 0 && least > 0:
			all = append(all, fmt.Sprintf("%d to %d bytes", least, f.MaxLength))
		case f.MaxLength > 0:
			all = append(all, fmt.Sprintf("at most %d bytes", f.MaxLength))
		case least > 1:
			all = append(all, fmt.Sprintf("at least %d bytes", least))
		}
		if f.Type == Text && found {
			all = append(all, "without NUL")
		}
	case Timestamp:
		if found {
			all = append(all, "in the years 1 to 9999")
		}
	default:
		switch {
		case f.Min != nil && f.Max != nil:
			all = append(all, fmt.Sprintf("%d to %d", *f.Min, *f.Max))
		case f.Min != nil:
			all = append(all, fmt.Sprintf("at least %d", *f.Min))
		case f.Max != nil:
			all = append(all, fmt.Sprintf("at most %d", *f.Max))
		}
	}
	return strings.Join(all, ", ")
}

// bounded returns the comment of the field in a message of the contract: its own, and
// its bounds.
func (f *Field) bounded() string {
	bounds := f.Bounds()
	if bounds == "" {
		return f.Comment
	}
	bounds = strings.ToUpper(bounds[:1]) + bounds[1:] + "."
	if f.Comment == "" {
		return bounds
	}
	return f.Comment + "\n\n" + bounds
}
