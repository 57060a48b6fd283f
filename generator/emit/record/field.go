package record

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// TagName is the constant of the field's tag.
func TagName(f *schema.Field) string {
	return "tag" + f.GoName
}

// GoType is the type that holds the field in a key or a record.
func GoType(f *schema.Field) string {
	if optional(f) {
		return "@wire.Optional[" + PlainType(f) + "]"
	}
	return PlainType(f)
}

// PlainType is the type of the field's value where it is known to be there: in
// a key, a position or a request.
func PlainType(f *schema.Field) string {
	switch f.Type {
	case schema.Text, schema.Bytes:
		return "[]byte"
	case schema.Float:
		return "float64"
	case schema.Int:
		return "int64"
	case schema.Uint:
		return "uint64"
	case schema.Bool, schema.Other: // of Other fields only the presence is held
		return "bool"
	}
	return "@wire.Timestamp"
}

// has is the name of what says that a field is there which needs it said.
func has(f *schema.Field) string { return "has" + f.GoName }

// optional reports whether the field's type must say that it is absent. Text
// is nil then, a Timestamp says so itself.
func optional(f *schema.Field) bool {
	return f.Presence && f.Role != schema.Key && isScalar(f)
}

// counted reports whether a key field needs a bool beside it to be told from
// zero.
func counted(f *schema.Field) bool {
	return f.Role == schema.Key && f.Presence && isScalar(f)
}

// isScalar reports whether the field's Go type has no value for absence.
func isScalar(f *schema.Field) bool {
	return f.Type == schema.Int || f.Type == schema.Uint || f.Type == schema.Bool || f.Type == schema.Float
}

// Value is the field's current value on the wire, f being the wire.Fields.
func Value(f *schema.Field) string {
	switch f.Desc.Kind() {
	case protoreflect.StringKind:
		if validatesUTF8(f.Desc) {
			return "f.Text()"
		}
		return "f.Bytes()"
	case protoreflect.BytesKind:
		return "f.Bytes()"
	case protoreflect.DoubleKind:
		return "f.Float64()"
	case protoreflect.FloatKind:
		return "float64(f.Float32())"
	case protoreflect.BoolKind:
		return "f.Bool()"
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		return "f.Int64()"
	case protoreflect.Sint64Kind:
		return "f.Sint64()"
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return "int64(f.Int32())"
	case protoreflect.Sint32Kind:
		return "int64(f.Sint32())"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "int64(f.Uint32())"
	}
	return "f.Uint64()"
}

// Assign is the statement that stores the current value in the field of the
// variable that prefix selects from: "r.".
func Assign(f *schema.Field, prefix string) string {
	switch {
	case f.Type == schema.Other:
		return prefix + f.GoName + " = true"
	case counted(f):
		return golang.Fill("$prefix$field, $prefix$has = $value, true", golang.Holes{"prefix": prefix, "field": f.GoName, "has": has(f), "value": Value(f)})
	case optional(f):
		return fmt.Sprintf("%s%s = @wire.Some(%s)", prefix, f.GoName, Value(f))
	case f.Type == schema.Timestamp:
		return fmt.Sprintf("%[1]s%[2]s = f.Timestamp(%[1]s%[2]s)", prefix, f.GoName)
	}
	return prefix + AssignPlain(f)
}

// AssignPlain is Assign to a field of the plain type, without the prefix.
func AssignPlain(f *schema.Field) string {
	if f.Type == schema.Timestamp {
		return fmt.Sprintf("%[1]s = f.Timestamp(p.%[1]s)", f.GoName)
	}
	return f.GoName + " = " + Value(f)
}

// Append is the expression that appends a plain value of the field to b, as
// field number.
func Append(f *schema.Field, value string, number int) string {
	bits := "uint64(" + value + ")"
	if f.Type == schema.Uint {
		bits = value
	}
	switch {
	case f.Type == schema.Text || f.Type == schema.Bytes:
		return fmt.Sprintf("@wire.AppendBytes(b, %d, %s)", number, value)
	case f.Type == schema.Timestamp:
		return fmt.Sprintf("@wire.AppendTimestamp(b, %d, %s)", number, value)
	case f.Type == schema.Bool:
		return fmt.Sprintf("@wire.AppendBool(b, %d, %s)", number, value)
	}
	switch f.Desc.Kind() {
	case protoreflect.Sint64Kind, protoreflect.Sint32Kind:
		return fmt.Sprintf("@wire.AppendZigZag(b, %d, %s)", number, value)
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return fmt.Sprintf("@wire.AppendFixed64(b, %d, %s)", number, bits)
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return fmt.Sprintf("@wire.AppendFixed32(b, %d, uint32(%s))", number, value)
	}
	return fmt.Sprintf("@wire.AppendVarint(b, %d, %s)", number, bits)
}

