// Package runtime is what every compiled proxy links besides its stores: the
// server and its commands, the pipeline of a call, errors, limits. Logic that
// is the same for all entities lives here; what varies is generated. Nothing
// here knows a backend or a schema.
package runtime
