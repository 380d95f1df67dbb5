// A single-page app that signs in with authorization code and PKCE (RFC 6749 §4.1, RFC 7636) and shows every message.
//
// It has no dependencies, so that the protocol can be read here from top to bottom. An app of your own should rather use
// a maintained client library; what this one does by hand, such a library does for you.

// ---------------------------------------------------------------------------------------------------------------------
// Words

const WORDS = {
  en: {
    "title": "A PKCE sign-in, message by message",
    "lead": "This single-page app signs in with authorization code and PKCE, and shows what is sent, what comes back, and what is checked. Everything stays in this tab.",
    "issuer": "Issuer",
    "client": "Client",
    "actions": "Actions",
    "start": "Start the sign-in",
    "userinfo": "Ask /userinfo",
    "refresh": "Refresh the tokens",
    "clear": "Clear",
    "tokens": "Tokens",
    "access-token": "Access token",
    "id-token": "ID token",
    "timeline": "Time line",
    "empty": "Nothing has been sent yet.",
    "back": "Back to the start page",
    "state.signed-out": "Not signed in.",
    "state.working": "Working…",
    "state.signed-in": "Signed in as {name}.",
    "state.error": "It did not work: {problem}",
    "messages": "Request and answer",
    "request": "Request",
    "answer": "Answer",
    "header": "Header",
    "payload": "Payload",
    "raw": "As it was sent",
    "opaque": "This token is opaque: only the server can read it.",
    "verified": "Signature verified",
    "not-verified": "Not verified",
    "until": "valid until {time}",
    "step.discovery": "Find the endpoints",
    "step.prepare": "Prepare the secrets of this sign-in",
    "step.authorize": "Send the browser to the authorization endpoint",
    "step.callback": "The browser comes back",
    "step.token": "Exchange the code for tokens",
    "step.jwks": "Fetch the public keys",
    "step.id-token": "Verify the ID token",
    "step.access-token": "Verify the access token",
    "step.userinfo": "Ask who this is",
    "step.refresh": "Use the refresh token",
    "step.error": "Stop",
    "check.metadata-issuer": "The metadata names the issuer it was fetched from (RFC 8414 §3.3).",
    "check.s256": "The server supports S256 (RFC 7636 §4.2).",
    "check.state": "The state is the one this tab sent (RFC 6749 §10.12).",
    "check.iss": "The answer comes from the expected issuer (RFC 9207 §2.4).",
    "check.code": "The answer carries a code.",
    "check.bearer": "The token type is Bearer.",
    "check.refresh": "There is a refresh token.",
    "check.signature": "The signature is right: {alg}, key {kid}.",
    "check.key": "The key is in the JWKS: {alg}, key {kid}.",
    "check.token-issuer": "It was issued by the expected issuer.",
    "check.audience": "It is meant for this client.",
    "check.client": "It was issued to this client.",
    "check.time": "It is valid now.",
    "check.nonce": "It answers this request: the nonce is the one sent.",
    "check.at-hash": "It belongs to this access token (at_hash).",
    "check.type": "Its type says access token: {typ} (RFC 9068).",
    "check.subject": "It speaks of the same person as the ID token.",
    "check.rotated": "The refresh token is a new one; the old one is used up.",
    "check.kept": "The refresh token stays the same; this client's are not rotated.",
    "check.renewed": "The access token is a new one.",
    "problem.network": "{url} cannot be reached. Is the server running, and does it allow this origin (CORS)?",
    "problem.status": "{url} answered {status}.",
    "problem.json": "{url} answered something that is not JSON.",
    "problem.no-pending": "an answer came that this tab did not ask for.",
    "problem.check": "a check failed: {check}",
    "problem.crypto": "this page is not in a secure context (https, or http on a loopback address), so the browser gives no WebCrypto.",
    "problem.settings": "the issuer is not an http or https URL.",
    "problem.other": "{message}",
  },
  ko: {
    "title": "메시지 단위로 보는 PKCE 로그인",
    "lead": "이 단일 페이지 앱은 인가 코드와 PKCE로 로그인하면서 무엇을 보내고 받으며 무엇을 검사하는지 보여 줍니다. 모든 데이터는 이 탭에만 남습니다.",
    "issuer": "발급자",
    "client": "클라이언트",
    "actions": "동작",
    "start": "로그인 시작",
    "userinfo": "/userinfo 조회",
    "refresh": "토큰 갱신",
    "clear": "지우기",
    "tokens": "토큰",
    "access-token": "액세스 토큰",
    "id-token": "ID 토큰",
    "timeline": "진행 기록",
    "empty": "아직 보낸 메시지가 없습니다.",
    "back": "시작 페이지로 돌아가기",
    "state.signed-out": "로그인하지 않았습니다.",
    "state.working": "진행 중…",
    "state.signed-in": "{name} 계정으로 로그인했습니다.",
    "state.error": "실패했습니다: {problem}",
    "messages": "요청과 응답",
    "request": "요청",
    "answer": "응답",
    "header": "헤더",
    "payload": "페이로드",
    "raw": "전송된 원문",
    "opaque": "불투명 토큰입니다. 서버만 내용을 읽을 수 있습니다.",
    "verified": "서명 확인됨",
    "not-verified": "확인되지 않음",
    "until": "{time}까지 유효",
    "step.discovery": "엔드포인트 찾기",
    "step.prepare": "이번 로그인에 쓸 비밀값 준비",
    "step.authorize": "브라우저를 인가 엔드포인트로 보내기",
    "step.callback": "브라우저가 돌아옴",
    "step.token": "코드를 토큰으로 교환",
    "step.jwks": "공개 키 가져오기",
    "step.id-token": "ID 토큰 검증",
    "step.access-token": "액세스 토큰 검증",
    "step.userinfo": "사용자 정보 조회",
    "step.refresh": "리프레시 토큰 사용",
    "step.error": "중단",
    "check.metadata-issuer": "메타데이터의 발급자가 요청한 발급자와 같습니다 (RFC 8414 §3.3).",
    "check.s256": "서버가 S256을 지원합니다 (RFC 7636 §4.2).",
    "check.state": "state가 이 탭에서 보낸 값과 같습니다 (RFC 6749 §10.12).",
    "check.iss": "응답이 예상한 발급자에게서 왔습니다 (RFC 9207 §2.4).",
    "check.code": "응답에 코드가 있습니다.",
    "check.bearer": "토큰 유형이 Bearer입니다.",
    "check.refresh": "리프레시 토큰이 있습니다.",
    "check.signature": "서명이 올바릅니다: {alg}, 키 {kid}.",
    "check.key": "키가 JWKS에 있습니다: {alg}, 키 {kid}.",
    "check.token-issuer": "예상한 발급자가 발급했습니다.",
    "check.audience": "이 클라이언트를 대상으로 합니다.",
    "check.client": "이 클라이언트에게 발급되었습니다.",
    "check.time": "지금 유효합니다.",
    "check.nonce": "nonce가 보낸 값과 같아, 이 요청에 대한 응답입니다.",
    "check.at-hash": "이 액세스 토큰과 짝을 이룹니다 (at_hash).",
    "check.type": "유형이 액세스 토큰입니다: {typ} (RFC 9068).",
    "check.subject": "ID 토큰과 같은 사람에 대한 정보입니다.",
    "check.rotated": "새 리프레시 토큰을 받았고 이전 토큰은 사용이 끝났습니다.",
    "check.kept": "리프레시 토큰이 그대로입니다. 이 클라이언트는 교체하지 않습니다.",
    "check.renewed": "새 액세스 토큰을 받았습니다.",
    "problem.network": "{url}에 연결할 수 없습니다. 서버가 실행 중이며 이 출처를 허용(CORS)하는지 확인해 주세요.",
    "problem.status": "{url}의 응답이 {status}입니다.",
    "problem.json": "{url}의 응답이 JSON이 아닙니다.",
    "problem.no-pending": "이 탭에서 요청하지 않은 응답을 받았습니다.",
    "problem.check": "검사를 통과하지 못했습니다: {check}",
    "problem.crypto": "보안 컨텍스트(https 또는 루프백 주소의 http)가 아니어서 WebCrypto를 쓸 수 없습니다.",
    "problem.settings": "발급자가 http 또는 https URL이 아닙니다.",
    "problem.other": "{message}",
  },
};

