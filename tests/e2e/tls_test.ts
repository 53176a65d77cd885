import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { edge } from "./_edge.ts";
import { askTls, Certificates, serveTls } from "./_openssl.ts";
import { withShunt } from "./_process.ts";
import { run } from "./_tools.ts";

Deno.test("openssl: server name and ALPN lead to three servers, each with its own certificate", async () => {
  await using certificates = await Certificates.make("one.example", "two.example", "acme.example");
  await using acme = await serveTls(certificates, "acme.example", "acme-tls/1");
  await using one = await serveTls(certificates, "one.example", "h2");
  await using two = await serveTls(certificates, "two.example");
  const targets = { "tls-acme": acme.port, "tls-one": one.port, "tls-two": two.port };
  await withShunt(edge(targets), async (shunt) => {
    const port = shunt.port();
    const cases = [
      [{ sni: "one.example", alpn: "h2" }, "one.example", "h2", "tls-one"],
      [{ sni: "one.example" }, "one.example", undefined, "tls-one"],
      [{ sni: "one.example", alpn: "acme-tls/1" }, "acme.example", "acme-tls/1", "tls-acme"],
      [{ sni: "two.example" }, "two.example", undefined, "tls-two"],
      [{ sni: "A.b.TWO.example" }, "two.example", undefined, "tls-two"],
    ] as const;
    for (const [client, name, alpn, upstream] of cases) {
      assertEquals(await askTls(port, certificates, client), { name, alpn });
      const line = await shunt.ended({
        upstream,
        protocol: "tls",
        sni: client.sni.toLowerCase(),
        reason: "done",
      });
      assertEquals(line.target, `127.0.0.1:${targets[upstream]}`);
    }
  });
});

Deno.test("openssl: a hello without a server name goes where only a route for the rest is left", async () => {
  await using certificates = await Certificates.make("rest.example");
  await using rest = await serveTls(certificates, "rest.example");
  await withShunt(edge({ names: rest.port }), async (shunt) => {
    const { name } = await askTls(shunt.port(), certificates, {});
    assertEquals(name, "rest.example");
    await shunt.ended({ protocol: "tls", sni: undefined, upstream: "names", reason: "done" });
  });
});

Deno.test("openssl: has one fingerprint, whatever the name, which a route can ask for", async () => {
  await using certificates = await Certificates.make("one.example", "two.example", "rest.example");
  await using one = await serveTls(certificates, "one.example", "h2");
  await using two = await serveTls(certificates, "two.example", "h2");
  await using rest = await serveTls(certificates, "rest.example");
  let known = "";
  await withShunt(edge({ "tls-one": one.port, "tls-two": two.port }), async (shunt) => {
    const prints: string[] = [];
    for (const [sni, alpn] of [["one.example", "h2"], ["two.example", "h2"], ["a.two.example"]]) {
      await askTls(shunt.port(), certificates, { sni: sni!, ...(alpn && { alpn }) });
      const line = await shunt.ended({ sni, tls_version: "1.3" });
      assertGreater(Number(line.hello_bytes), 150);
      prints.push(String(line.ja4));
    }
    const [first = "", second, without = ""] = prints;
    assertMatch(first, /^t13d[0-9]{4}h2(?:_[0-9a-f]{12}){2}$/);
    assertEquals(second, first);
    assertMatch(without, /^t13d[0-9]{4}00/);
    assertEquals(without.slice(10), first.slice(10));
    known = first;
  });
  const routes = `
    routes:
      - { match: { ja4: ["t10*", ${known}] }, upstream: known }
      - { match: { ja4: "t13i*" }, upstream: rest }
upstreams:
  known: { targets: ["127.0.0.1:${one.port}"] }
  rest: { targets: ["127.0.0.1:${rest.port}"] }
`;
  await withShunt(`listeners:\n  edge:\n    bind: 127.0.0.1:0${routes}`, async (shunt) => {
    const { name } = await askTls(shunt.port(), certificates, { sni: "one.example", alpn: "h2" });
    assertEquals(name, "one.example");
    await shunt.ended({ upstream: "known", ja4: known });
    const nameless = await askTls(shunt.port(), certificates, {});
    assertEquals(nameless.name, "rest.example");
    await shunt.ended({ upstream: "rest" });
  });
});

Deno.test("curl: HTTPS with HTTP/1.1 and HTTP/2, the certificate checked end to end", async () => {
  await using certificates = await Certificates.make("one.example", "www.two.example");
  const serve = async (name: string) =>
    Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(certificates.certificate(name)),
      key: await Deno.readTextFile(certificates.key(name)),
      onListen: () => {},
    }, ({ url }) => new Response(`${name} ${new URL(url).pathname}`));
  await using one = await serve("one.example");
  await using two = await serve("www.two.example");
  const targets = { "tls-one": one.addr.port, "tls-two": two.addr.port };
  await withShunt(edge(targets), async (shunt) => {
    const port = shunt.port();
    for (const [name, upstream] of [["one.example", "tls-one"], ["www.two.example", "tls-two"]]) {
      for (const [option, version] of [["--http1.1", "1.1"], ["--http2", "2"]] as const) {
        const answer = await run("curl", [
          ...["-sS", option, "--cacert", certificates.authority, "-w", " %{http_version}"],
          ...["--resolve", `${name}:${port}:127.0.0.1`, `https://${name}:${port}/over${version}`],
        ]);
        assertEquals(answer, `${name} /over${version} ${version}`);
        const { alpn } = await shunt.ended({ upstream, sni: name });
        assertMatch(String(alpn), /http\/1\.1/);
      }
    }
  });
});
