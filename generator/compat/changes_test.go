package compat_test

import "strings"

// change is a change of a schema, with the findings that block it where what is
// compiled now must read what was before, where the reverse holds, and where nothing
// is promised. buf is what buf breaking says of it, and why, where the two differ.
type change struct {
	name              string
	options           string // of the entity, on both sides
	was, now          string // fields of Order; from a line "---" on, what stands behind it
	backward, forward string
	none              string
	buf               bool   // whether buf finds the change breaking
	why               string // why it differs from FULL_TRANSITIVE; "": it does not
}

func (c change) before(options string) string { return whole(c.was, options) }
func (c change) after(options string) string  { return whole(c.now, options) }

func whole(text, options string) string {
	syntax := ""
	if rest, ok := strings.CutPrefix(text, "proto2: "); ok {
		syntax, text = "syntax = \"proto2\";", rest
	} else if rest, ok := strings.CutPrefix(text, "2023: "); ok {
		syntax, text = "edition = \"2023\";", rest
	}
	fields, rest, _ := strings.Cut(text, "---")
	if extra, ok := strings.CutPrefix(fields, "options:"); ok {
		var o string
		o, fields, _ = strings.Cut(extra, "|")
		options += " " + o
	}
	all := order(options, fields) + rest
	switch {
	case strings.Contains(options, "key_value"):
		all = strings.Replace(all, "key_value: {} ", "", 1)
	case strings.HasPrefix(syntax, "edition"):
		all = strings.Replace(all, "max_length = 36", "max_length = 36, (prism.v1.field).required = true", 1)
	case syntax != "":
		all = strings.Replace(all, "  string id", "  required string id", 1)
	}
	return syntax + all
}

const (
	states  = "State state = 2; --- enum State { STATE_UNSPECIFIED = 0; PAID = 1; SENT = 2; }"
	closed2 = "2023: State state = 2; --- enum State { option features.enum_type = CLOSED; STATE_UNSPECIFIED = 0; PAID = 1; SENT = 2; }"
	closed1 = "2023: State state = 2; --- enum State { option features.enum_type = CLOSED; STATE_UNSPECIFIED = 0; PAID = 1; reserved 2; reserved SENT; }"
)

