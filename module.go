// Package prism is what the module says of itself: the versions that a module
// which uses Prism is pinned to.
package prism

import _ "embed"

// Path is the module's path.
const Path = "github.com/prism-proxy/prism"

// GoMod and GoSum are the texts of go.mod and go.sum.
var (
	//go:embed go.mod
	GoMod string
	//go:embed go.sum
	GoSum string
)