// Empty is the value of a field of implicit presence that is not on the wire,
// or "" if it is Go's zero value.
func Empty(f *schema.Field) string {
	if (f.Type == schema.Text || f.Type == schema.Bytes) && (!f.Presence || f.Role == schema.Key) {
		return "@wire.Empty"
	}
	return ""
}

// Lowest is the value that comes before all others, or "" if it is Go's zero
// value.
func Lowest(f *schema.Field) string {
	switch f.Type {
	case schema.Int:
		return "@math.MinInt64"
	case schema.Text, schema.Bytes:
		return "@wire.Empty"
	}
	return ""
}

// absent is the value of a field that another member of its oneof replaced.
func absent(f *schema.Field) string {
	switch {
	case f.Type == schema.Text || f.Type == schema.Bytes:
		return "nil"
	case f.Nested != nil:
		return "nil"
	case optional(f), f.Type == schema.Timestamp:
		return GoType(f) + "{}"
	case f.Type == schema.Bool, f.Type == schema.Other:
		return "false"
	}
	return "0"
}

// initial lists the fields whose first value is not Go's zero value.
func initial(fields []*schema.Field, value func(*schema.Field) string) string {
	var list []string
	for _, f := range fields {
		if v := value(f); v != "" {
			list = append(list, f.GoName+": "+v)
		}
	}
	return strings.Join(list, ", ")
}

// checkAll returns the statements that add to found what is wrong with the fields,
// the first fault of each.
func checkAll(fields []*schema.Field, prefix string) string {
	var all strings.Builder
	for _, f := range fields {
		var cases strings.Builder
		fieldChecks(&cases, f, prefix, "found.Add(%s)")
		all.WriteString(Switch(cases.String()))
		switch {
		case holdsViolations(f):
			fmt.Fprintf(&all, "found.Add(%s%s.Err())\n", prefix, f.GoName)
		case f.Nested != nil && (f.Required || f.Labelled):
			fmt.Fprintf(&all, "if %s%s == nil {\nfound.Add(@runtime.Required(%q))\n}\n", prefix, f.GoName, f.Name)
		}
	}
	return all.String()
}

// checkOne returns the statement that returns what is wrong with the one field.
func checkOne(f *schema.Field, prefix string) string {
	var cases strings.Builder
	fieldChecks(&cases, f, prefix, Return)
	return Switch(cases.String())
}

// Return is what a case does with an error that it returns.
const Return = "return %s"

// Switch returns the statement of the cases: an if where there is one.
func Switch(cases string) string {
	if cases == "" {
		return ""
	}
	if condition, result, _ := strings.Cut(strings.TrimPrefix(cases, "case "), ":\n"); !strings.Contains(result, "\ncase ") {
		return "if " + condition + " {\n" + result + "}\n"
	}
	return "switch {\n" + cases + "}\n"
}

// fieldChecks prints the cases for one field of the variable that prefix selects
// from. then has a verb for the error of a case.
func fieldChecks(b *strings.Builder, f *schema.Field, prefix, then string) {
	value, path := prefix+f.GoName, strconv.Quote(f.Name)
	one := func(condition, result string) { fmt.Fprintf(b, "case %s:\n%s\n", condition, result) }
	switch {
	case f.Desc.Cardinality() == protoreflect.Repeated:
		if f.MinItems > 0 {
			one(fmt.Sprintf("%s.Len() < %d", value, f.MinItems), fmt.Sprintf(then, fmt.Sprintf("@runtime.TooFew(%s, %d)", path, f.MinItems)))
		}
		if f.MaxItems > 0 {
			one(fmt.Sprintf("%s.Len() > %d", value, f.MaxItems), fmt.Sprintf(then, fmt.Sprintf("@runtime.TooMany(%s, %d)", path, f.MaxItems)))
		}
	case f.Nested != nil:
		one(value+" != nil", fmt.Sprintf("found.In(%s, %s.valid())", path, value))
	default:
		valueChecks(b, f, value, path, then)
	}
}

