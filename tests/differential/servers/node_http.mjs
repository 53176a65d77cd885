// Serves HTTP/1 and HTTP/2 in the clear on two Unix sockets and answers with the host it goes by.
import http from "node:http";
import http2 from "node:http2";

// Some errors of HTTP/2's streams reach nobody else.
process.on("uncaughtException", () => {});

const [, , one, two] = process.argv;

function hostname(text) {
  return (text ?? "").split(":")[0].toLowerCase().replace(/\.$/, "");
}

http.createServer((request, response) => {
  const names = [hostname(request.headers.host)];
  try {
    names.push(new URL(request.url).hostname);
  } catch {
    // It is in origin form.
  }
  const served = names.join("|");
  response.setHeader("served", served);
  response.end(`served: ${served}\r\n`);
}).listen(one, () => {
  http2.createServer((request, response) => {
    const { headers } = request;
    response.end(`served: ${[headers[":authority"], headers.host].map(hostname).join("|")}\r\n`);
  }).listen(two, () => console.log("ready"));
});
