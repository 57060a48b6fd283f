// Package signup is what an application does with the shop's proxy: it signs
// users up and keeps their sessions. Its test runs the whole proxy in process.
package signup

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// ErrEmailTaken is returned for an address that another user signed up with.
var ErrEmailTaken = errors.New("the address belongs to another user")

// ErrNoSession is returned for a session that never was, or is over.
var ErrNoSession = errors.New("no such session")

// Users signs users up. It is safe for concurrent use.
type Users struct {
	Profiles *shopv1.UserProfileServiceClient
	Sessions *shopv1.SessionServiceClient
}

// SignUp makes the user's profile, which must not exist yet, and begins a
// session. The address is the store's to keep unique: it is not asked for
// first.
func (u *Users) SignUp(ctx context.Context, userID, name, email, sessionID string) error {
	_, err := u.Profiles.CompareAndSwapUserProfile(ctx, &shopv1.CompareAndSwapUserProfileRequest{
		UserProfile: &shopv1.UserProfile{UserId: userID, DisplayName: name, Email: proto.String(email)},
	})
	if reason.Of(err) == prismv1.Reason_UNIQUE {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("sign up %s: %w", userID, err)
	}
	_, err = u.Sessions.PutSession(ctx, &shopv1.PutSessionRequest{
		Session: &shopv1.Session{SessionId: sessionID, UserId: userID},
	})
	return err
}

// User returns whose session it is, or ErrNoSession.
func (u *Users) User(ctx context.Context, sessionID string) (string, error) {
	got, err := u.Sessions.GetSession(ctx, &shopv1.GetSessionRequest{Key: &shopv1.SessionKey{SessionId: sessionID}})
	if status.Code(err) == codes.NotFound {
		return "", ErrNoSession
	}
	return got.GetRecord().GetSession().GetUserId(), err
}
