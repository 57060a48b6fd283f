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
		written = c.keys(node, names, func(key *yaml.Node) {
			fix := oneOf(key.Value, names)
			if len(names) == 0 {
				fix = "remove it: " + b.Name + " has no settings"
			}
			c.report(RuleBackendSetting, c.at(key), fix, "backend %s has no setting %q", b.Name, key.Value)
		})
	}
	config := map[string]string{}
	for _, key := range b.Config {
		value, other := written[key.Name], instead(b, key, written)
		switch {
		case value != nil && other != "":
			if key.InsteadOf == "" {
				c.report(RuleBackendSetting, c.at(value), "write one of them", "backend %s has %s and %s", b.Name, key.Name, other)
			}
		case value != nil:
			config[key.Name] = c.setting(value, b, key)
		case key.Required && other == "" && (key.InsteadOf == "" || instead(b, ConfigKey{Name: key.InsteadOf}, written) != ""):
			c.report(RuleBackendSetting, c.at(parent), "write config: {"+key.Name+": …}", "backend %s needs the setting %s", b.Name, key.Name)
		case key.Default != "":
			config[key.Name] = key.Default
		}
	}
	if HasError(c.faults[before:]) {
		return nil
	}
	for _, key := range b.Config {
		value, set := config[key.Name]
		if key.Check == nil || !set || reference.MatchString(value) {
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
	if HasError(c.faults[before:]) {
		return nil
	}
	return config
}

// instead returns what is written in the place of a setting, "" if nothing is.
func instead(b Store, key ConfigKey, written map[string]*yaml.Node) string {
	if written[key.InsteadOf] != nil {
		return key.InsteadOf
	}
	for _, other := range b.Config {
		if other.InsteadOf == key.Name && written[other.Name] != nil {
			return other.Name
		}
	}
	return ""
}

func (c *configReader) setting(node *yaml.Node, b Store, key ConfigKey) string {
	value, ok := c.scalar(node, key.Name)
	if !ok {
		return ""
	}
	if key.Max > 0 {
		return c.numberSetting(node, b, key, value)
	}
	bare := reference.ReplaceAllString(value, "$3")
	switch {
	case !key.Reference && strings.Contains(value, "${"):
		fix := "write the value itself"
		if key.Values != nil {
			fix = "write one of " + strings.Join(key.Values, ", ")
		}
		c.report(RuleBackendSetting, c.at(node), fix, "%s of backend %s cannot be a reference", key.Name, b.Name)
	case key.Values != nil && !slices.Contains(key.Values, value):
		c.report(RuleBackendSetting, c.at(node), "write one of "+strings.Join(key.Values, ", "), "%s of backend %s is %q", key.Name, b.Name, value)
	case strings.Contains(bare, "${"):
		c.report(RuleBackendSetting, c.at(node), "write ${env:NAME}, ${env:NAME:-default} or ${file:path}", "a reference in %s of backend %s is malformed", key.Name, b.Name)
		bare = malformed.ReplaceAllString(bare, "") // which is no password
	case !reference.MatchString(value):
	case key.URL && !placed(value):
		c.report(RuleBackendSetting, c.at(node), "write scheme://…, name='…', or one reference to the whole", "a reference in %s of backend %s stands neither in a URL nor alone as a value", key.Name, b.Name)
	}
	if key.Reference && shellReference.MatchString(bare) {
		c.report(RuleSettingShell, c.at(node), "write ${env:NAME}, or %24 for a $ that is meant", "%s of backend %s has a $ before a name", key.Name, b.Name)
	}
	if userinfo.MatchString(bare) || assignment.MatchString(bare) || secretKey.MatchString(key.Name) && bare != "" {
		c.report(RuleSecretInline, c.at(node), "write ${env:NAME} or ${file:path} instead", "%s of backend %s holds a password", key.Name, b.Name)
	}
	return value
}

// placed reports whether what each reference in value leads to can be told from
// the text around it, where that has a form: in a URL, as the value of a word of
// libpq's, or without text around it.
func placed(value string) bool {
	if reference.ReplaceAllString(value, "") == "" {
		return reference.FindString(value) == value
	}
	for _, m := range reference.FindAllStringIndex(value, -1) {
		before, behind := value[:m[0]], value[m[1]:]
		word := strings.HasSuffix(before, "=") && (behind == "" || behind[0] == ' ')
		if !strings.Contains(before, "://") && !word && strings.Count(before, "'")%2 == 0 {
			return false
		}
	}
	return true
}

// numberSetting reads a setting that is a whole number.
func (c *configReader) numberSetting(node *yaml.Node, b Store, key ConfigKey, value string) string {
	what := fmt.Sprintf("%s of backend %s", key.Name, b.Name)
	c.number(node, RuleBackendSetting, what, value, key.Min, key.Max, key.Reference)
	return value
}

// number reads a whole number, which may be a reference with a default where
// references are allowed.
func (c *configReader) number(node *yaml.Node, rule int, what, text string, least, most int, mayRefer bool) Number {
	n := Number{Min: least, Max: most}
	fix := fmt.Sprintf("write a whole number from %d to %d", least, most)
	digits := text
	if mayRefer && strings.Contains(reference.ReplaceAllString(text, ""), "${") {
		c.report(rule, c.at(node), "write ${env:NAME:-…}, with the number that holds where the variable is not set", "%s is a malformed reference", what)
		return n
	}
	if m := reference.FindStringSubmatch(text); mayRefer && m != nil && m[0] == text {
		n.Reference, digits = text, m[3]
		if digits == "" {
			c.report(rule, c.at(node), "write ${env:NAME:-…}, with the number that holds where the variable is not set", "%s is a reference without a default, which must be a whole number from %d to %d", what, least, most)
			return n
		}
	}
	var err error
	if n.Value, err = strconv.Atoi(digits); err != nil || n.Value < least || n.Value > most {
		c.report(rule, c.at(node), fix, "%s is %q", what, digits)
	}
	return n
}

// Number returns the whole number in a setting of the backend's, which has been
// checked; its Value is 0 where the setting is not written.
func (n *Namespace) Number(setting string, least, most int) Number {
	number, text := Number{Min: least, Max: most}, n.Config[setting]
	if m := reference.FindStringSubmatch(text); m != nil {
		number.Reference, text = text, m[3]
	}
	number.Value, _ = strconv.Atoi(text)
	return number
}

// Formula says where the number comes from: what, and its reference.
func (n Number) Formula(what string) string {
	if n.Reference == "" {
		return what
	}
	return what + ", " + n.Reference
}

// maxLimit is the most that a limit can be set to: far beyond what one process
// serves.
const maxLimit = 1_000_000

// limits reads what takes the place of the limits that capacity gives. That the
// methods exist is checked when the entities are known.
func (c *configReader) limits(n *Namespace, node *yaml.Node) {
	keys := c.mapping(node, limitKeys)
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
	n.Limits.Rates = map[string]Number{}
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

func (c *configReader) limit(node *yaml.Node, what string) Number {
	text, ok := c.scalar(node, what)
	if !ok {
		return Number{}
	}
	return c.number(node, RuleNamespaceLimits, what, text, 1, maxLimit, true)
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
		if slices.Contains(known, method) || len(known) == 0 || HasError(r.faults) {
			continue
		}
		fix := "write a method of the namespace's services"
		if near := Nearest(method, known); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.report(RuleNamespaceLimits, at, fix, "namespace %q has no method %s", n.Name, method)
	}
}

// An inline secret is looked for in what a value holds beside its references, and
// in their defaults, which the last group of reference has. malformed is what
// begins as a reference and is none, to its end or that of the text. shellReference
// is how a shell would write one.
var (
	reference      = regexp.MustCompile(`\$\{(env:[A-Za-z_][A-Za-z0-9_]*(:-([^${}]+))?|file:[^}]+)\}`)
	malformed      = regexp.MustCompile(`\$\{[^}]*(\}|$)`)
	shellReference = regexp.MustCompile(`\$\(?[A-Za-z_][A-Za-z0-9_]*`)
	userinfo       = regexp.MustCompile(`(^|://)[^/?#@\s:]*:[^@/?#\s]+@`)
	assignment     = regexp.MustCompile(`(?i)(password|passwd|pwd|token|secret|api_?key)\s*=\s*[^\s&'"]`)
	secretKey      = regexp.MustCompile(`(?i)(password|passwd|pwd|token|secret|api_?key)$`)
)
