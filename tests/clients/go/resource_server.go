package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2/clientcredentials"
)

// An API that validates access tokens with go-oidc; they are those of x/oauth2's clientcredentials, which finds out by
// itself whether the secret belongs into the header or the body.
func resourceServer(ctx context.Context) error {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	resource := os.Getenv("API") + "/at-jwt"
	for _, client := range []string{"", "POST_"} {
		read, err := serviceToken(ctx, provider, client, resource)
		if err != nil {
			return fmt.Errorf("client_credentials: %w", err)
		}
		elsewhere, err := serviceToken(ctx, provider, client, os.Getenv("OTHER")+"/at-jwt")
		if err != nil {
			return fmt.Errorf("client_credentials: %w", err)
		}
		if err := validateAll(ctx, provider, os.Getenv(client+"CLIENT_ID"), read, elsewhere); err != nil {
			return err
		}
	}
	return nil
}

func serviceToken(ctx context.Context, provider *oidc.Provider, client, resource string) (string, error) {
	clientID, clientSecret := os.Getenv(client+"CLIENT_ID"), os.Getenv(client+"CLIENT_SECRET")
	config := clientcredentials.Config{
		ClientID:       clientID,
		ClientSecret:   clientSecret,
		TokenURL:       provider.Endpoint().TokenURL,
		Scopes:         []string{"orders:read"},
		EndpointParams: url.Values{"resource": {resource}},
	}
	token, err := config.Token(ctx)
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

func validateAll(ctx context.Context, provider *oidc.Provider, clientID, read, elsewhere string) error {
	resource := os.Getenv("API") + "/at-jwt"
	validator := newValidator(ctx, provider, resource, time.Now)
	claims, err := validator.validate(ctx, read)
	if err != nil {
		return err
	}
	if claims.ClientID != clientID || claims.Scope != "orders:read" {
		return fmt.Errorf("unexpected claims: %+v", claims)
	}
	if _, err := validator.validate(ctx, elsewhere); err == nil || !strings.Contains(err.Error(), "audience") {
		return fmt.Errorf("a token for another API: %w", err)
	}
	header, err := headerOf(read)
	if err != nil {
		return err
	}
	for _, keyID := range []string{header.KeyID, "a-key-of-nobody"} {
		forged, err := forge(read, keyID)
		if err != nil {
			return err
		}
		if _, err := validator.validate(ctx, forged); err == nil || !strings.Contains(err.Error(), "signature") {
			return fmt.Errorf("a token that somebody else signed: %w", err)
		}
	}
	later := newValidator(ctx, provider, resource, func() time.Time { return time.Now().Add(2 * time.Hour) })
	var expired *oidc.TokenExpiredError
	if _, err := later.validate(ctx, read); !errors.As(err, &expired) {
		return fmt.Errorf("an expired token: %w", err)
	}
	return nil
}

type validator struct{ verifier *oidc.IDTokenVerifier }

type accessClaims struct {
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

func newValidator(ctx context.Context, provider *oidc.Provider, resource string, now func() time.Time) validator {
	return validator{provider.VerifierContext(ctx, &oidc.Config{
		ClientID:             resource, // what go-oidc looks for in aud
		SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.EdDSA},
		Now:                  now,
	})}
}

func (v validator) validate(ctx context.Context, raw string) (claims accessClaims, err error) {
	token, err := v.verifier.Verify(ctx, raw)
	if err != nil {
		return claims, err
	}
	// The verifier is made for ID tokens: the type is left to us.
	if header, err := headerOf(raw); err != nil || header.Type != "at+jwt" {
		return claims, errors.New("this is not an access token")
	}
	return claims, token.Claims(&claims)
}

type header struct {
	Type  string `json:"typ"`
	KeyID string `json:"kid"`
}

func headerOf(raw string) (header, error) {
	var parsed header
	text, err := base64.RawURLEncoding.DecodeString(strings.SplitN(raw, ".", 2)[0])
	if err != nil {
		return parsed, err
	}
	return parsed, json.Unmarshal(text, &parsed)
}

// The same claims, signed with a key of our own.
func forge(raw, keyID string) (string, error) {
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		return "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", keyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
