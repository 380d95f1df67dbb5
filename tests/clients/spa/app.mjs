// A single-page app with oidc-client-ts on an origin of its own: redirect sign-in with PKCE, silent renewal with the
// refresh token, user info with the access token, which jose validates as an API would (RFC 9068 §4), and signing out of
// the server as well (OpenID Connect RP-Initiated Logout §2).

import { UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { issuer, clientId } = await (await fetch('/settings.json')).json();
const manager = new UserManager({
  authority: issuer,
  client_id: clientId,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid profile email offline_access',
  loadUserInfo: true,
  automaticSilentRenew: false,
  userStore: new WebStorageStateStore({ store: window.localStorage }),
});

if (location.pathname === '/callback') {
  await attempt(() => manager.signinCallback());
  history.replaceState({}, '', '/');
}
on('sign-in', () => manager.signinRedirect());
on('renew', () => manager.signinSilent());
on('sign-out', () => manager.signoutRedirect());
on('user-info', userInfo);
on('validate', validate);
await show();

function on(id, act) {
  const button = document.getElementById(id);
  button.disabled = false;
  button.addEventListener('click', () => attempt(act).then(show));
}

async function attempt(act) {
  const result = document.getElementById('result');
  try {
    result.textContent = JSON.stringify((await act()) ?? null);
  } catch (error) {
    result.textContent = JSON.stringify({ error: String(error), detail: error.error_description ?? null });
  }
}

async function show() {
  const user = await manager.getUser();
  const state = document.getElementById('state');
  state.textContent = user ? `${user.profile.sub}` : 'nobody';
  state.dataset.accessToken = user?.access_token ?? '';
  state.dataset.refreshToken = user?.refresh_token ?? '';
  state.dataset.state = user ? 'signed-in' : 'signed-out';
  state.dataset.turn = String(Number(state.dataset.turn ?? 0) + 1);
}

async function userInfo() {
  const { access_token: token } = await manager.getUser();
  const endpoint = await manager.metadataService.getUserInfoEndpoint();
  const response = await fetch(endpoint, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, ...(await response.json()) };
}

async function validate() {
  const { access_token: token } = await manager.getUser();
  const keys = createRemoteJWKSet(new URL(await manager.metadataService.getKeysEndpoint()));
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    issuer,
    audience: issuer,
    typ: 'at+jwt',
    requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'scope'],
  });
  return { payload, header: protectedHeader };
}
