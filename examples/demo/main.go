// Command demo drives bin/shop-proxy as an application would: it starts the
// proxy on a fresh data directory, makes typed calls over gRPC with the
// generated client, restarts the proxy, and shows that the data is still there.
// It exits 0 if every call answered as it says.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/reason"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) error {
	data, err := os.MkdirTemp("", "shop-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)

	p, err := start(ctx, data)
	if err != nil {
		return err
	}
	if err := errors.Join(p.profiles(ctx), p.orders(ctx), p.refused(ctx)); err != nil {
		return errors.Join(err, p.stop())
	}

	fmt.Println("\n== restart")
	if err := p.stop(); err != nil {
		return err
	}
	if p, err = start(ctx, data); err != nil {
		return err
	}
	_, err = call(ctx, p.client.GetUserProfile, &shopv1.GetUserProfileRequest{Key: &shopv1.UserProfileKey{UserId: "ada"}}, codes.OK)
	return errors.Join(err, p.stop())
}

// profiles puts, gets, finds and swaps a record.
func (p *proxy) profiles(ctx context.Context) error {
	fmt.Println("\n== put, get, find by a unique index")
	ada := &shopv1.UserProfile{
		UserId: "ada", Email: proto.String("ada@example.com"), DisplayName: "Ada Lovelace",
		Interests: []string{"engines"}, Address: &shopv1.Address{City: "London", CountryCode: "GB"},
		CreatedAt: timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)),
	}
	put, err := call(ctx, p.client.PutUserProfile, &shopv1.PutUserProfileRequest{UserProfile: ada}, codes.OK)
	if err != nil {
		return err
	}
	_, err = call(ctx, p.client.GetUserProfile, &shopv1.GetUserProfileRequest{Key: &shopv1.UserProfileKey{UserId: "ada"}}, codes.OK)
	if err != nil {
		return err
	}
	_, err = call(ctx, p.client.FindUserProfileByEmail, &shopv1.FindUserProfileByEmailRequest{By: &shopv1.FindUserProfileByEmailRequest_By{Email: "ada@example.com"}}, codes.OK)
	if err != nil {
		return err
	}

	fmt.Println("\n== compare and swap: won, then lost")
	ada.Interests = append(ada.Interests, "weaving")
	swap := &shopv1.CompareAndSwapUserProfileRequest{UserProfile: ada, ExpectedVersion: put.Version}
	if _, err := call(ctx, p.client.CompareAndSwapUserProfile, swap, codes.OK); err != nil {
		return err
	}
	_, err = call(ctx, p.client.CompareAndSwapUserProfile, swap, codes.Aborted)
	return err
}

// orders puts a few orders and reads them in pages.
func (p *proxy) orders(ctx context.Context) error {
	fmt.Println("\n== a batch, and a scan resumed by its page token")
	batch := &shopv1.BatchPutOrdersRequest{}
	for day := range 3 {
		batch.Orders = append(batch.Orders, &shopv1.Order{
			CustomerId: "ada", OrderId: fmt.Sprintf("A-%d", day+1), Status: shopv1.OrderStatus_ORDER_STATUS_PAID,
			CreatedAt: timestamppb.New(time.Date(2026, 2, day+1, 12, 0, 0, 0, time.UTC)),
			Total:     &shopv1.Money{CurrencyCode: "GBP", Units: int64(10 * (day + 1))},
		})
	}
	if _, err := call(ctx, p.order.BatchPutOrders, batch, codes.OK); err != nil {
		return err
	}
	scan := &shopv1.ScanOrdersRequest{Partition: &shopv1.OrderPartition{CustomerId: "ada"}, PageSize: 2}
	page, err := call(ctx, p.order.ScanOrders, scan, codes.OK)
	if err != nil {
		return err
	}
	scan.PageToken = page.NextPageToken
	page, err = call(ctx, p.order.ScanOrders, scan, codes.OK)
	if err == nil && (len(page.Records) != 1 || page.NextPageToken != "") {
		return errors.New("the second page is not the one record that was left")
	}
	if err != nil {
		return err
	}
	_, err = call(ctx, p.order.FindOrdersByStatus, &shopv1.FindOrdersByStatusRequest{
		By: &shopv1.FindOrdersByStatusRequest_By{Status: shopv1.OrderStatus_ORDER_STATUS_PAID}, Reverse: true, PageSize: 1,
	}, codes.OK)
	return err
}

// refused shows how bad input is answered.
func (p *proxy) refused(ctx context.Context) error {
	fmt.Println("\n== bad input is refused, with the field and what to do")
	_, err := call(ctx, p.client.PutUserProfile, &shopv1.PutUserProfileRequest{UserProfile: &shopv1.UserProfile{UserId: "bob"}}, codes.InvalidArgument)
	return err
}

// call makes a typed call, prints it, and returns an error unless it answers
// with the code that is expected.
func call[Request, Response proto.Message](ctx context.Context, rpc func(context.Context, Request, ...grpc.CallOption) (Response, error), in Request, want codes.Code) (Response, error) {
	fmt.Printf("\n→ %s %s\n", in.ProtoReflect().Descriptor().Name(), text(in))
	out, err := rpc(ctx, in)
	if err != nil {
		fmt.Printf("← %s %s: %s\n", status.Code(err), reason.Of(err), status.Convert(err).Message())
	} else {
		fmt.Printf("← %s\n", text(out))
	}
	if got := status.Code(err); got != want {
		return out, fmt.Errorf("%s answered %s, not %s", in.ProtoReflect().Descriptor().Name(), got, want)
	}
	return out, nil
}

// text is m as one line of JSON.
func text(m proto.Message) string {
	b, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var line any
	if err := json.Unmarshal(b, &line); err != nil {
		return err.Error()
	}
	if b, err = json.Marshal(line); err != nil { // protojson varies its white space
		return err.Error()
	}
	return string(b)
}

// proxy is a running bin/shop-proxy and clients of it.
type proxy struct {
	command *exec.Cmd
	conn    *grpc.ClientConn
	client  *shopv1.UserProfileServiceClient
	order   *shopv1.OrderServiceClient
}

// start starts the proxy on a free port and waits until it listens.
func start(ctx context.Context, data string) (*proxy, error) {
	c := exec.CommandContext(ctx, filepath.Join("bin", "shop-proxy"),
		"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--drain-delay", "0s")
	logs, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	var line struct{ Msg, Address string }
	scanner := bufio.NewScanner(logs)
	for line.Msg != "listening" {
		if !scanner.Scan() {
			return nil, errors.Join(errors.New("the proxy ended before it listened"), c.Wait())
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			fmt.Fprintln(os.Stderr, scanner.Text())
		}
	}
	go func() { // the pipe must not fill up; Wait closes it
		for scanner.Scan() {
		}
	}()
	fmt.Println("bin/shop-proxy serves on", line.Address)
	conn, err := grpc.NewClient(line.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &proxy{
		command: c, conn: conn,
		client: shopv1.NewUserProfileServiceClient(conn), order: shopv1.NewOrderServiceClient(conn),
	}, nil
}

// stop asks the proxy to end and waits for it.
func (p *proxy) stop() error {
	return errors.Join(p.conn.Close(), p.command.Process.Signal(syscall.SIGTERM), p.command.Wait())
}
