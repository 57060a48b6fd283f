package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator/schema"
)

func newBackends() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "backends",
		Short: "List the stores, what they promise and their settings",
		Long: `Backends lists the stores that prism.yaml may name: how durable an acknowledged
write is, the settings that a namespace may have under config, and what each can
do for an entity of each abstraction.`,
		Example: `  prism backends
  prism backends -o json | jq -r '.[].name'`,
		Args: cobra.NoArgs,
	}
	outputFlag(cmd, &output, "text", "json")
	cmd.RunE = run(func(cmd *cobra.Command, _ []string) error {
		if output == "json" {
			return encode(cmd.OutOrStdout(), allBackends())
		}
		return printBackends(cmd.OutOrStdout(), allBackends())
	})
	return cmd
}

// outputFlag gives a command the flag -o, which accepts the formats, by default the
// first.
func outputFlag(cmd *cobra.Command, output *string, formats ...string) {
	last := len(formats) - 1
	all := strings.Join(formats[:last], ", ") + " or " + formats[last]
	cmd.Flags().StringVarP(output, "output", "o", formats[0], all)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(formats, *output) {
			return fmt.Errorf("--output is %q; write %s", *output, all)
		}
		return nil
	}
	// It fails only if the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func encode(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// backendInfo is one element of the output of backends -o json.
type backendInfo struct {
	Name string `json:"name"`
	// Offers are what the backend does for entities, by abstraction.
	Offers     map[string]offer `json:"abstractions"`
	Columns    bool             `json:"columns"`    // marked fields get columns
	Durability []promise        `json:"durability"` // of an acknowledged write, the default first
	Config     []setting        `json:"config"`
}

// offer is what a backend does for the entities of an abstraction, beyond its core.
type offer struct {
	Serves []string          `json:"serves"`
	Lacks  map[string]string `json:"lacks"` // with the reason
}

// describeOffers leaves out the abstractions that the backend does not serve.
func describeOffers(b schema.Store) map[string]offer {
	offers := map[string]offer{}
	for _, abstraction := range schema.Abstractions() {
		o := abstraction.Offer(b)
		if o == nil {
			continue
		}
		all := offer{Serves: []string{}, Lacks: map[string]string{}}
		for _, a := range abstraction.Abilities {
			if o.Can&a != 0 {
				all.Serves = append(all.Serves, a.String())
			} else {
				all.Lacks[a.String()] = o.Lacks[a]
			}
		}
		offers[abstraction.Name] = all
	}
	return offers
}

// promise is a durability class with the setting that gives it.
type promise struct {
	Class string            `json:"class"`
	With  map[string]string `json:"with"` // {}: the defaults
}

type setting struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"` // enum, number or text
	Values    []string `json:"values,omitempty"`
	Min       int      `json:"min,omitempty"` // of a number
	Max       int      `json:"max,omitempty"`
	Default   string   `json:"default,omitempty"`
	Required  bool     `json:"required"`
	InsteadOf string   `json:"instead_of,omitempty"` // the setting that it replaces, together with others
	Reference bool     `json:"reference"`            // may contain ${env:NAME} and ${file:path}
	Doc       string   `json:"doc"`
}

func allBackends() []backendInfo {
	var all []backendInfo
	for _, b := range backends.All() {
		all = append(all, describe(b.Store))
	}
	slices.SortFunc(all, func(a, b backendInfo) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// describe returns what the backend promises by default, and with each value of
// a setting that changes its promise.
func describe(b schema.Store) backendInfo {
	defaults := map[string]string{}
	for _, key := range b.Config {
		defaults[key.Name] = key.Default
	}
	info := backendInfo{Name: b.Name, Offers: describeOffers(b), Columns: b.Columns, Config: []setting{}}
	usual := b.Durability(defaults)
	info.Durability = []promise{{Class: usual.String(), With: map[string]string{}}}
	for _, key := range b.Config {
		s := setting{
			Name: key.Name, Type: "text", Values: key.Values, Default: key.Default,
			Required: key.Required, InsteadOf: key.InsteadOf, Reference: key.Reference, Doc: key.Doc,
		}
		switch {
		case key.Values != nil:
			s.Type = "enum"
		case key.Max > 0:
			s.Type, s.Min, s.Max = "number", key.Min, key.Max
		}
		info.Config = append(info.Config, s)
		for _, value := range key.Values {
			with := maps.Clone(defaults)
			with[key.Name] = value
			if class := b.Durability(with); class != usual {
				info.Durability = append(info.Durability, promise{class.String(), map[string]string{key.Name: value}})
			}
		}
	}
	return info
}

// String returns the class and its setting in words.
func (p promise) String() string {
	text := p.Class
	for _, key := range slices.Sorted(maps.Keys(p.With)) {
		text += fmt.Sprintf(" with %s: %s", key, p.With[key])
	}
	return text
}

// String returns the legal values in words.
func (s setting) String() string {
	text := "text"
	switch s.Type {
	case "enum":
		text = strings.Join(s.Values, " or ")
	case "number":
		text = fmt.Sprintf("%d to %d", s.Min, s.Max)
	}
	if s.Reference {
		text += ", with references"
	}
	if s.InsteadOf != "" {
		text += "; instead of " + s.InsteadOf
	}
	if s.Required {
		return text + "; required"
	}
	if s.Default != "" {
		return text + "; unset: " + s.Default
	}
	return text
}

func printBackends(out io.Writer, all []backendInfo) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, b := range all {
		var promises []string
		for _, p := range b.Durability {
			promises = append(promises, p.String())
		}
		fmt.Fprintf(t, "%s\t%s\n", b.Name, strings.Join(promises, "; "))
		for _, s := range b.Config {
			fmt.Fprintf(t, "  %s\t%s\n", s.Name, s)
		}
	}
	for _, a := range schema.Abstractions() {
		fmt.Fprintf(t, "\n%s", a.Name)
		for _, b := range all {
			fmt.Fprintf(t, "\t%s", b.Name)
		}
		fmt.Fprintln(t)
		for _, row := range compare(a, all) {
			fmt.Fprintf(t, "  %s\n", strings.Join(row, "\t"))
		}
	}
	return t.Flush()
}

// compare returns a row for each ability that an entity of the abstraction may
// need: its name and, for each backend, whether it has it or why not.
func compare(abstraction *schema.Abstraction, all []backendInfo) [][]string {
	var rows [][]string
	for _, a := range abstraction.Abilities {
		row := []string{a.String()}
		for _, b := range all {
			offer, serves := b.Offers[abstraction.Name]
			cell := "yes"
			if why, lacks := offer.Lacks[a.String()]; lacks {
				cell = "no: " + why
			} else if !serves {
				cell = "no: it does not serve " + abstraction.Name
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}
