// Serves this example from an origin of its own, at the same paths as authward does:
//   node serve.mjs [port]      then open http://127.0.0.1:5173/demo?issuer=…&client_id=…
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const port = Number(process.argv[2] ?? 5173);
const files = {
  "/demo": ["index.html", "text/html; charset=utf-8"],
  "/demo/app.js": ["app.js", "text/javascript; charset=utf-8"],
  "/demo/style.css": ["style.css", "text/css; charset=utf-8"],
};
// As strict as authward's own, except that this page has to reach a server of another origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src http: https:; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const [name, type] = files[pathname] ?? [];
  if (pathname === "/") return response.writeHead(302, { Location: "/demo" }).end();
  if (!name) return response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
  response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache" });
  response.end(await readFile(new URL(name, import.meta.url)));
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/demo`));
