import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { concat } from "../unit/_hello.ts";
import { type Outcome, shunt, shuntWithInput } from "./_process.ts";

const EXAMPLE = `${import.meta.dirname}/../../config.example.yaml`;
const GOOD = `
listeners:
  edge:
    bind: 127.0.0.1:0
    routes:
      - match: { protocol: tls, sni: "*.example.com", alpn: h2 }
        upstream: web
      - match: { protocol: ssh, source: 10.0.0.0/8 }
        upstream: bastion
      - match: { protocol: quic }
        upstream: web
upstreams:
  web: { targets: ["192.0.2.1:443"] }
  bastion: { targets: ["192.0.2.2:22"] }
`;

/** A folder for the files of a test. */
async function makeFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "shunt-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Writes captures of the test data as the bytes they stand for. */
async function writeCaptures(folder: string, ...names: readonly string[]): Promise<string[]> {
  return await Promise.all(names.map(async (name) => {
    const hex = await Deno.readTextFile(`${import.meta.dirname}/../testdata/${name}.hex`);
    const path = `${folder}/${name}`;
    await Deno.writeFile(path, new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex")));
    return path;
  }));
}

/** Asserts that the command succeeded and wrote nothing to standard error. */
function succeeded({ code, out, err }: Outcome): string {
  assertEquals([code, err], [0, ""]);
  return out;
}

Deno.test("cli: a command that cannot run says why and exits with the code of its kind", async () => {
  await using folder = await makeFolder();
  const good = `${folder.path}/good.yaml`;
  const bad = `${folder.path}/bad.yaml`;
  await Deno.writeTextFile(good, GOOD);
  await Deno.writeTextFile(bad, GOOD.replace("upstream: bastion", "upstream: bastoin"));
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const missing = `${folder.path}/missing.yaml`;
  const cases: readonly (readonly [args: readonly string[], code: number, err: RegExp])[] = [
    [["run", "-c", missing], 2, /Cannot read ".*missing\.yaml": it does not exist/],
    [["-c", missing], 2, /Cannot read ".*missing\.yaml"/],
    [["run", "-c", bad], 2, /bad\.yaml:9:19: error: .*"bastoin".*"bastion"/],
    [["check", "-c", bad], 2, /bad\.yaml:9:19: error: .*"bastoin".*"bastion"/],
    [["check", "-c", missing], 2, /Cannot read/],
    [["explain", "-c", bad, "--protocol", "tls"], 2, /"bastoin"/],
    [
      ["run", "-c", good, "--set", `listeners.edge.bind=127.0.0.1:${taken.addr.port}`],
      1,
      /Cannot bind listener "edge" to 127\.0\.0\.1:\d+/,
    ],
    [["run", "-c", good, "--set", "drain_timeout"], 2, /path=value/],
    [["run", "-c", good, "--set", "drain_timeout=soon"], 2, /drain_timeout: .*soon/],
    [["run", "-c"], 2, /Option "--config" needs a value/],
    [["run", "-c", good, "more"], 2, /Argument "more" is not expected/],
    [["run", "--fast"], 2, /Option "--fast" is unknown/],
    [["go"], 2, /Verb "go" is unknown/],
    [["top", "--admin", "127.0.0.1:1"], 1, /Nobody answers at 127\.0\.0\.1:1/],
    [["init", "here"], 2, /Argument "here" is not expected/],
    [["version", "--yaml"], 2, /Option "--yaml" is unknown/],
    [["detect"], 2, /No file given/],
    [["detect", missing], 2, /Cannot read/],
    [["explain", "-c", good], 2, /--protocol/],
    [["explain", "-c", good, "--protocol", "telnet"], 2, /"telnet" is unknown/],
    [["explain", "-c", good, "--listener", "inner", "--protocol", "tls"], 2, /"inner"/],
    [["explain", "-c", good, "--source", "home", "--protocol", "tls"], 2, /source "home"/],
  ];
  for (let i = 0; i < cases.length; i += 4) {
    await Promise.all(
      cases.slice(i, i + 4).map(async ([args, code, message]) => {
        const outcome = await shunt(...args);
        assertMatch(outcome.err, message);
        assertEquals([outcome.code, outcome.out], [code, ""], args.join(" "));
      }),
    );
  }
});

Deno.test("cli: check reports every error at once, and warnings without failing", async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/config.yaml`;
  const check = async (yaml: string) => {
    await Deno.writeTextFile(file, yaml);
    return await shunt("check", "-c", file);
  };
  assertStringIncludes(succeeded(await check(GOOD)), "no problems (listeners: 1, upstreams: 2)");

  const broken = GOOD.replace("protocol: tls", "protocol: tsl").replace(":443", ":66666")
    .replace("bind: 127.0.0.1:0", "bnid: 127.0.0.1:0");
  const { code, err } = await check(broken);
  assertEquals(code, 2);
  assertStringIncludes(err, '"tsl"; did you mean "tls"?');
  assertStringIncludes(err, '"66666"');
  assertStringIncludes(err, '"bnid"; did you mean "bind"?');

  const open = await check(GOOD.replace("bind: 127.0.0.1:0", "bind: 0.0.0.0:0"));
  assertStringIncludes(succeeded(open), "One source address may have at once");
  assertEquals(succeeded(await check(GOOD)).includes("One source"), false, "on loopback");

  const odd = await check(`${GOOD}  spare: { targets: ["192.0.2.3:80"] }\n`);
  assertEquals(odd.code, 0);
  assertMatch(odd.err, /config\.yaml:15:3: warning: upstreams\.spare: /);
  assertStringIncludes(odd.out, "usable, with warnings");
});

Deno.test("cli: detect recognises captures of real clients", async () => {
  await using folder = await makeFolder();
  const files = await writeCaptures(
    folder.path,
    "tls_openssl_client",
    "http1_curl_get",
    "http2_curl_prior_knowledge",
    "ssh_openssh_client",
    "socks5_curl",
    "socks4a_curl",
  );
  const noise = `${folder.path}/noise`;
  await Deno.writeTextFile(noise, "noise that nothing knows");
  const cut = `${folder.path}/cut`;
  await Deno.writeFile(cut, (await Deno.readFile(files[0]!)).subarray(0, 100));
  const [v1, v2] = await writeCaptures(
    folder.path,
    "quic_v1_initial_deno",
    "quic_v2_initial_rfc9369_a2",
  );

  const [lines, json, flow, flowJson, piped] = await Promise.all([
    shunt("detect", ...files, noise, cut),
    shunt("detect", "--json", files[0]!, cut),
    shunt("detect", "--udp", v1!),
    shunt("detect", "--udp", "--json", v2!),
    shuntWithInput(await Deno.readFile(files[3]!), "detect", "-"),
  ]);
  const found = succeeded(lines).trimEnd().split("\n").map((line) => line.split(": ")[1]);
  assertEquals(found, [
    'tls sni="www.example.com" alpn="h2,http/1.1" ' +
    "ja4=t13d3111h2_e8f1e7e78f70_1f22a2ca17c4 tls_version=1.3 hello_bytes=334",
    'http version=1.1 host="web.example.com"',
    'http version=2 host="web.example.com"',
    "ssh version=2.0",
    "socks5",
    "socks4",
    "unknown",
    "tls (incomplete",
  ]);
  assertEquals(succeeded(json).trimEnd().split("\n").map((line) => JSON.parse(line)), [
    {
      file: files[0],
      protocol: "tls",
      sni: "www.example.com",
      alpn: ["h2", "http/1.1"],
      ja4: "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4",
      tls_version: "1.3",
      hello_bytes: 334,
      complete: true,
    },
    { file: cut, protocol: "tls", complete: false },
  ]);
  assertEquals(
    succeeded(flow),
    `${v1}: quic version=1 sni="quic.example.net" alpn="h3,hq-29" ` +
      "ja4=q13d0312h3_55b375c5d22e_16aff4c164e8 tls_version=1.3 hello_bytes=301\n",
  );
  const { protocol, version, sni } = JSON.parse(succeeded(flowJson));
  assertEquals([protocol, version, sni], ["quic", "2", "example.com"]);
  assertEquals(succeeded(piped), "-: ssh version=2.0\n");
});

Deno.test("cli: explain names route, upstream and target, and why each earlier route does not match", async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/config.yaml`;
  await Deno.writeTextFile(file, GOOD);
  const explain = (...args: string[]) => shunt("explain", "-c", file, ...args);
  const [ssh] = await writeCaptures(folder.path, "ssh_openssh_client");
  const [quic] = await writeCaptures(folder.path, "quic_v1_initial_deno");

  const [tls, byFile, elsewhere, flow, silent] = await Promise.all([
    explain("--protocol", "tls", "--sni", "A.Example.com", "--alpn", "http/1.1", "--alpn", "h2"),
    explain("--listener", "edge", "--source", "10.1.2.3:4711", ssh!),
    explain("--source", "192.0.2.9", "--protocol", "ssh"),
    explain("--udp", quic!),
    explain("--protocol", "silent", "--set", "listeners.edge.detect.on_timeout=close"),
  ]);
  assertEquals(
    succeeded(tls),
    "routes[0] -> web: matches\nupstream: web (balance: round_robin)\ntarget: 192.0.2.1:443\n",
  );
  assertMatch(succeeded(byFile), /^detect: ssh version=2\.0$/m);
  assertMatch(succeeded(byFile), /^routes\[0\] -> web: protocol "ssh" is none of "tls"$/m);
  assertMatch(succeeded(byFile), /^routes\[1\] -> bastion: matches$/m);
  assertMatch(succeeded(byFile), /^target: 192\.0\.2\.2:22$/m);
  assertMatch(succeeded(elsewhere), /^routes\[1\] -> bastion: .*192\.0\.2\.9/m);
  assertMatch(succeeded(elsewhere), /^no route matches: shunt closes it$/m);
  assertMatch(succeeded(flow), /^routes\[2\] -> web: matches$/m);
  assertMatch(succeeded(silent), /^no more comes in time: shunt closes it \(detect_timeout\)/);
});

