package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// settings reads a namespace's config against what its backend knows, and
// fills in the defaults. It returns nil when a setting is at fault.
func (c *configReader) settings(parent, node *yaml.Node, b Store) map[string]string {
	before := len(c.faults)
	names := make([]string, len(b.Config))
	for i, key := range b.Config {
		names[i] = key.Name
	}
	written := map[string]*yaml.Node{}
	if node != nil {
		parent = node
		if node.Kind != yaml.MappingNode {
			c.report(RuleYAMLType, c.at(node), "write settings, each with its value", "config is not a mapping")
			return nil
		}
		for i := 0; i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch {
			case !slices.Contains(names, key.Value):
				c.report(RuleBackendSetting, c.at(key), knownSettings(b, names), "backend %s has no setting %q", b.Name, key.Value)
			case written[key.Value] != nil:
				c.report(RuleYAMLKey, c.at(key), "remove one", "key %s is written twice", key.Value)
			default:
				written[key.Value] = value
			}
		}
	}
	config := map[string]string{}
	for _, key := range b.Config {
		value := written[key.Name]
		switch {
		case value != nil:
			config[key.Name] = c.setting(value, b, key)
		case key.Required:
			c.report(RuleBackendSetting, c.at(parent), "write config: {"+key.Name+": …}", "backend %s needs the setting %s", b.Name, key.Name)
		case key.Default != "":
			config[key.Name] = key.Default
		}
	}
	if len(c.faults) > before {
		return nil
	}
	for _, key := range b.Config {
		if key.Check == nil || reference.MatchString(config[key.Name]) {
			continue
		}
		at := parent
		if value := written[key.Name]; value != nil {
			at = value
		}
		if what, fix := key.Check(config); what != "" {
			c.report(RuleBackendSetting, c.at(at), fix, "%s of backend %s %s", key.Name, b.Name, what)
		}
	}
	if len(c.faults) > before {
		return nil
	}
	return config
}

func knownSettings(b Store, names []string) string {
	if len(names) == 0 {
		return "remove it: " + b.Name + " has no settings"
	}
	return "known: " + strings.Join(names, ", ")
}

func (c *configReader) setting(node *yaml.Node, b Store, key ConfigKey) string {
	value, ok := c.scalar(node, key.Name)
	if !ok {
		return ""
	}
	if key.Values != nil && !slices.Contains(key.Values, value) {
		c.report(RuleBackendSetting, c.at(node), "write one of "+strings.Join(key.Values, ", "), "%s of backend %s is %q", key.Name, b.Name, value)
	}
	if n, err := strconv.Atoi(value); key.Max > 0 && (err != nil || n < key.Min || n > key.Max) {
		c.report(RuleBackendSetting, c.at(node), fmt.Sprintf("write a whole number from %d to %d", key.Min, key.Max), "%s of backend %s is %q", key.Name, b.Name, value)
	}
	bare := reference.ReplaceAllString(value, "")
	switch {
	case strings.Contains(bare, "${"):
		c.report(RuleBackendSetting, c.at(node), "write ${env:NAME} or ${file:path}", "a reference in %s of backend %s is malformed", key.Name, b.Name)
	case bare != value && !key.Reference:
		c.report(RuleBackendSetting, c.at(node), "write the value itself", "%s of backend %s cannot be a reference", key.Name, b.Name)
	}
	if userinfo.MatchString(bare) || assignment.MatchString(bare) || secretKey.MatchString(key.Name) && bare != "" {
		c.report(RuleSecretInline, c.at(node), "write ${env:NAME} or ${file:path} instead", "%s of backend %s holds a password", key.Name, b.Name)
	}
	return value
}

// maxLimit is the most that a limit can be set to: far beyond what one process
// serves.
const maxLimit = 1_000_000

// limits reads what takes the place of the limits that capacity gives. That the
// methods exist is checked when the entities are known.
func (c *configReader) limits(n *Namespace, node *yaml.Node) {
	keys := c.mapping(node, "in_flight", "rates")
	if keys["in_flight"] != nil {
		n.Limits.InFlight = c.limit(keys["in_flight"], "in_flight")
	}
	rates := keys["rates"]
	if rates == nil {
		return
	}
	if rates.Kind != yaml.MappingNode {
		c.report(RuleYAMLType, c.at(rates), "write methods, each with its calls in a second", "rates is not a mapping")
		return
	}
	n.Limits.Rates = map[string]int{}
	places := map[string]Source{}
	for i := 0; i < len(rates.Content); i += 2 {
		method := rates.Content[i].Value
		if _, twice := places[method]; twice {
			c.report(RuleYAMLKey, c.at(rates.Content[i]), "remove one", "key %s is written twice", method)
			continue
		}
		places[method] = c.at(rates.Content[i])
		n.Limits.Rates[method] = c.limit(rates.Content[i+1], method)
	}
	c.places.rates[n] = places
}

func (c *configReader) limit(node *yaml.Node, what string) int {
	text, ok := c.scalar(node, what)
	n, err := strconv.Atoi(text)
	if ok && (err != nil || n < 1 || n > maxLimit) {
		c.report(RuleNamespaceLimits, c.at(node), fmt.Sprintf("write a number from 1 to %d", maxLimit), "%s is %q", what, text)
	}
	return n
}

// memorySize is how an amount of memory is written.
var memorySize = regexp.MustCompile(`^([1-9][0-9]{0,6})(MiB|GiB)$`)

// memory reads what connections and calls may hold, in bytes.
func (c *configReader) memory(node *yaml.Node) int64 {
	text, ok := c.scalar(node, "memory")
	if !ok {
		return 0
	}
	var size int64
	if m := memorySize.FindStringSubmatch(text); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		size = n << map[string]int{"MiB": 20, "GiB": 30}[m[2]]
	}
	if size < minMemory || size > maxMemory {
		c.report(RuleDeploymentMemory, c.at(node), "write a size such as 256MiB", "memory is %q", text)
		return 0
	}
	return size
}

// checkRates refuses limits of methods that the namespace does not have.
func (r *reader) checkRates(n *Namespace) {
	var known []string
	for _, e := range n.Entities {
		for _, m := range e.Service.Methods {
			known = append(known, m.Name)
		}
	}
	for method, at := range r.places.rates[n] {
		if slices.Contains(known, method) || HasError(r.faults) {
			continue
		}
		fix := "write a method of the namespace's services"
		if near := Nearest(method, known); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.report(RuleNamespaceLimits, at, fix, "namespace %q has no method %s", n.Name, method)
	}
}

// An inline secret is looked for in what a value holds beside its references.
var (
	reference  = regexp.MustCompile(`\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}`)
	userinfo   = regexp.MustCompile(`(^|://)[^/?#@\s:]*:[^@/?#\s]+@`)
	assignment = regexp.MustCompile(`(?i)(password|passwd|pwd|token|secret|api_?key)\s*=\s*[^\s&'"]`)
	secretKey  = regexp.MustCompile(`(?i)(password|passwd|pwd|token|secret|api_?key)$`)
)
