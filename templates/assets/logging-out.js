// Goes on as soon as every client has heard of the end of the session (OpenID Connect Front-Channel Logout). Without script
// the page goes on by itself after a few seconds.
"use strict";
window.addEventListener("load", () => {
  // The load event of a window comes after those of its frames.
  const next = document.querySelector("a[data-next]");
  if (next) window.location.replace(next.href);
});