Deno.test("cli: detect and explain peel the layers that a session would", async () => {
  await using folder = await makeFolder();
  const config = `${folder.path}/config.yaml`;
  await Deno.writeTextFile(
    config,
    `listeners:
  db:
    bind: 127.0.0.1:0
    proxy_protocol: { accept: optional, trusted: [127.0.0.0/8] }
    routes:
      - match: { protocol: postgres, sni: www.example.com, source: 192.0.2.0/24 }
        upstream: db
      - match: { protocol: postgres }
        upstream: rest
upstreams:
  db: { targets: ["192.0.2.1:5432"] }
  rest: { targets: ["192.0.2.2:5432"] }
`,
  );
  const [request, hello] = await Promise.all(
    (await writeCaptures(folder.path, "postgres_psql_ssl_request", "tls_openssl_client"))
      .map((path) => Deno.readFile(path)),
  );
  const write = async (name: string, ...parts: readonly Uint8Array[]) => {
    const path = `${folder.path}/${name}`;
    await Deno.writeFile(path, concat(...parts));
    return path;
  };
  const header = new TextEncoder().encode("PROXY TCP4 192.0.2.7 198.51.100.1 4711 5432\r\n");
  const whole = await write("whole", header, request!, hello!);
  const bare = await write("bare", header);
  const begun = await write("begun", request!);
  const early = await write("early", request!, request!);
  const explain = (...args: readonly string[]) => shunt("explain", "-c", config, ...args);
  const tls = "listeners.db.routes[0].match.protocol=tls";
  const sni = ["--protocol", "postgres", "--sni", "www.example.com", "--source", "192.0.2.7"];
  const [lines, json, routed, elsewhere, silent, twice, named, unasked] = await Promise.all([
    shunt("detect", whole, bare, begun, early),
    shunt("detect", "--json", whole),
    explain(whole),
    explain("--source", "198.51.100.1", whole),
    explain(begun),
    explain(early),
    explain(...sni),
    explain("--set", tls, ...sni),
  ]);
  const found = succeeded(lines).trimEnd().split("\n").map((line) =>
    line.slice(line.indexOf(": "))
  );
  const proxied = ": PROXY header (source 192.0.2.7:4711) > ";
  assertMatch(
    found[0]!,
    /> SSLRequest > postgres sni="www.example.com" alpn="h2,http\/1.1" ja4=t13d/,
  );
  assertEquals(found.slice(1), [
    `${proxied}silent (incomplete: more bytes could tell more)`,
    ": SSLRequest > postgres (incomplete: more bytes could tell more)",
    ": SSLRequest > unknown",
  ]);
  const { protocol, layers, complete } = JSON.parse(succeeded(json));
  assertEquals([protocol, complete], ["postgres", true]);
  assertEquals(layers, ["PROXY header (source 192.0.2.7:4711)", "SSLRequest"]);
  assertMatch(
    succeeded(routed),
    /^opening: held if .* as routes that name "postgres" ask for sni$/m,
  );
  assertMatch(succeeded(routed), /^routes\[0\] -> db: matches$/m);
  assertMatch(succeeded(elsewhere), /^detect: unknown$/m);
  assertMatch(succeeded(silent), /shunt closes it \(opening_timeout\)/);
  assertMatch(succeeded(twice), /shunt closes it \(opening_violation\)/);
  assertMatch(succeeded(named), /^routes\[0\] -> db: matches$/m);
  assertMatch(succeeded(unasked), /^opening: not held, as no routes that name "postgres" ask/m);
  assertMatch(succeeded(unasked), /^routes\[1\] -> rest: matches$/m);
});

