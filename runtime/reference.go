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
// ${env:NAME:-text} by text where the variable is not set. An error names the
// setting and every reference that leads nowhere, and never a value.
func (e *Env) Resolve(setting, value string) (string, error) {
	return e.replace(setting, value, func(_ int, found string) (string, error) { return found, nil })
}

// ResolveURL is Resolve for a setting that is a URL, or several with commas
// between them, or libpq's words (host=db password=…). What a reference leads to
// has only the meaning of its place: it is percent-encoded in a URL and quoted
// among words. In the place of a host it must be one. A value that is one
// reference is taken as it is, if an @ in it is not behind its host, where the
// password would be read as a host.
func (e *Env) ResolveURL(setting, value string) (string, error) {
	resolved, err := e.replace(setting, value, func(at int, found string) (string, error) {
		return inURL(value, at, found)
	})
	if err == nil && reference.ReplaceAllString(value, "") == "" && misplacedAt(resolved) {
		err = fmt.Errorf("%s: what %s leads to has an @ or a # behind its host; percent-encode user and password (@ is %%40, # is %%23, / is %%2F, ? is %%3F)", setting, value)
	}
	if err != nil {
		return "", err
	}
	return resolved, nil
}

// replace replaces the references of value, each by what put makes of what it
// leads to, and of where it stands.
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

// hostShape is what may come of a reference in the place of hosts and ports.
var hostShape = regexp.MustCompile(`^[A-Za-z0-9._:\[\],-]+$`)

// inURL returns found as it stands at the place at of a URL, which has a
// reference there.
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

// inWords returns found as it stands among words of the form name=value.
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

// mask blanks the references of a text, whose letters are not those of a URL.
func mask(text string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string { return strings.Repeat("x", len(ref)) })
}

// cutHost returns what stands before the path of a URL, and the rest.
func cutHost(text string) (host, behind string) {
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// misplacedAt reports whether one of the URLs in text has an @ or a # behind its
// host: a password with a slash, say, that is not encoded.
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

// Number is a whole number that differs between environments.
type Number struct {
	Reference string // ${env:POOL:-16}; "": there is none
	Min, Max  int
}

// Resolve returns the number that the reference leads to, and otherwise if there
// is no reference. An error names the setting and never what was found.
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
