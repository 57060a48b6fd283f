package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

func newCall() *cobra.Command {
	var config, address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call [method [json]]",
		Short: "Call a method of a running proxy, or list them",
		Long: `Call sends one request, written as protobuf JSON, and prints the response as JSON.
Without a method it lists the methods, which needs no running proxy. Name a
method with as much as it takes to tell it apart: PutOrder,
OrderService/PutOrder or shop.v1.OrderService/PutOrder. Without a request, an
empty one is sent; - reads the request from standard input.

The methods come from the contract that was generated last for the deployment:
the one in --config, or else in this folder, or else the only one in the module;
if --address is given, from those of all in the module. Outside a module, and in a module without deployments, call asks the proxy, which
must then serve reflection.

The address is --address, or else PRISM_ADDRESS, or else listen in prism.yaml,
whose reference is resolved here as the proxy does where it runs.`,
		Example: `  prism call
  prism call GetUserProfile '{"key": {"user_id": "ada"}}'
  prism call --config schemas/shop --address 127.0.0.1:9000 PutOrder - < order.json`,
		Args: cobra.MaximumNArgs(2),
	}
	cmd.Flags().StringVar(&config, "config", "", "prism.yaml of the deployment, or its folder")
	cmd.Flags().StringVar(&address, "address", "", "host:port or unix:/path of the proxy")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the response")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if fromEnvironment(cmd) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return completeMethods(cmd.Context(), config, address), cobra.ShellCompDirectiveNoFileComp
	}
	// It fails only if the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfigs)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if address == "" {
			return nil
		}
		return dialable("--address", address)
	}
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		request := "{}"
		if len(args) == 2 {
			request = args[1]
		}
		if request == "-" {
			text, err := io.ReadAll(cmd.InOrStdin())
			if err != nil {
				return err
			}
			request = string(text)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		done := progress(cmd, "waiting for the proxy")
		var out bytes.Buffer
		err := answer(ctx, config, address, args, request, &out)
		done()
		if err != nil {
			return err
		}
		_, err = out.WriteTo(cmd.OutOrStdout())
		return err
	})
	return cmd
}

// answer writes the methods of the contract, or the answer of the method in
// args.
func answer(ctx context.Context, config, address string, args []string, request string, out io.Writer) error {
	c, err := newCaller(ctx, config, address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	if len(args) == 0 {
		return c.list(out)
	}
	return c.call(ctx, args[0], request, out)
}

// list prints the methods by service, with their requests and the requests'
// fields.
func (c *caller) list(out io.Writer) error {
	service := ""
	for _, m := range c.methods {
		if s := string(m.Parent().FullName()); s != service {
			fmt.Fprintln(out, s)
			service = s
		}
		if _, err := fmt.Fprintf(out, "  %s(%s%s)\n", m.Name(), m.Input().Name(), shape(m.Input())); err != nil {
			return err
		}
	}
	return nil
}

// shape returns the names of a message's fields, and those of the messages that
// are declared in it.
func shape(m protoreflect.MessageDescriptor) string {
	var fields []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		name := string(f.Name())
		if f.Message() != nil && f.Message().Parent() == m {
			name += " " + shape(f.Message())
		}
		fields = append(fields, name)
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (c *caller) call(ctx context.Context, name, request string, out io.Writer) error {
	m, err := c.find(name)
	if err != nil {
		return err
	}
	in, answer := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	types := c.types[m.ParentFile()]
	if err := (protojson.UnmarshalOptions{Resolver: types}).Unmarshal([]byte(request), in); err != nil {
		return fmt.Errorf("%s; the request is a %s", requestFault(request, err), m.Input().FullName())
	}
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if err := c.conn.Invoke(ctx, method, in, answer); err != nil {
		return errors.New(c.failureText(err))
	}
	text, err := protojson.MarshalOptions{Resolver: types}.Marshal(answer)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact(text), "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, b.String())
	return err
}

// compact removes white space, which protojson varies on purpose.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// jsonPlace is how protojson says where a fault is.
var jsonPlace = regexp.MustCompile(`^(?:syntax error )?\(line (\d+:\d+)\): `)

// requestFault returns what protojson found wrong with the request, after its
// position.
func requestFault(request string, err error) string {
	// protojson varies this space so that programs do not rely on its texts.
	what := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	at := jsonPlace.FindStringSubmatch(what)
	switch {
	case strings.HasSuffix(what, io.ErrUnexpectedEOF.Error()) || strings.HasSuffix(what, "unexpected token "):
		last := request[strings.LastIndexByte(request, '\n')+1:]
		return fmt.Sprintf("request:%d:%d: it ends too early", strings.Count(request, "\n")+1, utf8.RuneCountInString(last)+1)
	case at != nil:
		return "request:" + at[1] + ": " + what[len(at[0]):]
	}
	return "request: " + what
}

// failureText returns a refusal as one line: code, reason, metadata and text.
func (c *caller) failureText(err error) string {
	s := status.Convert(err)
	text, known := s.Code().String(), false
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			known = true
			text += " " + info.GetReason()
			for _, key := range slices.Sorted(maps.Keys(info.GetMetadata())) {
				text += fmt.Sprintf(" %s=%s", key, info.GetMetadata()[key])
			}
		}
	}
	text += ": " + s.Message()
	if s.Code() == codes.Unavailable && !known { // a proxy would give its reason
		text += "; start a proxy at " + c.conn.Target() + ", or name another address with --address"
	}
	return text
}
