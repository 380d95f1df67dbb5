// A client of golang.org/x/oauth2 with go-oidc: authorization code with PKCE, refresh, ID token and user info, the
// access token (RFC 9068) validated through the remote key set, and signing out.
//
// The endpoint's authentication style is left to x/oauth2, which tries the header first, also for a public client
// with an empty secret, and then sends the same code again with the client in the body.
//
// With the argument `resource-server` it is an API in place of that: `resource_server.go`.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	issuer      = os.Getenv("ISSUER")
	clientID    = os.Getenv("CLIENT_ID")
	redirectURI = os.Getenv("REDIRECT_URI")             // empty: a native app, any loopback port
	home        = os.Getenv("POST_LOGOUT_REDIRECT_URI") // empty: it does not sign out
	scopes      = []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess}
)

func main() {
	work, done := run, "signed in, validated, refreshed"
	if home != "" {
		done += ", signed out"
	}
	if len(os.Args) > 1 && os.Args[1] == "resource-server" {
		work, done = resourceServer, "tokens by client_credentials, validated"
	}
	if err := work(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s\n", clientID, done)
}

func run(ctx context.Context) error {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	listener, redirect, err := listen(redirectURI)
	if err != nil {
		return err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
	config := oauth2.Config{
		ClientID:     clientID,
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     endpoint,
		RedirectURL:  redirect,
		Scopes:       scopes,
	}
	token, nonce, err := signIn(ctx, &config, listener)
	if err != nil {
		return err
	}
	subject, err := verifyIDToken(ctx, provider, token, nonce)
	if err != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	if err := verifyAccessToken(ctx, provider, token.AccessToken, subject); err != nil {
		return fmt.Errorf("access token: %w", err)
	}
	person, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("user info: %w", err)
	}
	if person.Subject != subject {
		return fmt.Errorf("user info is about %q, the ID token about %q", person.Subject, subject)
	}
	renewed, err := refresh(ctx, &config, token)
	if err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	if err := verifyAccessToken(ctx, provider, renewed.AccessToken, subject); err != nil || home == "" {
		return err
	}
	if err := signOut(ctx, provider, token.Extra("id_token").(string)); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return ensureSignedOut(ctx, &config)
}

// Where the browser is to come back: at this address, or where it is empty at any loopback port.
func listen(at string) (net.Listener, string, error) {
	if at == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		return listener, fmt.Sprintf("http://%s/callback", listener.Addr()), nil
	}
	address, err := url.Parse(at)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", address.Host)
	return listener, at, err
}

// Opens the browser, and takes the parameters with which it comes back.
func browse(ctx context.Context, listener net.Listener, address string) (url.Values, error) {
	arrived := make(chan url.Values, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		arrived <- r.URL.Query()
	})}
	go server.Serve(listener)
	defer server.Close()

	browser := strings.Split(os.Getenv("BROWSER_COMMAND"), "\n")
	if output, err := exec.CommandContext(ctx, browser[0], append(browser[1:], address)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the person: %w\n%s", err, output)
	}
	select {
	case answer := <-arrived:
		return answer, nil
	case <-time.After(30 * time.Second):
		return nil, fmt.Errorf("nobody came back to %s", listener.Addr())
	}
}

func signIn(ctx context.Context, config *oauth2.Config, listener net.Listener) (*oauth2.Token, string, error) {
	verifier, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	request := config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce),
		oauth2.SetAuthURLParam("prompt", "consent"))
	answer, err := browse(ctx, listener, request)
	if err != nil {
		return nil, "", err
	}
	if answer.Get("state") != state || answer.Get("iss") != issuer {
		return nil, "", fmt.Errorf("the answer has another state or issuer: %v", answer)
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	return token, nonce, err
}

// OpenID Connect RP-Initiated Logout §2. go-oidc has no call for it: the address is in the metadata that it read.
func signOut(ctx context.Context, provider *oidc.Provider, idToken string) error {
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return err
	}
	listener, _, err := listen(home)
	if err != nil {
		return err
	}
	state := oauth2.GenerateVerifier()
	query := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {home}, "state": {state}}
	answer, err := browse(ctx, listener, metadata.EndSession+"?"+query.Encode())
	if err == nil && answer.Get("state") != state {
		err = fmt.Errorf("the answer has another state: %v", answer)
	}
	return err
}

// The same browser has no session any more (OIDC Core §3.1.2.6).
func ensureSignedOut(ctx context.Context, config *oauth2.Config) error {
	listener, redirect, err := listen(redirectURI)
	if err != nil {
		return err
	}
	again := *config
	again.RedirectURL = redirect
	challenge := oauth2.S256ChallengeOption(oauth2.GenerateVerifier())
	request := again.AuthCodeURL("signed-out", challenge, oauth2.SetAuthURLParam("prompt", "none"))
	answer, err := browse(ctx, listener, request)
	if err == nil && answer.Get("error") != "login_required" {
		err = fmt.Errorf("signed out, and still somebody is there: %v", answer)
	}
	return err
}

func verifyIDToken(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, nonce string) (string, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", fmt.Errorf("there is none")
	}
	idToken, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	if idToken.Nonce != nonce {
		return "", fmt.Errorf("the nonce is another one")
	}
	if idToken.AccessTokenHash != "" {
		return idToken.Subject, idToken.VerifyAccessToken(token.AccessToken)
	}
	return idToken.Subject, nil
}

// RFC 9068 §4, as an API would: the verifier checks signature, issuer, audience and expiry; type and claims are ours.
func verifyAccessToken(ctx context.Context, provider *oidc.Provider, raw, subject string) error {
	var metadata struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return err
	}
	header, err := headerOf(raw)
	if err != nil {
		return err
	}
	if header.Type != "at+jwt" {
		return fmt.Errorf("typ is %q", header.Type)
	}
	keys := oidc.NewRemoteKeySet(ctx, metadata.JWKS)
	config := oidc.Config{ClientID: issuer, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.EdDSA}}
	token, err := oidc.NewVerifier(issuer, keys, &config).Verify(ctx, raw)
	if err != nil {
		return err
	}
	var claims struct {
		ClientID string `json:"client_id"`
		ID       string `json:"jti"`
		Scope    string `json:"scope"`
	}
	if err := token.Claims(&claims); err != nil {
		return err
	}
	granted := strings.Fields(claims.Scope)
	slices.Sort(granted)
	asked := slices.Sorted(slices.Values(scopes))
	if token.Subject != subject || claims.ClientID != clientID || claims.ID == "" || !slices.Equal(granted, asked) {
		return fmt.Errorf("unexpected claims: sub %q, %+v", token.Subject, claims)
	}
	return nil
}

// x/oauth2 refreshes when a token has expired: one that is said to have is used.
func refresh(ctx context.Context, config *oauth2.Config, token *oauth2.Token) (*oauth2.Token, error) {
	if token.RefreshToken == "" {
		return nil, fmt.Errorf("there is no refresh token")
	}
	expired := &oauth2.Token{RefreshToken: token.RefreshToken, Expiry: time.Now().Add(-time.Minute)}
	renewed, err := config.TokenSource(ctx, expired).Token()
	if err != nil {
		return nil, err
	}
	if renewed.AccessToken == token.AccessToken {
		return nil, fmt.Errorf("the access token is the same")
	}
	return renewed, nil
}
