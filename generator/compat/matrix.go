package compat

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Outcome is what becomes of values that are written as one type and read as another,
// from the best to the worst.
type Outcome int

const (
	Same    Outcome = iota // every value is read as it was written
	Loss                   // some are, others are not
	Other                  // values change their meaning
	Gone                   // some are read as an unknown field
	Refused                // some make the whole record unreadable
)

var outcomes = [...]string{"same", "loss", "other", "gone", "error"}

func (o Outcome) String() string { return outcomes[o] }

func (o Outcome) letter() string { return outcomes[o][:1] }

// kind is a type of values as far as encoding goes.
type kind string

// kinds are in the order of the tables.
var kinds = []kind{
	"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "open enum", "closed enum",
	"fixed32", "sfixed32", "float", "fixed64", "sfixed64", "double", "string", "bytes", "message", "group",
}

func (k kind) packable() bool { return slices.Index(kinds, k) < slices.Index(kinds, "string") }

// values has a row for each kind that is written, and in it the letter of the outcome
// for each kind that is read. A closed enum has the same values on both sides, and a
// message the same fields: what they have in fact is compared by itself.
var values = []string{
	"sslloolsggggggggggg", // int32
	"lslloollggggggggggg", // int64
	"lsssoollggggggggggg", // uint32
	"lllsoollggggggggggg", // uint64
	"oooossloggggggggggg", // sint32
	"oooolsloggggggggggg", // sint64
	"ssssoosssgggggggggg", // bool
	"sslloolsggggggggggg", // open enum
	"sslloolssgggggggggg", // closed enum
	"gggggggggsloggggggg", // fixed32
	"ggggggggglsoggggggg", // sfixed32
	"gggggggggoosggggggg", // float
	"ggggggggggggslogggg", // fixed64
	"gggggggggggglsogggg", // sfixed64
	"ggggggggggggoosgggg", // double
	"gggggggggggggggsseg", // string
	"gggggggggggggggeseg", // bytes
	"gggggggggggggggessg", // message
	"ggggggggggggggggggs", // group
}

// packedAsList are packed numbers that are read as a list.
var packedAsList = []string{
	"sslloolsgeeeeeeeoeg", // int32
	"lslloollgeeeeeeeoeg", // int64
	"lsssoollgeeeeeeeoeg", // uint32
	"lllsoollgeeeeeeeoeg", // uint64
	"oooosslogeeeeeeeoeg", // sint32
	"oooolslogeeeeeeeoeg", // sint64
	"ssssoossseeeeeeooeg", // bool
	"sslloolsgeeeeeeeoeg", // open enum
	"sslloolsseeeeeeeoeg", // closed enum
	"eeeeeeeeesloeeeeoeg", // fixed32
	"eeeeeeeeelsoeeeeoeg", // sfixed32
	"eeeeeeeeeooseeeeoeg", // float
	"eeeeeeeeeooosloeoeg", // fixed64
	"eeeeeeeeeooolsoeoeg", // sfixed64
	"eeeeeeeeeoooooseoeg", // double
}

// packedAsOne are packed numbers that are read as one value.
var packedAsOne = []string{
	"gggggggggggggggeoeg", // int32
	"gggggggggggggggeoeg", // int64
	"gggggggggggggggeoeg", // uint32
	"gggggggggggggggeoeg", // uint64
	"gggggggggggggggeoeg", // sint32
	"gggggggggggggggeoeg", // sint64
	"gggggggggggggggooeg", // bool
	"gggggggggggggggeoeg", // open enum
	"gggggggggggggggeoeg", // closed enum
	"gggggggggggggggeoeg", // fixed32
	"gggggggggggggggeoeg", // sfixed32
	"gggggggggggggggeoeg", // float
	"gggggggggggggggeoeg", // fixed64
	"gggggggggggggggeoeg", // sfixed64
	"gggggggggggggggeoeg", // double
}

// asPacked are text, bytes and messages that are read as a list of numbers, which
// takes them for packed ones. Its rows are the last ones of kinds.
var asPacked = []string{
	"eeeeeeeeeeeeeee", // string
	"eeeeeeeeeeeeeee", // bytes
	"oooooooogeeeeee", // message
	"ggggggggggggggg", // group
}

// cell returns the outcome in a table whose rows begin with a kind.
func cell(table []string, first, writer, reader kind) Outcome {
	letter := table[slices.Index(kinds, writer)-slices.Index(kinds, first)][slices.Index(kinds, reader)]
	return Outcome(slices.IndexFunc(outcomes[:], func(name string) bool { return strings.HasPrefix(name, string(letter)) }))
}

// list is how a field has several values.
type list int

const (
	none     list = iota // it has one
	packed               // numbers in one piece
	expanded             // each by itself; also maps, whose elements are entries
)

// shape is what decides how a field is written and read.
type shape struct {
	kind kind
	list list
}

// readAs returns what becomes of what has shape s on the wire when it is read as r.
func (s shape) readAs(r shape) Outcome {
	one := cell(values, kinds[0], s.kind, r.kind)
	switch {
	case s.list == packed && r.list == none:
		return cell(packedAsOne, kinds[0], s.kind, r.kind)
	case s.list == packed:
		return cell(packedAsList, kinds[0], s.kind, r.kind)
	case r.list != none && r.kind.packable() && !s.kind.packable():
		return cell(asPacked, "string", s.kind, r.kind)
	case s.list == expanded && r.list == none: // the last one, or all messages merged
		return max(Loss, one)
	}
	return one
}

// shapeOf returns the shape of a field.
func shapeOf(f protoreflect.FieldDescriptor) shape {
	s := shape{kind: kind(f.Kind().String())}
	if e := f.Enum(); e != nil {
		s.kind = "open enum"
		if e.IsClosed() {
			s.kind = "closed enum"
		}
	}
	switch {
	case f.IsPacked():
		s.list = packed
	case f.Cardinality() == protoreflect.Repeated:
		s.list = expanded
	}
	return s
}