Deno.test("cli: explain takes a fingerprint, whole and as clients have it", async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/config.yaml`;
  await Deno.writeTextFile(file, GOOD);
  const explain = (...args: string[]) =>
    shunt("explain", "-c", file, "--set", "listeners.edge.routes[0].match={ja4: t13d*}", ...args);
  const print = "t13d1516h2_8daaf6152771_02713d6af862";
  const [known, other, byFile, part, ssh] = await Promise.all([
    explain("--protocol", "tls", "--ja4", print),
    explain("--protocol", "tls", "--ja4", print.replace("d", "i")),
    explain(...await writeCaptures(folder.path, "tls_curl_client")),
    explain("--protocol", "tls", "--ja4", "t13d*"),
    explain("--protocol", "ssh", "--ja4", print),
  ]);
  assertMatch(succeeded(known), /^routes\[0\] -> web: matches$/m);
  assertMatch(succeeded(other), /^routes\[0\] -> web: ja4 "t13i1516h2_\S+" is none of "t13d\*"$/m);
  assertMatch(succeeded(byFile), /^routes\[0\] -> web: matches$/m);
  assertEquals([part.code, ssh.code], [2, 2]);
  assertStringIncludes(
    part.err,
    '"t13d*" is no JA4 fingerprint; give a whole one such as "t13d',
  );
  assertStringIncludes(ssh.err, 'Protocol "ssh" has no ja4; leave out "--ja4"');
});

Deno.test("cli: check accepts the configuration that init prints, and the example", async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/config.yaml`;
  const started = succeeded(await shunt("init"));
  await Deno.writeTextFile(file, started);
  assertMatch(started, /^#/m);
  const [checked, example] = await Promise.all([
    shunt("check", "-c", file),
    shunt("check", "-c", EXAMPLE),
  ]);
  assertStringIncludes(succeeded(checked), "no problems");
  assertStringIncludes(succeeded(example), "no problems");
});

Deno.test("cli: schema prints JSON Schema, version prints versions, help lists every verb", async () => {
  const [schema, version, json, help, runHelp] = await Promise.all([
    shunt("schema"),
    shunt("version"),
    shunt("version", "--json"),
    shunt("--help"),
    shunt("run", "--help"),
  ]);
  const { $schema, properties } = JSON.parse(succeeded(schema));
  assertMatch($schema, /json-schema\.org/);
  assert("listeners" in properties && "upstreams" in properties && "drain_timeout" in properties);
  assertStringIncludes(succeeded(version), `shunt ${project.version} (`);
  assertEquals(JSON.parse(succeeded(json)).version, project.version);
  for (const verb of ["run", "check", "explain", "detect", "init", "schema", "version"]) {
    assertMatch(succeeded(help), new RegExp(`^  ${verb} `, "m"));
  }
  for (const option of ["--config", "--ready-file", "--set"]) {
    assertStringIncludes(succeeded(runHelp), option);
  }
});
