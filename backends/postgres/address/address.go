// Package address checks connection strings of Postgres, for the compiler and
// the proxy alike. It links no driver and contacts nothing.
package address

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// words are the parameters that a connection string may have, with their legal
// values; nil: any. The driver reads those of libpq and some of its own
// (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS),
// and sends the rest to the server, which refuses connections for a setting
// that it does not have.
var words = map[string][]string{
	"host": nil, "port": nil, "dbname": nil, "database": nil, "user": nil, "password": nil, "passfile": nil, "connect_timeout": nil,
	"service": nil, "servicefile": nil, "krbspn": nil, "krbsrvname": nil, "require_auth": nil,
	"sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"ssl":     {"true"}, "sslcert": nil, "sslkey": nil, "sslrootcert": nil, "sslpassword": nil, "sslsni": {"0", "1"},
	"sslcertmode": {"disable", "allow", "require"}, "sslnegotiation": {"postgres", "direct"},
	"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	"channel_binding":      {"disable", "prefer", "require"},
	"min_protocol_version": {"3.0", "3.2", "latest"}, "max_protocol_version": {"3.0", "3.2", "latest"},

	"pool_max_conns": nil, "pool_min_conns": nil, "pool_min_idle_conns": nil, "pool_max_conn_lifetime": nil, "pool_max_conn_lifetime_jitter": nil,
	"pool_max_conn_idle_time": nil, "pool_health_check_period": nil, "pool_ping_timeout": nil,
	"default_query_exec_mode": nil, "statement_cache_capacity": nil, "description_cache_capacity": nil,

	"application_name": nil, "client_encoding": nil, "options": nil, "role": nil, "search_path": nil, "timezone": nil, "default_tablespace": nil,
	"statement_timeout": nil, "lock_timeout": nil, "idle_in_transaction_session_timeout": nil, "idle_session_timeout": nil,
}

const (
	form     = "write postgres://user:password@host:port/database, or a reference such as ${env:DATABASE_URL}"
	encoding = "percent-encode user and password (% is %25, & is %26, / is %2F, : is %3A, ? is %3F, @ is %40)"
	maxPort  = 65535
)

// parameter is a word of a connection string and its value.
type parameter struct{ name, value string }

// Check returns what is wrong with a connection string, a URL or libpq's
// keyword/value pairs, and what to write instead; "" if nothing is. Neither
// contains a value, nor a name that may be a part of a password.
func Check(text string) (what, fix string) {
	all, what, fix := parse(text)
	for i, p := range all {
		if what != "" {
			break
		}
		what, fix = p.check(i > 0 && strings.HasSuffix(all[i-1].name, "password"))
	}
	return what, fix
}

// SSLMode returns the sslmode that a connection string asks for; "": none.
func SSLMode(text string) (mode string) {
	all, _, _ := parse(text)
	for _, p := range all {
		switch {
		case p.name == "sslmode":
			mode = p.value
		case p.name == "ssl" && p.value == "true":
			mode = "require"
		}
	}
	return mode
}

// parse returns the parameters, or what is wrong with the text's form.
func parse(text string) (all []parameter, what, fix string) {
	scheme, rest, isURL := strings.Cut(text, "://")
	switch {
	case scheme == "postgres" && isURL, scheme == "postgresql" && isURL:
		return ofURL(rest)
	case isURL && !strings.ContainsAny(scheme, "= '"):
		return nil, "has a scheme that is not Postgres's", form
	case !strings.Contains(text, "="):
		return nil, "is no connection string", form
	}
	return ofWords(text)
}

// ofURL reads what stands behind the scheme.
func ofURL(rest string) (all []parameter, what, fix string) {
	authority, query := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
		query, _, _ = strings.Cut(rest[i:], "#")
		_, query, _ = strings.Cut(query, "?")
	}
	hosts := authority[strings.LastIndex(authority, "@")+1:]
	for host := range strings.SplitSeq(hosts, ",") {
		if i := strings.LastIndex(host, ":"); i > strings.LastIndex(host, "]") {
			all = append(all, parameter{"port", host[i+1:]})
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, wrong := url.QueryUnescape(name)
		value, wrong2 := url.QueryUnescape(value)
		if wrong != nil || wrong2 != nil {
			return nil, "has a % without two hexadecimal digits behind it", encoding
		}
		if pair != "" {
			all = append(all, parameter{name, value})
		}
	}
	return all, "", ""
}

// ofWords reads keyword/value pairs: host=db password='a b'.
func ofWords(text string) (all []parameter, what, fix string) {
	const space = " \t\n\r\v\f"
	for text = strings.Trim(text, space); text != ""; text = strings.TrimLeft(text, space) {
		name, rest, found := strings.Cut(text, "=")
		name, rest = strings.TrimSpace(name), strings.TrimLeft(rest, space)
		if !found || name == "" || strings.ContainsAny(name, space) {
			return nil, "has a word that is not followed by = and a value", "write name='…' around a value with spaces, with \\ before ' and \\"
		}
		end, quoted := space, strings.HasPrefix(rest, "'")
		if quoted {
			end, rest = "'", rest[1:]
		}
		var value strings.Builder
		i := 0
		for ; i < len(rest) && !strings.ContainsRune(end, rune(rest[i])); i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			value.WriteByte(rest[i])
		}
		if quoted && i == len(rest) {
			return nil, "has a ' that is not closed", "write name='…', with \\ before ' and \\"
		}
		if text = rest[i:]; quoted {
			text = text[1:]
		}
		all = append(all, parameter{name, value.String()})
	}
	return all, "", ""
}

// check returns what is wrong with p. behindPassword says that it stands
// directly behind a password, of which it may be a part.
func (p parameter) check(behindPassword bool) (what, fix string) {
	values, known := words[p.name]
	switch {
	case known && values != nil && !slices.Contains(values, p.value):
		return "has a value of " + p.name + " that there is not", "write " + p.name + "= and one of " + strings.Join(values, ", ")
	case p.name == "port" && !ports(p.value):
		return "has a port that is no number from 1 to " + strconv.Itoa(maxPort), "write host:port, such as 127.0.0.1:5432, and " + encoding
	case p.name == "connect_timeout" && !number(p.value, 0, 1<<31-1):
		return "has a connect_timeout that is no number of seconds", "write connect_timeout=5"
	case known || strings.Contains(p.name, "."): // a setting of an extension
		return "", ""
	case behindPassword:
		return "has something behind the password that is no parameter", encoding + ", or quote it among words: password='…'"
	}
	fix = "remove it, or write options=-c%20name=value if it is a setting of the server"
	if like := similar(p.name); like != "" {
		fix = "write " + like + ", or options=-c%20name=value for a setting of the server"
	}
	return "has the parameter " + strconv.Quote(p.name) + ", which does not exist", fix
}

// ports reports whether text is a port, or one for each host. An empty one is
// the default.
func ports(text string) bool {
	for one := range strings.SplitSeq(text, ",") {
		if one != "" && !number(one, 1, maxPort) {
			return false
		}
	}
	return true
}

func number(text string, least, most int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= most
}

// similar returns the known words that begin as name does, the longest ones
// in common.
func similar(name string) string {
	for n := len(name); n >= 3; n-- {
		var all []string
		for word := range words {
			if strings.HasPrefix(word, strings.ToLower(name[:n])) {
				all = append(all, word)
			}
		}
		if all != nil {
			slices.Sort(all)
			return strings.Join(all, ", ")
		}
	}
	return ""
}
