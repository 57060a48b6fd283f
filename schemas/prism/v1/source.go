// Package prismv1 is the schema language: the options that a team writes on
// its messages, as Go types and as the .proto text that declares them. It
// holds no logic; package generator/schema says what the options mean.
package prismv1

import _ "embed"

// Path is the import path under which schemas find the options.
const Path = "prism/v1/options.proto"

// ReasonPath is the import path of the reasons of errors, for callers.
const ReasonPath = "prism/v1/reason.proto"

// ReasonSource is the text of reason.proto, for callers in languages whose tools
// compile it.
//
//go:embed reason.proto
var ReasonSource string

// Source is the text of options.proto, so that a schema compiles without a
// copy of it.
//
//go:embed options.proto
var Source string
