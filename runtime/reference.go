package runtime

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// reference is ${env:NAME}, ${env:NAME:-default} or ${file:path}.
var reference = regexp.MustCompile(`\$\{(env|file):([^}]*)\}`)

// Resolve replaces each ${env:NAME} and ${file:path} in a setting by the
// variable's value or the file's text without its last line break, and
// ${env:NAME:-text} by text if the variable is not set. An error names the
// setting and every reference that cannot be resolved, never a value.
func (e *Env) Resolve(setting, value string) (string, error) {
	return e.replace(setting, value, func(_ int, found string) (string, error) { return found, nil })
}

// ResolveURL is Resolve for a setting that is a URL, several URLs separated by
// commas, or libpq's keyword/value pairs (host=db password=…). What a reference
// resolves to is taken literally: it is percent-encoded in a URL and quoted in
// a keyword/value pair; in the place of a host it must look like one. A setting
// that is a single reference is taken as it is, but refused if a URL in it has
// an @ or # after its host, where part of the password would be read as the
// host.
func (e *Env) ResolveURL(setting, value string) (string, error) {
	resolved, err := e.replace(setting, value, func(at int, found string) (string, error) {
		return inURL(value, at, found)
	})
	if err == nil && reference.ReplaceAllString(value, "") == "" && misplacedAt(resolved) {
		err = fmt.Errorf("%s: what %s leads to has an @ or a # after its host; percent-encode user and password (@ is %%40, # is %%23, / is %%2F, ? is %%3F)", setting, value)
	}
	if err != nil {
		return "", err
	}
	return resolved, nil
}

// replace replaces each reference in value by the result of put, which gets the
// reference's position and what it resolves to.
func (e *Env) replace(setting, value string, put func(at int, found string) (string, error)) (string, error) {
	var out strings.Builder
	var faults []error
	end := 0
	for _, m := range reference.FindAllStringSubmatchIndex(value, -1) {
		found, err := e.lookUp(value[m[2]:m[3]], value[m[4]:m[5]])
		if err == nil {
			found, err = put(m[0], found)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w; prism.yaml refers to it as %s", setting, err, value[m[0]:m[1]]))
		}
		out.WriteString(value[end:m[0]] + found)
		end = m[1]
	}
	if faults != nil {
		return "", errors.Join(faults...)
	}
	return out.String() + value[end:], nil
}

func (e *Env) lookUp(kind, name string) (string, error) {
	if kind == "file" {
		text, err := os.ReadFile(name)
		return strings.TrimRight(string(text), "\r\n"), err
	}
	name, otherwise, _ := strings.Cut(name, ":-")
	if v := e.Getenv(name); v != "" {
		return v, nil
	}
	if otherwise != "" {
		return otherwise, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set; set it", name)
}

// hostShape is what a reference to hosts and ports may resolve to.
var hostShape = regexp.MustCompile(`^[A-Za-z0-9._:\[\],-]+$`)

// inURL returns found encoded for position at of a URL, where a reference is.
func inURL(value string, at int, found string) (string, error) {
	ref := reference.FindString(value[at:])
	before, behind := mask(value[:at]), mask(value[at+len(ref):])
	if before == "" && behind == "" {
		return found, nil
	}
	scheme := strings.LastIndex(before, "://")
	if scheme < 0 {
		return inWords(before, behind, found)
	}
	_, path := cutHost(before[scheme+len("://"):])
	user, _ := cutHost(behind)
	if path == "" && !strings.Contains(user, "@") && !hostShape.MatchString(found) {
		return "", errors.New("what stands in the place of a host is not one")
	}
	if path == "" && !strings.Contains(user, "@") {
		return found, nil
	}
	return strings.ReplaceAll(url.QueryEscape(found), "+", "%20"), nil
}

// inWords returns found quoted for its place among words of the form
// name=value.
func inWords(before, behind, found string) (string, error) {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(found)
	switch {
	case strings.Count(before, "'")%2 == 1:
		return quoted, nil
	case strings.HasSuffix(before, "=") && (behind == "" || behind[0] == ' '):
		return "'" + quoted + "'", nil
	}
	return "", errors.New("the reference stands neither in a URL nor alone as the value of a word; write scheme://…, or name='…'")
}

// mask blanks the references in a text, since their characters are not the
// URL's.
func mask(text string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string { return strings.Repeat("x", len(ref)) })
}

// cutHost splits a URL without its scheme before the path.
func cutHost(text string) (host, behind string) {
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// misplacedAt reports whether a URL in text has an @ or # after its host, as
// with a slash in a password that is not encoded.
func misplacedAt(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "://")
		if !found {
			return false
		}
		one, _, _ := strings.Cut(rest, "://")
		if _, behind := cutHost(one); strings.ContainsAny(behind, "@#") {
			return true
		}
		text = rest
	}
}

// Number is an integer that differs between environments.
type Number struct {
	Reference string // ${env:POOL:-16}; "": there is none
	Min, Max  int
}

// Resolve returns the number that the reference resolves to, or otherwise if
// there is no reference. An error names the setting, never what was found.
func (n Number) Resolve(e *Env, setting string, otherwise int) (int, error) {
	if n.Reference == "" {
		return otherwise, nil
	}
	text, err := e.Resolve(setting, n.Reference)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < n.Min || number > n.Max {
		return 0, fmt.Errorf("%s: %s does not lead to a number that is allowed; write a whole number from %d to %d", setting, n.Reference, n.Min, n.Max)
	}
	return number, nil
}
