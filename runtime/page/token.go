package page

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// Tokens seals page tokens, because they contain keys of records. A token is
// base64url of
//
//	format 1, key id 1, nonce 12, AES-256-GCM(expiry 8, cursor)
//
// with the method and all query fields except page_size as associated data, so
// a token resumes only the list that it was issued for. Tokens is safe for
// concurrent use.
type Tokens struct {
	aead cipher.AEAD
	now  func() time.Time
}

const (
	tokenFormat = 1
	tokenKeyID  = 1
	tokenHeader = 2
	tokenLife   = 24 * time.Hour
	maxToken    = 2 << 10 // bytes of an encoded token
)

// NewTokens returns the Tokens of a key that the store keeps: 32 bytes in hex.
func NewTokens(key string, now func() time.Time) (*Tokens, error) {
	raw, err := hex.DecodeString(key)
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("the key of page tokens in prism_meta is not 32 bytes in hex; restore the row page_key_1 that the first migration made")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Tokens{aead: aead, now: now}, nil
}

// NewKey returns a random key, for a store that does not outlive its process.
func NewKey() string {
	var key [32]byte
	rand.Read(key[:])
	return hex.EncodeToString(key[:])
}

// Seal returns the token that resumes the list called query at cursor.
func (t *Tokens) Seal(query, cursor []byte) []byte {
	sealed := make([]byte, tokenHeader+t.aead.NonceSize(), tokenHeader+t.aead.NonceSize()+8+len(cursor)+t.aead.Overhead())
	sealed[0], sealed[1] = tokenFormat, tokenKeyID
	nonce := sealed[tokenHeader:]
	rand.Read(nonce)
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(cursor)), uint64(t.now().Add(tokenLife).Unix()))
	sealed = t.aead.Seal(sealed, nonce, append(plain, cursor...), query)
	return base64.RawURLEncoding.AppendEncode(nil, sealed)
}

// Open returns the cursor of a token that Seal issued for query less than a day
// ago. For anything else it returns PAGE_TOKEN_INVALID, always with the same
// text.
func (t *Tokens) Open(query, token []byte) ([]byte, error) {
	invalid := &runtime.Error{
		Reason: runtime.PageTokenInvalid, Field: "page_token",
		What: "page_token is not valid here (it must be a next_page_token of the same query, less than 24 h old)",
	}
	if len(token) > maxToken {
		return nil, invalid
	}
	// Even a strict decoder skips line breaks: one token would have many forms.
	if bytes.ContainsAny(token, "\r\n") {
		return nil, invalid
	}
	sealed, err := base64.RawURLEncoding.Strict().AppendDecode(nil, token)
	head := tokenHeader + t.aead.NonceSize()
	if err != nil || len(sealed) < head || sealed[0] != tokenFormat || sealed[1] != tokenKeyID {
		return nil, invalid
	}
	plain, err := t.aead.Open(nil, sealed[tokenHeader:head], sealed[head:], query)
	if err != nil || len(plain) < 8 || int64(binary.BigEndian.Uint64(plain)) <= t.now().Unix() {
		return nil, invalid
	}
	return plain[8:], nil
}