// valueChecks prints the cases for a value that is of a field, an element of a list
// or a value of a map; path is an expression. then has a verb for the error of a case.
func valueChecks(b *strings.Builder, f *schema.Field, value, path, then string) {
	required := f.Role == schema.Key || f.Required || f.Labelled
	one := func(condition, result string, args ...any) {
		fmt.Fprintf(b, "case %s:\n"+then+"\n", condition, "@runtime."+fmt.Sprintf(result, args...))
	}
	switch f.Type {
	case schema.Text, schema.Bytes:
		switch {
		case f.Role == schema.Key || f.Required:
			one("len("+value+") == 0", "Required(%s)", path)
		case f.Labelled:
			one(value+" == nil", "Required(%s)", path)
		}
		if f.MinLength > 0 {
			there := fmt.Sprintf("len(%s) > 0 && ", value)
			if required || f.IsElement() {
				there = ""
			} else if f.Presence {
				there = value + " != nil && "
			}
			one(fmt.Sprintf("%slen(%s) < %d", there, value, f.MinLength), "TooShort(%s, len(%s), %d)", path, value, f.MinLength)
		}
		TextBounds(b, f, value, path, then)
	case schema.Timestamp:
		if required {
			one("!"+value+".Set", "Required(%s)", path)
		}
		if f.Role == schema.Key || f.Role == schema.Indexed {
			one("!"+value+".Valid()", "BadTime(%s)", path)
		}
	case schema.Other: // only whether it is there
		if required {
			one("!"+value, "Required(%s)", path)
		}
	default:
		switch {
		case required && counted(f):
			one("!"+strings.TrimSuffix(value, f.GoName)+has(f), "Required(%s)", path)
		case required && optional(f):
			one("!"+value+".Set", "Required(%s)", path)
		}
		if condition := outOfRange(f, value); condition != "" {
			one(condition, "OutOfRange(%s, %s)", path, strconv.Quote(rangeText(f)))
		}
	}
}

// TextBounds prints the cases that hold for text and bytes wherever it stands: as a
// record's field, or as what a list is asked for. then has a verb for the error of a
// case, as Return does.
func TextBounds(b *strings.Builder, f *schema.Field, value, path, then string) {
	one := func(condition, fault string) { fmt.Fprintf(b, "case %s:\n"+then+"\n", condition, "@runtime."+fault) }
	if f.MaxLength > 0 {
		one(fmt.Sprintf("len(%s) > %d", value, f.MaxLength), fmt.Sprintf("TooLong(%s, len(%s), %d)", path, value, f.MaxLength))
	}
	if f.Type == schema.Text && (f.Role == schema.Key || f.Role == schema.Indexed) {
		if !validatesUTF8(f.Desc) {
			one("!@utf8.Valid("+value+")", "NotUTF8("+path+")")
		}
		one("@bytes.IndexByte("+value+", 0) >= 0", "HasNUL("+path+")")
	}
}

func outOfRange(f *schema.Field, value string) string {
	var conditions []string
	there := ""
	if optional(f) {
		there = value + ".Set"
		value += ".Value"
	}
	if f.Min != nil && (f.Type != schema.Uint || *f.Min > 0) {
		conditions = append(conditions, fmt.Sprintf("%s < %d", value, *f.Min))
	}
	if f.Max != nil {
		conditions = append(conditions, fmt.Sprintf("%s > %d", value, *f.Max))
	}
	switch {
	case len(conditions) == 0:
		return ""
	case there == "":
		return strings.Join(conditions, " || ")
	case len(conditions) == 1:
		return there + " && " + conditions[0]
	}
	return there + " && (" + strings.Join(conditions, " || ") + ")"
}

func rangeText(f *schema.Field) string {
	switch {
	case f.Min == nil:
		return fmt.Sprintf("at most %d", *f.Max)
	case f.Max == nil:
		return fmt.Sprintf("at least %d", *f.Min)
	}
	return fmt.Sprintf("%d to %d", *f.Min, *f.Max)
}
