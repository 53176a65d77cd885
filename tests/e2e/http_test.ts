import { assertEquals } from "@std/assert";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";
import { bytes } from "./_shunt.ts";
import { run } from "./_tools.ts";

/** An HTTP server that answers with its name, the path, and the length of the body. */
function serveWeb(name: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    return new Response(`${name} ${request.method} ${pathname} ${body.byteLength}`);
  });
}

/** Options of curl that connect to a port on loopback whatever the URL says. */
function through(port: number): string[] {
  return ["-sS", "--connect-to", `::127.0.0.1:${port}`];
}

Deno.test("curl: the host leads HTTP/1.1 requests to different servers, bodies and all", async () => {
  await using one = serveWeb("first");
  await using two = serveWeb("second");
  const targets = { "web-one": one.addr.port, "web-two": two.addr.port };
  await withShunt(edge(targets), async (shunt) => {
    const options = through(shunt.port());
    const body = bytes("x".repeat(1_000_000));
    const cases = [
      [["http://one.example/a"], undefined, "first GET /a 0"],
      [["http://one.example/a", "http://one.example/b"], undefined, "first GET /a 0first GET /b 0"],
      [["http://A.B.Two.Example:8080/c"], undefined, "second GET /c 0"],
      [["-T", "-", "http://one.example/put"], body, "first PUT /put 1000000"],
      [["--data-binary", "@-", "http://www.two.example/"], body, "second POST / 1000000"],
    ] as const;
    for (const [args, input, expected] of cases) {
      assertEquals(await run("curl", [...options, ...args], input), expected);
    }
    await shunt.ended({ protocol: "http", host: "a.b.two.example", upstream: "web-two" });
  });
});

Deno.test("curl: HTTP/2 with prior knowledge is routed by its authority", async () => {
  await using one = serveWeb("first");
  await using two = serveWeb("second");
  const targets = { "web-one": one.addr.port, "web-two": two.addr.port };
  await withShunt(edge(targets), async (shunt) => {
    const options = [...through(shunt.port()), "--http2-prior-knowledge", "-w", " %{http_version}"];
    for (const [host, name] of [["one.example", "first"], ["a.two.example", "second"]] as const) {
      assertEquals(await run("curl", [...options, `http://${host}/h2`]), `${name} GET /h2 0 2`);
      const line = await shunt.ended({ protocol: "http", host });
      assertEquals(line.reason, "done");
    }
  });
});

Deno.test("curl: the built-in hello shows what shunt saw of a request", async () => {
  const yaml = edge({}).replace(/(web-one: ).*/, '$1{ targets: ["builtin:hello"] }');
  await withShunt(yaml, async (shunt) => {
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      const args = [...through(shunt.port()), version, "http://one.example/path?query"];
      const { id, source, method, path, ...rest } = JSON.parse(await run("curl", args));
      assertEquals(rest.protocol, "http");
      assertEquals([rest.host, rest.listener, rest.upstream], ["one.example", "edge", "web-one"]);
      assertEquals([method, path], ["GET", "/path?query"]);
      const line = await shunt.ended({ id });
      assertEquals([line.source, line.route], [source, rest.route]);
    }
  });
});
