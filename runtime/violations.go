package runtime

import "errors"

// maxViolations is how many violations an error lists: enough for a form that a
// person filled in, not for every element of a list.
const maxViolations = 20

// Violations gathers what is wrong with the fields of a record, in their order. The
// zero value has found nothing.
type Violations struct{ found []*Error }

// Add adds what is wrong with a field; nil adds nothing. If err comes from
// Violations, all of its violations are added.
func (v *Violations) Add(err error) {
	if err != nil {
		v.add(err)
	}
}

// In adds what is wrong with the message in the field at path, as In has it.
func (v *Violations) In(path string, err error) {
	if err != nil {
		v.add(In(path, err))
	}
}

// add is separate so that Add costs only a comparison where it is called.
//
//go:noinline
func (v *Violations) add(err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Reason: Internal, What: "a check failed otherwise", Cause: err}
	}
	for _, one := range e.Violations() {
		if len(v.found) < maxViolations {
			alone := *one
			alone.others = nil
			v.found = append(v.found, &alone)
		}
	}
}

// Err returns the first violation, which carries the others, or nil if nothing
// was found.
func (v *Violations) Err() error {
	if len(v.found) == 0 {
		return nil
	}
	first := *v.found[0]
	first.others = v.found[1:]
	return &first
}
