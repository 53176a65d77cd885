// Serves HTTP/1 or HTTP/2 in the clear and answers with the hosts that an application may go by. Two
// children serve: what crashes one must not end the test, and without any the port is closed.
import cluster from "node:cluster";
import http from "node:http";
import http2 from "node:http2";

const [, , version, port] = process.argv;

function hostname(text) {
  return (text ?? "").split(":")[0].toLowerCase().replace(/\.$/, "");
}

function answer(request, response) {
  const { headers, url } = request;
  const names = [headers[":authority"], headers.host].map(hostname);
  if (version === "1" && URL.canParse(url)) names.push(new URL(url).hostname);
  const served = names.join("|");
  if (version === "1") response.setHeader("served", served);
  response.end(`served: ${served}\r\n`);
}

if (cluster.isPrimary) {
  cluster.on("exit", () => cluster.fork());
  cluster.fork();
  cluster.fork();
} else {
  // Some errors of HTTP/2's streams reach nobody else.
  process.on("uncaughtException", () => {});
  const server = version === "1" ? http.createServer(answer) : http2.createServer(answer);
  server.listen(Number(port), "127.0.0.1");
}
