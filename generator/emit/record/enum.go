package record

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit/golang"
)

// ifKnown makes a statement depend on the number of a closed enum, which is an
// unknown field where the enum does not have it.
func (p *printer) ifKnown(f protoreflect.FieldDescriptor, statement string) string {
	if f.Enum() == nil || !f.Enum().IsClosed() || statement == "" {
		return statement
	}
	return fmt.Sprintf("if %s(f.Int32()) {\n%s}\n", p.known(f.Enum()), statement)
}

// known returns the function that tells which numbers a closed enum has, and
// has it printed.
func (p *printer) known(e protoreflect.EnumDescriptor) string {
	if !slices.Contains(p.enums, e) {
		p.enums = append(p.enums, e)
	}
	return "known" + shortName(e) + strings.Repeat("_", slices.IndexFunc(p.sameName(e), func(o protoreflect.EnumDescriptor) bool { return o == e }))
}

// sameName returns the closed enums that are called as e is in their packages.
func (p *printer) sameName(e protoreflect.EnumDescriptor) []protoreflect.EnumDescriptor {
	var same []protoreflect.EnumDescriptor
	for _, o := range p.enums {
		if shortName(o) == shortName(e) {
			same = append(same, o)
		}
	}
	return same
}

func (p *printer) knownFunctions() {
	for _, e := range p.enums {
		var numbers []string
		for i := range e.Values().Len() {
			if n := fmt.Sprint(e.Values().Get(i).Number()); !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
		p.file.Fill(`// $known reports whether $enum, a closed enum, has the number n.
func $known(n int32) bool {
	switch n {
	case $numbers:
		return true
	}
	return false
}`, golang.Holes{"known": p.known(e), "enum": e.FullName(), "numbers": strings.Join(numbers, ", ")})
	}
}