var changes = []change{
	{name: "a field is added", was: "", now: "string note = 2;"},
	{name: "a field is renamed", was: "string note = 2;", now: "string remark = 2;", buf: true, why: "the JSON name changes, which is a warning here: the contract is protobuf's binary form"},
	{name: "a field is removed, and its number reserved", was: "string note = 2;", now: "reserved 2;", buf: true, why: "buf wants the name reserved too; here a name may come back under another number"},
	{name: "a field is removed, its number and its name reserved", was: "string note = 2;", now: "reserved 2; reserved \"note\";"},
	{name: "a field is removed", was: "string note = 2;", now: "", backward: "reserve:2", forward: "reserve:2", buf: true},
	{name: "a number is used again", was: "string note = 2;", now: "int32 points = 2;", backward: "reuse:2", forward: "reuse:2", buf: true},
	{name: "a reserved number is used", was: "reserved 2;", now: "int32 points = 2;", backward: "reuse:2", forward: "reuse:2", buf: true},
	{name: "int32 to int64", was: "int32 n = 2;", now: "int64 n = 2;", forward: "type:2", buf: true},
	{name: "int64 to int32", was: "int64 n = 2;", now: "int32 n = 2;", backward: "type:2", buf: true},
	{name: "uint32 to uint64", was: "uint32 n = 2;", now: "uint64 n = 2;", forward: "type:2", buf: true},
	{name: "int32 to sint32", was: "int32 n = 2;", now: "sint32 n = 2;", backward: "type:2", forward: "type:2", buf: true},
	{name: "int32 to uint32", was: "int32 n = 2;", now: "uint32 n = 2;", backward: "type:2", forward: "type:2", why: "to buf both are 32-bit varints; here negative values are lost"},
	{name: "bool to int32", was: "bool n = 2;", now: "int32 n = 2;", forward: "type:2", buf: true},
	{name: "fixed32 to sfixed32", was: "fixed32 n = 2;", now: "sfixed32 n = 2;", backward: "type:2", forward: "type:2", why: "to buf both are fixed 32 bits; here the sign is lost"},
	{name: "fixed64 to double", was: "fixed64 n = 2;", now: "double n = 2;", backward: "type:2", forward: "type:2", buf: true},
	{name: "string to bytes", was: "string n = 2;", now: "bytes n = 2;", forward: "type:2", buf: true},
	{name: "bytes to string", was: "bytes n = 2;", now: "string n = 2;", backward: "type:2", buf: true},
	{name: "int32 to an enum", was: "int32 state = 2; --- enum State { STATE_UNSPECIFIED = 0; PAID = 1; }", now: "State state = 2; --- enum State { STATE_UNSPECIFIED = 0; PAID = 1; }", buf: true, why: "JSON writes an enum by name; in binary form the values are the same"},
	{name: "int32 to a message", was: "int32 n = 2; --- message Money { int64 units = 1; }", now: "Money n = 2; --- message Money { int64 units = 1; }", backward: "type:2", forward: "type:2", buf: true},
	{name: "a message to one with the same fields", was: "Money n = 2; --- message Money { int64 units = 1; } message Price { int64 units = 1; }", now: "Price n = 2; --- message Money { int64 units = 1; } message Price { int64 units = 1; }", buf: true, why: "buf compares the name of the type; here its fields are compared"},
	{name: "a message to one with other fields", was: "Money n = 2; --- message Money { int64 units = 1; } message Price { string units = 1; }", now: "Price n = 2; --- message Money { int64 units = 1; } message Price { string units = 1; }", backward: "type:[2,1]", forward: "type:[2,1]", buf: true},
	{name: "a Timestamp to a Duration", was: "google.protobuf.Timestamp n = 2;", now: "google.protobuf.Duration n = 2;", backward: "type:2", forward: "type:2", buf: true},
	{name: "within a message, at depth", was: "repeated Line lines = 2; --- message Line { Money price = 3; } message Money { int32 units = 1; }", now: "repeated Line lines = 2; --- message Line { Money price = 3; } message Money { sint32 units = 1; }", backward: "type:[2,3,1]", forward: "type:[2,3,1]", buf: true},
	{name: "within the values of a map", was: "map<string, Money> prices = 2; --- message Money { int32 units = 1; }", now: "map<string, Money> prices = 2; --- message Money { fixed32 units = 1; }", backward: "type:[2,2,1]", forward: "type:[2,2,1]", buf: true},
	{name: "the key of a map", was: "map<int32, string> names = 2;", now: "map<sint32, string> names = 2;", backward: "type:[2,1]", forward: "type:[2,1]", buf: true},
	{name: "singular to repeated", was: "string n = 2;", now: "repeated string n = 2;", forward: "type:2", buf: true},
	{name: "repeated to singular", was: "repeated string n = 2;", now: "string n = 2;", backward: "type:2", buf: true},
	{name: "a number to a packed list", was: "int32 n = 2;", now: "repeated int32 n = 2;", forward: "type:2", buf: true},
	{name: "packed to expanded", was: "repeated int32 n = 2;", now: "repeated int32 n = 2 [packed = false];"},
	{name: "a list of entries to a map", was: "repeated Entry n = 2; --- message Entry { string key = 1; string value = 2; }", now: "map<string, string> n = 2; --- message Entry { string key = 1; string value = 2; }", backward: "type:2", buf: true},
	{name: "presence begins", was: "int32 n = 2;", now: "optional int32 n = 2;"},
	{name: "presence ends", was: "optional int32 n = 2;", now: "int32 n = 2;"},
	{name: "a default changes", was: "proto2: optional int32 n = 2 [default = 5];", now: "proto2: optional int32 n = 2 [default = 6];", backward: "type:2", forward: "type:2", why: "what an absent field reads as is no part of the wire to buf"},
	{name: "a field moves into a new oneof", was: "string a = 2;", now: "oneof o { string a = 2; }", buf: true, why: "a oneof with nothing else in it that was there before loses nothing"},
	{name: "two fields move into a oneof", was: "string a = 2; string b = 3;", now: "oneof o { string a = 2; string b = 3; }", backward: "type:2 type:3", buf: true},
	{name: "two fields move out of a oneof", was: "oneof o { string a = 2; string b = 3; }", now: "string a = 2; string b = 3;", forward: "type:2 type:3", buf: true},
	{name: "a message becomes delimited", was: "2023: Money n = 2; --- message Money { int64 units = 1; }", now: "2023: Money n = 2 [features.message_encoding = DELIMITED]; --- message Money { int64 units = 1; }", backward: "type:2", forward: "type:2", buf: true},
	{name: "a value is added to an enum", was: states, now: strings.Replace(states, "SENT = 2;", "SENT = 2; LOST = 3;", 1)},
	{name: "a value is renamed", was: states, now: strings.Replace(states, "SENT", "SHIPPED", 1), buf: true, why: "JSON writes an enum by name"},
	{name: "a value is removed", was: states, now: strings.Replace(states, "SENT = 2;", "", 1), backward: "enum:2", forward: "enum:2", buf: true},
	{name: "a value is removed, and its number reserved", was: states, now: strings.Replace(states, "SENT = 2;", "reserved 2;", 1), buf: true, why: "buf wants the name reserved too"},
	{name: "a value gets another number", was: states, now: strings.Replace(states, "SENT = 2;", "reserved 2; SENT = 3;", 1), backward: "enum:2", forward: "enum:2", buf: true},
	{name: "a reserved value of an enum is used", was: closed1, now: closed2, backward: "reuse:2", forward: "reuse:2", buf: true},
	{name: "a new value of a closed enum", was: closed2, now: strings.Replace(closed2, "SENT = 2;", "SENT = 2; LOST = 3;", 1), forward: "enum:2", why: "whoever has the closed enum as it was reads the value as an unknown field"},
	{name: "a value is removed from a closed enum", was: closed2, now: closed1, backward: "enum:2", why: "records that have the value are read as without it"},
	{name: "an enum becomes closed", was: "2023: State state = 2; --- enum State { STATE_UNSPECIFIED = 0; }", now: "2023: State state = 2; --- enum State { option features.enum_type = CLOSED; STATE_UNSPECIFIED = 0; }", backward: "type:2", why: "buf does not compare this; unknown numbers of old records become unknown fields"},
	{name: "required begins", was: "optional string n = 2;", now: "optional string n = 2 [(prism.v1.field).required = true];", backward: "required:2", why: "buf does not know Prism's options"},
	{name: "a required field is added", was: "", now: "optional string n = 2 [(prism.v1.field).required = true];", backward: "required:2", why: "buf does not know Prism's options"},
	{name: "the label required begins", was: "proto2: optional string n = 2;", now: "proto2: required string n = 2;", backward: "required:2", buf: true},
	{name: "the label required ends", was: "proto2: required string n = 2;", now: "proto2: optional string n = 2;", forward: "required:2", buf: true},
	{name: "a bound grows narrower", was: "string n = 2 [(prism.v1.field).max_length = 9];", now: "string n = 2 [(prism.v1.field).max_length = 8];", backward: "bounds:2", why: "buf does not know Prism's options"},
	{name: "a bound grows wider", was: "int32 n = 2 [(prism.v1.field).range = {min: 1, max: 9}];", now: "int32 n = 2 [(prism.v1.field).range = {min: 0, max: 10}];"},
	{name: "a range begins", was: "int32 n = 2;", now: "int32 n = 2 [(prism.v1.field).range = {max: 10}];", backward: "bounds:2", why: "buf does not know Prism's options"},
	{name: "a range begins at zero, of what is never below", was: "uint32 n = 2;", now: "uint32 n = 2 [(prism.v1.field).range = {min: 0}];"},
	{name: "a bound that an index needs", was: "string n = 2;", now: "string n = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 9];"},
	{name: "an index goes", was: "int32 n = 2 [(prism.v1.field).index = EQUALITY];", now: "int32 n = 2;", backward: "contract:2", forward: "contract:2", why: "buf does not know Prism's options; the Find goes"},
	{name: "an index becomes unique", was: "int32 n = 2 [(prism.v1.field).index = EQUALITY];", now: "optional int32 n = 2 [(prism.v1.field).index = UNIQUE];", backward: "contract:2", forward: "contract:2", why: "buf does not know Prism's options; the Find has another name"},
	{name: "an index finds by one field more", was: "options:index: {name: \"state\", equality: [\"n\"]}|int32 n = 2; int32 m = 3;", now: "options:index: {name: \"state\", equality: [\"n\", \"m\"]}|int32 n = 2; int32 m = 3;", backward: "contract:2", forward: "contract:2", why: "buf does not know Prism's options; who finds by it as before does not give the field"},
	{name: "an index is added", was: "int32 n = 2;", now: "int32 n = 2 [(prism.v1.field).index = EQUALITY];"},
	{name: "batches go", was: "", now: "options:key_value: {without: [BATCH]}|", backward: "contract:", forward: "contract:", why: "buf does not know Prism's options; the methods go"},
	{name: "a mark of personal data goes", was: "string n = 2 [(prism.v1.field).pii.category = EMAIL];", now: "string n = 2;", backward: "pii:2", forward: "pii:2", none: "pii:2", why: "buf does not know Prism's options"},
	{name: "durability is lowered", was: "options:durability: POWER_SAFE|", now: "options:durability: CRASH_SAFE|", backward: "durability:", forward: "durability:", none: "durability:", why: "buf does not know Prism's options"},
	{name: "records live shorter", was: "options:ttl: {seconds: 60}|", now: "options:ttl: {seconds: 59}|", backward: "lifetime:", forward: "lifetime:", none: "lifetime:", why: "buf does not know Prism's options"},
	{name: "the key grows", was: "int32 n = 2;", now: "int32 n = 2 [(prism.v1.field).sort_key = 1];", backward: "key:", forward: "key:", none: "key:", why: "buf does not know Prism's options; and no acknowledgement lets it pass"},
}
