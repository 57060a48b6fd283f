package schema

import (
	"path"
	"sort"
	"strings"
	"unicode"
)

func sortByFullName(entities []*Entity) {
	sort.Slice(entities, func(i, j int) bool {
		return entities[i].Desc.FullName() < entities[j].Desc.FullName()
	})
}

// goName turns words parted by '-' or '_' into an exported Go name with Go's
// initialisms: user_id is UserID. What generated code itself has begins in lower
// case, so that no name of a schema meets it.
func goName(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' })
	for i, w := range words {
		if initialisms[w] {
			words[i] = strings.ToUpper(w)
		} else {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// initialisms are written in capitals, as golint has them.
var initialisms = words("api ascii cpu css dns eof guid html http https id ip json qps ram rpc sku sla smtp sql ssh tcp tls ttl udp ui uid uri url utf8 uuid vm xml")

// goKeywords cannot be identifiers.
var goKeywords = words("break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var")

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// plural returns the plural of a message's name.
func plural(name string) string {
	lower := strings.ToLower(name)
	switch {
	case hasSuffix(lower, "s", "x", "z", "ch", "sh"):
		return name + "es"
	case strings.HasSuffix(lower, "y") && len(lower) > 1 && !strings.ContainsRune("aeiou", rune(lower[len(lower)-2])):
		return name[:len(name)-1] + "ies"
	}
	return name + "s"
}

func hasSuffix(s string, suffixes ...string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return false
}

// snake turns UserProfile into user_profile, and HTTPServer into http_server.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			next := strings.TrimLeft(name[i+1:], "0123456789")
			if i > 0 && (!unicode.IsUpper(rune(name[i-1])) || next != "" && unicode.IsLower(rune(next[0]))) {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// camel turns user_id into UserId, as names of RPCs are written.
func camel(name string) string {
	var b strings.Builder
	for _, w := range strings.Split(name, "_") {
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// goPackageOf returns a folder and package name for an entity. Names that Go
// does not import or build get a suffix.
func goPackageOf(name string) string {
	pkg := strings.ToLower(name)
	if goKeywords[pkg] || goFolders[pkg] {
		pkg += "entity"
	}
	return pkg
}

// entityDir returns the folder of an entity's package below that of the proxy.
// Parts of the proto package that mean something to the go command get a suffix.
func entityDir(pkg, goPackage string) string {
	parts := strings.Split(pkg, ".")
	for i, p := range parts {
		if foreignFolder([]string{p}) != "" {
			parts[i] = p + "pkg"
		}
	}
	return path.Join(append(parts, goPackage)...)
}

// goFolders have a meaning of their own for the go command.
var goFolders = words("internal main testdata vendor")
