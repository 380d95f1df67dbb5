// The OP iframe (OpenID Connect Session Management 1.0 §3.2): an app in another window asks whether the state of the sign-in
// is still the one that it was told of, and is told "unchanged", "changed" or "error". It is told nothing else, and the
// answer depends on the app's own origin.
"use strict";
{
  const cookieName = document.body.dataset.cookie;

  const browserState = () => {
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${cookieName}=`));
    return found ? found.slice(cookieName.length + 1) : "";
  };

  const encoded = (bytes) =>
    btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const isUnchanged = async (clientId, origin, sessionState) => {
    const salt = sessionState.slice(sessionState.indexOf(".") + 1);
    const text = `${clientId} ${origin} ${browserState()} ${salt}`;
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return `${encoded(new Uint8Array(hash))}.${salt}` === sessionState;
  };

  window.addEventListener("message", async (event) => {
    if (!event.source || event.source === window) return;
    const answer = (text) => event.source.postMessage(text, event.origin);
    const parts = typeof event.data === "string" && event.data.length < 1024 ? event.data.split(" ") : [];
    if (parts.length !== 2 || !/^[\w-]{43}\.[\w-]{22}$/.test(parts[1]) || event.origin === "null") return answer("error");
    try {
      answer((await isUnchanged(parts[0], event.origin, parts[1])) ? "unchanged" : "changed");
    } catch {
      answer("error");
    }
  });
}