const language = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";

function t(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// ---------------------------------------------------------------------------------------------------------------------
// What this tab remembers, in sessionStorage only

const MEMORY = "authward-demo";

/** settings {issuer, clientId}, metadata, jwks, pending {state, nonce, verifier}, tokens, checked, timeline */
let memory = recall();

function recall() {
  try {
    return { timeline: [], ...JSON.parse(sessionStorage.getItem(MEMORY)) };
  } catch {
    return { timeline: [] };
  }
}

function remember(changes) {
  memory = { ...memory, ...changes };
  sessionStorage.setItem(MEMORY, JSON.stringify(memory));
}

function forget() {
  memory = { timeline: [], settings: memory.settings };
  sessionStorage.setItem(MEMORY, JSON.stringify(memory));
}

/** Where this page is, without query and fragment: the redirect URI. */
const redirectUri = location.origin + location.pathname;

/** The issuer is the page's URL without its last part, unless `?issuer=` says, or has said in this tab, otherwise. */
function settle(query) {
  const usual = memory.settings ?? { issuer: redirectUri.replace(/\/[^/]*\/?$/, ""), clientId: "authward-demo" };
  const issuer = query.get("issuer") ?? usual.issuer;
  if (!/^https?:\/\//.test(issuer)) throw new Problem("settings");
  return { issuer, clientId: query.get("client_id") ?? usual.clientId };
}

// ---------------------------------------------------------------------------------------------------------------------
// The flow

/** A failure that is told in words. */
class Problem extends Error {
  constructor(key, values = {}) {
    super(t(`problem.${key}`, values));
  }
}

async function startSignIn() {
  if (!globalThis.crypto?.subtle) throw new Problem("crypto");
  forget();
  const metadata = await discover();
  const pending = { state: random(), nonce: random(), verifier: random() };
  const challenge = base64url(await sha("SHA-256", pending.verifier));
  remember({ pending });
  record({ step: "prepare", request: lines({ code_verifier: pending.verifier, code_challenge: challenge, state: pending.state, nonce: pending.nonce }) });

  const parameters = {
    response_type: "code",
    client_id: memory.settings.clientId,
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
    ui_locales: language,
  };
  const url = new URL(metadata.authorization_endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  record({ step: "authorize", request: `GET ${metadata.authorization_endpoint}\n\n${lines(parameters)}` });
  location.assign(url);
}

/** RFC 8414 §3; OpenID Connect Discovery §4. */
async function discover() {
  const { issuer } = memory.settings;
  const metadata = await call("discovery", `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  require("discovery", [
    [metadata.issuer === issuer, "metadata-issuer"],
    [metadata.code_challenge_methods_supported?.includes("S256"), "s256"],
  ]);
  remember({ metadata });
  return metadata;
}

/** The answer of the authorization endpoint, in the query of the redirect URI. */
async function finishSignIn(query) {
  const { pending, metadata, settings } = memory;
  record({ step: "callback", request: `GET ${redirectUri}\n\n${lines(Object.fromEntries(query))}` });
  if (!pending || !metadata) throw new Problem("no-pending");
  // One answer a request: whatever comes next, this state is used up.
  remember({ pending: undefined });
  const namesIssuer = metadata.authorization_response_iss_parameter_supported || query.has("iss");
  require("callback", [
    [query.get("state") === pending.state, "state"],
    ...(namesIssuer ? [[query.get("iss") === settings.issuer, "iss"]] : []),
  ]);
  if (query.has("error")) throw new Problem("other", { message: [query.get("error"), query.get("error_description")].filter(Boolean).join(": ") });
  require("callback", [[query.has("code"), "code"]]);

  const tokens = await call("token", metadata.token_endpoint, {
    form: {
      grant_type: "authorization_code",
      code: query.get("code"),
      redirect_uri: redirectUri,
      client_id: settings.clientId,
      code_verifier: pending.verifier,
    },
  });
  require("token", [
    [tokens.token_type?.toLowerCase() === "bearer", "bearer"],
    [Boolean(tokens.refresh_token), "refresh"],
  ]);
  await accept(tokens, pending.nonce);
  await askUserinfo();
}

/** RFC 6749 §6 */
async function refresh() {
  const { metadata, settings, tokens: old } = memory;
  const fresh = await call("refresh", metadata.token_endpoint, {
    form: { grant_type: "refresh_token", refresh_token: old.refresh_token, client_id: settings.clientId },
  });
  const rotated = fresh.refresh_token && fresh.refresh_token !== old.refresh_token;
  require("refresh", [
    [fresh.access_token !== old.access_token, "renewed"],
    [true, rotated ? "rotated" : "kept"],
  ]);
  await accept({ ...old, ...fresh });
}

/** OpenID Connect Core §5.3 */
async function askUserinfo() {
  const { metadata, tokens } = memory;
  const claims = await call("userinfo", metadata.userinfo_endpoint, { bearer: tokens.access_token });
  require("userinfo", [[claims.sub === decode(tokens.id_token).payload.sub, "subject"]]);
  remember({ name: claims.preferred_username ?? claims.name ?? claims.sub });
}

/** Keeps tokens after they passed every check; without a nonce for those of a refresh (OpenID Connect Core §12.2). */
async function accept(tokens, nonce) {
  const jwks = await call("jwks", memory.metadata.jwks_uri);
  const checked = {
    "id-token": await verifyIdToken(tokens, jwks, nonce),
    "access-token": await verifyAccessToken(tokens, jwks),
  };
  remember({ tokens, checked });
}

/** OpenID Connect Core §3.1.3.7 */
async function verifyIdToken(tokens, jwks, nonce) {
  const { header, payload } = decode(tokens.id_token);
  record({ step: "id-token" });
  await requireSignature("id-token", tokens.id_token, jwks);
  const hash = await sha(header.alg === "EdDSA" ? "SHA-512" : "SHA-256", tokens.access_token);
  const subject = memory.tokens && decode(memory.tokens.id_token).payload.sub;
  require("id-token", [
    [payload.iss === memory.settings.issuer, "token-issuer"],
    [[payload.aud].flat().includes(memory.settings.clientId), "audience"],
    [isNow(payload), "time"],
    ...(nonce ? [[payload.nonce === nonce, "nonce"]] : [[payload.sub === subject, "subject"]]),
    ...(payload.at_hash ? [[payload.at_hash === base64url(hash.slice(0, hash.byteLength / 2)), "at-hash"]] : []),
  ]);
  return true;
}

/** RFC 9068 §4. This is the work of the API that gets the token; it is done here to show it. */
async function verifyAccessToken(tokens, jwks) {
  const token = decode(tokens.access_token);
  if (!token) return false;
  record({ step: "access-token" });
  await requireSignature("access-token", tokens.access_token, jwks);
  require("access-token", [
    [/^(application\/)?at\+jwt$/i.test(token.header.typ), "type", { typ: token.header.typ }],
    [token.payload.iss === memory.settings.issuer, "token-issuer"],
    [token.payload.client_id === memory.settings.clientId, "client"],
    [isNow(token.payload), "time"],
    [token.payload.sub === decode(tokens.id_token).payload.sub, "subject"],
  ]);
  return true;
}

/** Clocks may differ by a few seconds. */
function isNow({ exp, iat }) {
  const now = Date.now() / 1000;
  return exp > now - 15 && (iat === undefined || iat < now + 15);
}

// ---------------------------------------------------------------------------------------------------------------------
// Signatures (RFC 7515, RFC 7517) with WebCrypto

/** The algorithms this app accepts; a token cannot name another one. */
const ALGORITHMS = {
  ES256: { kty: "EC", key: { name: "ECDSA", namedCurve: "P-256" }, use: { name: "ECDSA", hash: "SHA-256" } },
  RS256: { kty: "RSA", key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, use: { name: "RSASSA-PKCS1-v1_5" } },
  EdDSA: { kty: "OKP", key: { name: "Ed25519" }, use: { name: "Ed25519" } },
};

async function requireSignature(step, jwt, jwks) {
  const { header, signed, signature } = decode(jwt);
  const { alg, kid } = header;
  const algorithm = ALGORITHMS[alg];
  const jwk = jwks.keys?.find((key) => key.kid === kid && key.kty === algorithm?.kty);
  require(step, [[Boolean(algorithm && jwk), "key", { alg, kid }]]);
  const { kty, crv, x, y, n, e } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y, n, e }, algorithm.key, false, ["verify"]);
  require(step, [[await crypto.subtle.verify(algorithm.use, key, signature, signed), "signature", { alg, kid }]]);
}

/** The parts of a JWS in compact form; null when it is not one. */
function decode(jwt) {
  const parts = jwt?.split(".") ?? [];
  if (parts.length !== 3) return null;
  try {
    const [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(fromBase64url(part))));
    return { header, payload, signed: bytes(`${parts[0]}.${parts[1]}`), signature: fromBase64url(parts[2]) };
  } catch {
    return null;
  }
}

const bytes = (text) => new TextEncoder().encode(text);

const sha = (hash, text) => crypto.subtle.digest(hash, bytes(text));

/** 256 random bits: 43 characters base64url, as a code verifier needs (RFC 7636 §4.1). */
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

function base64url(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

// ---------------------------------------------------------------------------------------------------------------------
// Messages and checks, each recorded before anything is made of it

async function call(step, url, { form, bearer } = {}) {
  const headers = { Accept: "application/json", ...(bearer && { Authorization: `Bearer ${bearer}` }) };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n");
  record({ step, request: `${form ? "POST" : "GET"} ${url}\n${head}${form ? `\n\n${lines(form)}` : ""}` });
  let response;
  try {
    response = await fetch(url, { method: form ? "POST" : "GET", headers, body: form && new URLSearchParams(form), credentials: "omit", cache: "no-store" });
  } catch {
    throw new Problem("network", { url });
  }
  const text = await response.text();
  const body = parse(text);
  const status = `${response.status} ${response.statusText}`.trim();
  amend({ answer: `${status}\n\n${body === undefined ? text : JSON.stringify(body, null, 2)}`, ok: response.ok });
  if (!response.ok) {
    const reason = [body?.error, body?.error_description].filter(Boolean).join(": ");
    throw reason ? new Problem("other", { message: reason }) : new Problem("status", { url, status });
  }
  if (body === null || typeof body !== "object") throw new Problem("json", { url });
  return body;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Notes each check below the step; the first that fails ends the flow. */
function require(step, checks) {
  const noted = checks.map(([ok, key, values = {}]) => ({ ok: Boolean(ok), key, values }));
  const at = memory.timeline.findLastIndex((entry) => entry.step === step);
  const failed = noted.find((check) => !check.ok);
  const timeline = memory.timeline.with(at, {
    ...memory.timeline[at],
    checks: [...memory.timeline[at].checks, ...noted],
    ok: !failed && memory.timeline[at].ok,
  });
  remember({ timeline });
  renderTimeline();
  if (failed) throw new Problem("check", { check: t(`check.${failed.key}`, failed.values) });
}

function record(entry) {
  remember({ timeline: [...memory.timeline, { time: Date.now(), ok: true, checks: [], ...entry }] });
  renderTimeline();
}

function amend(changes) {
  remember({ timeline: memory.timeline.with(-1, { ...memory.timeline.at(-1), ...changes }) });
  renderTimeline();
}

const lines = (parameters) => Object.entries(parameters).map(([name, value]) => `${name} = ${value}`).join("\n");

// ---------------------------------------------------------------------------------------------------------------------
// The page

const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function renderStatus(state, values) {
  $("status").dataset.state = state;
  $("status").textContent = t(`state.${state}`, values);
  const idle = state !== "working";
  $("start").disabled = !idle;
  $("userinfo").disabled = $("refresh").disabled = !(idle && memory.tokens);
  $("clear").disabled = !idle;
}

function renderTimeline() {
  $("empty").hidden = memory.timeline.length > 0;
  // Only what is new or changed is drawn again: what somebody has opened stays open.
  const list = $("timeline");
  memory.timeline.forEach((entry, at) => {
    const drawn = JSON.stringify(entry);
    const old = list.children[at];
    if (old?.drawn === drawn) return;
    const item = timelineItem(entry, old?.querySelector("details")?.open ?? false);
    item.drawn = drawn;
    old ? old.replaceWith(item) : list.append(item);
  });
  while (list.children.length > memory.timeline.length) list.lastChild.remove();
}

function timelineItem({ step, time, ok, checks, request, answer, problem }, open) {
  const clock = new Date(time);
  const title = element("div", { class: "title" },
    element("h3", {}, t(`step.${step}`)),
    element("time", { datetime: clock.toISOString() }, clock.toLocaleTimeString(language)));
  const item = element("li", { "data-step": step, "data-ok": String(ok) }, title);
  if (problem) item.append(element("p", { class: "problem" }, problem));
  if (checks.length) {
    const note = ({ ok, key, values }) => element("li", { "data-check": key, "data-ok": String(ok) }, t(`check.${key}`, values));
    item.append(element("ul", { class: "checks" }, ...checks.map(note)));
  }
  if (request || answer) {
    const details = element("details", { class: "messages" }, element("summary", {}, t(answer ? "messages" : "request")));
    details.open = open || !ok;
    if (request) details.append(block(t("request"), request));
    if (answer) details.append(block(t("answer"), answer));
    item.append(details);
  }
  return item;
}

function renderTokens() {
  $("tokens").hidden = !memory.tokens;
  for (const [id, raw] of [["access-token", memory.tokens?.access_token], ["id-token", memory.tokens?.id_token]]) {
    const panel = $(id);
    while (panel.children.length > 1) panel.lastChild.remove();
    delete panel.dataset.verified;
    if (raw) renderToken(panel, raw, memory.checked?.[id] === true);
  }
}

function renderToken(panel, raw, verified) {
  panel.dataset.verified = String(verified);
  const token = decode(raw);
  if (token) {
    const until = t("until", { time: new Date(token.payload.exp * 1000).toLocaleTimeString(language) });
    panel.append(
      element("p", { class: "seal" }, element("strong", {}, t(verified ? "verified" : "not-verified")), ` · ${until}`),
      element("div", { class: "parts" },
        block(t("header"), JSON.stringify(token.header, null, 2), "header"),
        block(t("payload"), JSON.stringify(token.payload, null, 2), "payload")));
  } else {
    panel.append(element("p", {}, t("opaque")));
  }
  panel.append(element("details", {}, element("summary", {}, t("raw")), element("pre", { class: "raw" }, raw)));
}

function block(label, text, name = "message") {
  return element("div", { class: "block" }, element("h4", {}, label), element("pre", { "data-part": name }, text));
}

function render() {
  $("issuer").textContent = memory.settings?.issuer ?? "–";
  $("client").textContent = memory.settings?.clientId ?? "–";
  renderTimeline();
  renderTokens();
}

/** Runs a piece of the flow and tells how it ended. */
async function run(piece) {
  renderStatus("working");
  try {
    await piece();
    render();
    renderStatus(memory.tokens ? "signed-in" : "signed-out", { name: memory.name });
  } catch (error) {
    const problem = error instanceof Problem ? error.message : t("problem.other", { message: String(error) });
    if (memory.timeline.length) amend({ ok: false, problem });
    render();
    renderStatus("error", { problem });
  }
}

function translatePage() {
  document.documentElement.lang = language;
  document.title = `${t("title")} · authward`;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
}

translatePage();
$("start").addEventListener("click", () => run(async () => {
  await startSignIn();
  // The browser is leaving; until it has left, nothing is to be pressed.
  await new Promise(() => {});
}));
$("userinfo").addEventListener("click", () => run(askUserinfo));
$("refresh").addEventListener("click", () => run(refresh));
$("clear").addEventListener("click", () => run(async () => forget()));
// Coming back with the browser's back button finds the page as it was left: busy.
addEventListener("pageshow", (event) => event.persisted && location.reload());

await run(async () => {
  const query = new URLSearchParams(location.search);
  const settings = settle(query.has("state") ? new URLSearchParams() : query);
  if (JSON.stringify(settings) !== JSON.stringify(memory.settings)) {
    forget();
    remember({ settings });
  }
  render();
  if (!query.has("code") && !query.has("error")) return;
  // The code leaves the address bar and the history before it is used.
  history.replaceState(null, "", redirectUri);
  await finishSignIn(query);
});
