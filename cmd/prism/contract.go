package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/prism-proxy/prism/generator/emit/server"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/runtime"
)

// caller calls a proxy by the descriptors of its contract.
type caller struct {
	conn    *grpc.ClientConn                                 // not connected before the first call
	types   map[protoreflect.FileDescriptor]*dynamicpb.Types // of the contract that a file is of
	methods []protoreflect.MethodDescriptor                  // each once; by full name of the service in a contract
}

// newCaller returns a caller of the deployment that config names, or of the
// default one if it is empty, at the address, or at that of prism.yaml if it is
// empty. At an address may be any deployment of the module: the caller has the
// methods of all.
//
// The descriptors are those that the deployment's proxy embeds: a schema that
// has changed since, or has faults, says nothing about the running proxy.
func newCaller(ctx context.Context, config, address string) (*caller, error) {
	deployments, err := find(preferred(config))
	var none noDeployment
	switch {
	case config == "" && errors.As(err, &none):
		return reflected(ctx, cmp.Or(address, schema.DefaultListen))
	case err != nil:
		return nil, err
	case len(deployments) > 1 && address == "":
		return nil, fmt.Errorf("the module has %d deployments; name the prism.yaml of one with --config, or the proxy with --address", len(deployments))
	}
	c := &caller{types: map[protoreflect.FileDescriptor]*dynamicpb.Types{}}
	var ungenerated error
	for _, d := range deployments {
		header, err := fs.ReadFile(os.DirFS(d.root), d.place)
		switch {
		case config == "" && errors.Is(err, fs.ErrNotExist) && len(deployments) == 1: // a Go module without prism.yaml
			return reflected(ctx, cmp.Or(address, schema.DefaultListen))
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("there is no %s; correct the path, or run prism generate", d.place)
		case err != nil:
			return nil, err
		}
		if address == "" {
			if address, err = listenOf(header); err != nil {
				return nil, fmt.Errorf("%s: %w", d.place, err)
			}
		}
		name := schema.Name(header)
		text, err := fs.ReadFile(os.DirFS(d.root), contractPath(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			ungenerated = fmt.Errorf("deployment %s is not generated: there is no %s; run prism generate", name, contractPath(name))
			continue
		case err != nil:
			return nil, err
		}
		if err := c.read(text); err != nil {
			return nil, fmt.Errorf("%s: %w", contractPath(name), err)
		}
	}
	if len(c.methods) == 0 && ungenerated != nil {
		return nil, ungenerated
	}
	c.conn, err = dial(address)
	return c, err
}

// listenOf returns the address in the text of prism.yaml, with its reference
// resolved as a proxy does that is started in this environment.
func listenOf(config []byte) (string, error) {
	address, err := (&runtime.Env{Getenv: os.Getenv}).Resolve("listen", schema.Listen(config))
	if err != nil {
		return "", err
	}
	return address, dialable("listen", address)
}

// dialable says what is wrong with an address: grpc would take another port than
// the one that is meant.
func dialable(setting, address string) error {
	if strings.HasPrefix(address, "unix:") || strings.Contains(address, "://") {
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err == nil && port != "" {
		return nil
	}
	host := strings.Trim(strings.TrimSuffix(address, ":"), "[]")
	_, port, _ := net.SplitHostPort(schema.DefaultListen)
	return fmt.Errorf("%s is %s, without a port; write %s, or the port at which the proxy listens", setting, address, net.JoinHostPort(host, port))
}

// contractPath returns where the descriptors of a deployment's contract are,
// relative to the module's root.
func contractPath(name string) string {
	return path.Join(server.Dir(&schema.Deployment{Name: name}), "server", "contract.txt")
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// reflected returns a caller of the proxy at the address, with the contract
// from reflection.
func reflected(ctx context.Context, address string) (*caller, error) {
	conn, err := dial(address)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, types: map[protoreflect.FileDescriptor]*dynamicpb.Types{}}
	if err := c.reflect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not say what it serves: %s; start a proxy there, name another with --address, or a deployment with --config",
			address, status.Convert(err).Message()), c.conn.Close())
	}
	return c, nil
}

// read adds the methods and types of a contract, given as the proxy embeds
// it.
func (c *caller) read(text []byte) error {
	set, err := runtime.Descriptors(text)
	if err != nil {
		return err
	}
	var services []protoreflect.FullName
	for _, f := range set.GetFile() {
		for _, s := range f.GetService() {
			if strings.HasSuffix(f.GetName(), "_prism.proto") { // the schema's own services are not served
				services = append(services, protoreflect.FullName(f.GetPackage()).Append(protoreflect.Name(s.GetName())))
			}
		}
	}
	return c.link(set, services)
}

// link adds the methods of the services, and the types of the files.
func (c *caller) link(set *descriptorpb.FileDescriptorSet, services []protoreflect.FullName) error {
	linked, err := protodesc.NewFiles(set)
	if err != nil {
		return err
	}
	types := dynamicpb.NewTypes(linked)
	slices.Sort(services)
	for _, name := range services {
		d, err := linked.FindDescriptorByName(name)
		if err != nil {
			return err
		}
		service, ok := d.(protoreflect.ServiceDescriptor)
		if !ok {
			return fmt.Errorf("%s is not a service", name)
		}
		if slices.ContainsFunc(c.methods, func(m protoreflect.MethodDescriptor) bool { return m.Parent().FullName() == name }) {
			continue // another deployment serves the same
		}
		c.types[service.ParentFile()] = types
		for i := range service.Methods().Len() {
			c.methods = append(c.methods, service.Methods().Get(i))
		}
	}
	return nil
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
		if near := c.near(full); near != "" {
			return nil, fmt.Errorf("no method is named %s; did you mean %s?", name, near)
		}
		return nil, fmt.Errorf("no method is named %s; prism call lists them", name)
	}
	return nil, fmt.Errorf("%s is a method of %s and of %s; write the service before it, as in %s/%s",
		name, found[0].Parent().FullName(), found[1].Parent().FullName(), found[0].Parent().FullName(), found[0].Name())
}

// near returns the method of which full is probably a misspelling, ignoring
// case, or "".
func (c *caller) near(full string) string {
	names := map[string]string{}
	var known []string
	for _, m := range c.methods {
		lower := strings.ToLower(string(m.Name()))
		names[lower], known = string(m.Name()), append(known, lower)
	}
	return names[schema.Nearest(strings.ToLower(full[strings.LastIndexByte(full, '.')+1:]), known)]
}

// completeMethods returns the methods of the contract, or of a proxy that
// answers at once.
func completeMethods(ctx context.Context, config, address string) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := newCaller(ctx, config, address)
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
