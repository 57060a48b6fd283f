package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// configSchema is where the JSON schema of prism.yaml is, relative to the
// module's root.
const configSchema = "schemas/prism/prism.schema.json"

// object is a JSON schema, or a part of one: https://json-schema.org/draft-07.
type object struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Default     any                `json:"default,omitempty"` // a string or a bool
	Pattern     string             `json:"pattern,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	UniqueItems bool               `json:"uniqueItems,omitempty"`
	Items       *object            `json:"items,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*object `json:"properties,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or an *object
	AnyOf       []*object          `json:"anyOf,omitempty"`
	AllOf       []*object          `json:"allOf,omitempty"`
	If          *object            `json:"if,omitempty"`
	Then        *object            `json:"then,omitempty"`
}

// jsonSchema returns the JSON schema by which editors complete and check
// prism.yaml. It checks less than the compiler, which also reads the .proto
// files.
func jsonSchema() ([]byte, error) {
	root := ofEntry(schema.ConfigFile())
	root.Schema, root.Title = "http://json-schema.org/draft-07/schema#", "prism.yaml"
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

func ofEntry(e *schema.ConfigEntry) *object {
	o := &object{Description: e.Doc}
	switch e.Kind {
	case schema.ConfigText:
		o.Type, o.Pattern = "string", e.Pattern
		if e.Default != "" {
			o.Default = e.Default
		}
	case schema.ConfigTexts:
		o.Type, o.MinItems, o.UniqueItems, o.Items = "array", 1, true, &object{Type: "string", Pattern: e.Pattern}
	case schema.ConfigBool:
		o.Type, o.Default = "boolean", e.Default == "true"
	case schema.ConfigNumber:
		o.AnyOf = number(e.Min, e.Max, true)
	case schema.ConfigMapping:
		o.mapping(e.Keys)
	case schema.ConfigMappings:
		o.Type, o.MinItems, o.Items = "array", 1, &object{}
		o.Items.mapping(e.Keys)
		o.Items.backends()
	case schema.ConfigTextOf:
		o.Type, o.Additional = "object", &object{Type: "string"}
	case schema.ConfigNumberOf:
		o.Type, o.Additional = "object", &object{AnyOf: number(e.Min, e.Max, true)}
	case schema.ConfigSettings:
		o.Type = "object" // which keys depends on the backend
	}
	return o
}

// number allows an integer, also in quotes, or a single reference with a default
// where references are allowed.
func number(least, most int, mayRefer bool) []*object {
	pattern := `^[0-9]+$`
	if mayRefer {
		pattern += `|^\$\{env:[A-Za-z_][A-Za-z0-9_]*:-[0-9]+\}$`
	}
	return []*object{{Type: "integer", Minimum: &least, Maximum: &most}, {Type: "string", Pattern: pattern}}
}

func (o *object) mapping(keys []*schema.ConfigEntry) {
	o.Type, o.Properties, o.Additional = "object", map[string]*object{}, false
	for _, k := range keys {
		o.Properties[k.Name] = ofEntry(k)
		if k.Required {
			o.Required = append(o.Required, k.Name)
		}
	}
}

// backends adds to a namespace the backends and their settings.
func (o *object) backends() {
	all := backends.All()
	slices.SortFunc(all, func(a, b *emit.Backend) int { return strings.Compare(a.Name, b.Name) })
	for _, b := range all {
		config := &object{Properties: map[string]*object{}, Additional: false}
		for _, key := range b.Config {
			config.Properties[key.Name] = ofSetting(key)
		}
		backend := o.Properties["backend"]
		backend.Enum = append(backend.Enum, b.Name)
		o.AllOf = append(o.AllOf, &object{
			If:   &object{Properties: map[string]*object{"backend": {Const: b.Name}}},
			Then: &object{Properties: map[string]*object{"config": config}},
		})
	}
}

func ofSetting(key schema.ConfigKey) *object {
	o := &object{Description: key.Doc}
	switch {
	case key.Values != nil:
		o.Enum = key.Values
	case key.Max > 0:
		o.AnyOf = number(key.Min, key.Max, key.Reference)
	default:
		o.Type = "string"
	}
	if key.Default != "" {
		o.Default = key.Default
	}
	return o
}
