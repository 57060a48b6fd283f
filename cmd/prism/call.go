package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/prism-proxy/prism/generator/schema"
)

func newCall() *cobra.Command {
	var address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call [method [json]]",
		Short: "Call a method of a running proxy, or list them",
		Long: `Call sends one request, written as protobuf JSON, and prints the answer as JSON.
The proxy itself says what its methods are, by reflection; without a method,
call lists them. A method is named as far as needed to tell it from others:
PutOrder, OrderService/PutOrder or shop.v1.OrderService/PutOrder. The request
is empty when there is none, and read from standard input when it is -.

The address is that of --address, or else of PRISM_ADDRESS, or else what the
prism.yaml in this folder, or the only one of the module, says under listen.`,
		Example: `  prism call
  prism call GetUserProfile '{"key": {"user_id": "ada"}}'
  prism call --address 127.0.0.1:9000 PutOrder - < order.json`,
		Args: cobra.MaximumNArgs(2),
	}
	cmd.Flags().StringVar(&address, "address", "", "host:port of the proxy")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the answer")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if fromEnvironment(cmd) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return completeMethods(cmd.Context(), address), cobra.ShellCompDirectiveNoFileComp
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
		err := answer(ctx, address, args, request, &out)
		done()
		if err != nil {
			return err
		}
		_, err = out.WriteTo(cmd.OutOrStdout())
		return err
	})
	return cmd
}

// answer writes the methods of the proxy, or the answer of the one in args.
func answer(ctx context.Context, address string, args []string, request string, out io.Writer) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	if len(args) == 0 {
		return c.list(out)
	}
	return c.call(ctx, args[0], request, out)
}

// caller calls a proxy by the descriptors that the proxy gave.
type caller struct {
	conn    *grpc.ClientConn
	types   *dynamicpb.Types
	methods []protoreflect.MethodDescriptor // by full name
}

// dial connects to the proxy at the address, or at the default one if it is
// empty, and asks it for its methods.
func dial(ctx context.Context, address string) (*caller, error) {
	if address == "" {
		address = listenAddress()
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn}
	if err := c.reflect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not say what it serves: %s; start a proxy there, or name another with --address",
			address, status.Convert(err).Message()), conn.Close())
	}
	return c, nil
}

// listenAddress is where the deployment of this folder listens, or the default
// where there is none, or several.
func listenAddress() string {
	deployments, err := find(nil)
	if err != nil || len(deployments) != 1 {
		return schema.DefaultListen
	}
	text, err := os.ReadFile(deployments[0].file())
	if err != nil {
		return schema.DefaultListen
	}
	return schema.Listen(text)
}

// list prints the methods by service, with the fields of their requests.
func (c *caller) list(out io.Writer) error {
	service := ""
	for _, m := range c.methods {
		if s := string(m.Parent().FullName()); s != service {
			fmt.Fprintln(out, s)
			service = s
		}
		var fields []string
		for i := range m.Input().Fields().Len() {
			fields = append(fields, string(m.Input().Fields().Get(i).Name()))
		}
		if _, err := fmt.Fprintf(out, "  %s(%s)\n", m.Name(), strings.Join(fields, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func (c *caller) call(ctx context.Context, name, request string, out io.Writer) error {
	m, err := c.find(name)
	if err != nil {
		return err
	}
	in, answer := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if err := (protojson.UnmarshalOptions{Resolver: c.types}).Unmarshal([]byte(request), in); err != nil {
		return fmt.Errorf("the request is no %s: %w", m.Input().FullName(), err)
	}
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if err := c.conn.Invoke(ctx, method, in, answer); err != nil {
		return errors.New(failureText(err))
	}
	text, err := protojson.MarshalOptions{Resolver: c.types}.Marshal(answer)
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

// compact takes out the white space, which protojson varies on purpose.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// failureText is a refusal in one line: code, reason, text and metadata.
func failureText(err error) string {
	s := status.Convert(err)
	text := s.Code().String()
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			text += " " + info.GetReason()
			for _, key := range slices.Sorted(maps.Keys(info.GetMetadata())) {
				text += fmt.Sprintf(" %s=%s", key, info.GetMetadata()[key])
			}
		}
	}
	return text + ": " + s.Message()
}

// find returns the method whose full name ends with name.
func (c *caller) find(name string) (protoreflect.MethodDescriptor, error) {
	full := strings.ReplaceAll(strings.TrimPrefix(name, "/"), "/", ".")
	var found []protoreflect.MethodDescriptor
	for _, m := range c.methods {
		if strings.HasSuffix("."+string(m.FullName()), "."+full) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("no method is named %s; prism call lists them", name)
	}
	return nil, fmt.Errorf("%s is a method of %s and of %s; write the service before it, as in %s/%s",
		name, found[0].Parent().FullName(), found[1].Parent().FullName(), found[0].Parent().FullName(), found[0].Name())
}

// completeMethods returns the methods of a proxy that answers at once.
func completeMethods(ctx context.Context, address string) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := dial(ctx, address)
	if err != nil {
		return nil
	}
	defer c.conn.Close()
	var names []string
	for _, m := range c.methods {
		names = append(names, string(m.Name()))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
