// Package schemas holds the schema that the conformance suite compiles for every
// backend.
package schemas

import "embed"

// Conformance holds package conformance.v1, from the root of its imports.
//
//go:embed conformance/v1/*.proto
var Conformance embed.FS
