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
type object map[string]any

// jsonSchema returns the JSON schema by which editors complete and check
// prism.yaml. It checks less than the compiler, which also reads the .proto
// files.
func jsonSchema() ([]byte, error) {
	root := ofEntry(schema.ConfigFile())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "prism.yaml"
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

func ofEntry(e *schema.ConfigEntry) object {
	o := object{}
	if e.Doc != "" {
		o["description"] = e.Doc
	}
	if e.Default != "" && e.Kind == schema.ConfigText {
		o["default"] = e.Default
	}
	switch e.Kind {
	case schema.ConfigText:
		return text(o, e)
	case schema.ConfigTexts:
		o["type"], o["minItems"], o["uniqueItems"], o["items"] = "array", 1, true, text(object{}, e)
	case schema.ConfigBool:
		o["type"], o["default"] = "boolean", e.Default == "true"
	case schema.ConfigNumber:
		number(o, e.Min, e.Max, true)
	case schema.ConfigMapping:
		mapping(o, e.Keys)
	case schema.ConfigMappings:
		o["type"], o["minItems"], o["items"] = "array", 1, namespace(mapping(object{}, e.Keys))
	case schema.ConfigTextOf:
		o["type"], o["additionalProperties"] = "object", object{"type": "string"}
	case schema.ConfigNumberOf:
		o["type"], o["additionalProperties"] = "object", number(object{}, e.Min, e.Max, true)
	case schema.ConfigSettings:
		o["type"] = "object" // which keys depends on the backend
	}
	return o
}

func text(o object, e *schema.ConfigEntry) object {
	o["type"] = "string"
	if e.Pattern != "" {
		o["pattern"] = e.Pattern
	}
	return o
}

// number allows an integer, also in quotes, or a single reference with a default
// where references are allowed.
func number(o object, least, most int, mayRefer bool) object {
	pattern := `^[0-9]+$`
	if mayRefer {
		pattern += `|^\$\{env:[A-Za-z_][A-Za-z0-9_]*:-[0-9]+\}$`
	}
	o["anyOf"] = []object{
		{"type": "integer", "minimum": least, "maximum": most},
		{"type": "string", "pattern": pattern},
	}
	return o
}

func mapping(o object, keys []*schema.ConfigEntry) object {
	properties, required := object{}, []string{}
	for _, k := range keys {
		properties[k.Name] = ofEntry(k)
		if k.Required {
			required = append(required, k.Name)
		}
	}
	o["type"], o["properties"], o["additionalProperties"] = "object", properties, false
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// namespace adds the backends and their settings.
func namespace(o object) object {
	names := []string{}
	conditions := []object{}
	all := backends.All()
	slices.SortFunc(all, func(a, b *emit.Backend) int { return strings.Compare(a.Name, b.Name) })
	for _, b := range all {
		names = append(names, b.Name)
		properties := object{}
		for _, key := range b.Config {
			properties[key.Name] = ofSetting(key)
		}
		conditions = append(conditions, object{
			"if":   object{"properties": object{"backend": object{"const": b.Name}}},
			"then": object{"properties": object{"config": object{"properties": properties, "additionalProperties": false}}},
		})
	}
	o["properties"].(object)["backend"].(object)["enum"] = names
	o["allOf"] = conditions
	return o
}

func ofSetting(key schema.ConfigKey) object {
	o := object{"description": key.Doc}
	switch {
	case key.Values != nil:
		o["enum"] = key.Values
	case key.Max > 0:
		number(o, key.Min, key.Max, key.Reference)
	default:
		o["type"] = "string"
	}
	if key.Default != "" {
		o["default"] = key.Default
	}
	return o
}
