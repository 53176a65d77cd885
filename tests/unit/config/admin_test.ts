import { assert, assertEquals } from "@std/assert";
import { isLocalBind } from "../../../src/config/check_admin.ts";
import { load, testCases, withTop } from "./_table.ts";

const NEEDS_TOKEN = 'needs "token_file"; add "token_file: PATH" with a file that holds a secret ' +
  'of your own, or bind to "127.0.0.1:9901" or "unix:PATH"';

testCases([
  ...['"0.0.0.0:9901"', '"[::]:9901"', '"192.0.2.1:9901"', '"[fe80::1%eth0]:9901"'].map((bind) => ({
    name: `an admin address ${bind} without a token`,
    yaml: withTop(`admin:\n  bind: ${bind}`),
    lines: [
      `c.yaml:2:9: error: admin.bind: Address ${bind} can be reached from elsewhere, which ${NEEDS_TOKEN}`,
    ],
  })),
  {
    name: "an admin address that is a name",
    yaml: withTop('admin: { bind: "admin.example.com:9901" }'),
    lines: [
      'c.yaml:1:16: error: admin.bind: Cannot listen on a name, got "admin.example.com:9901"; use ' +
      'an IP address or "localhost"',
    ],
  },
  {
    name: "an empty token file",
    yaml: withTop('admin: { token_file: "" }'),
    lines: ['c.yaml:1:22: error: admin.token_file: Expected a path or null, got ""'],
  },
  {
    name: "a listener on the admin address that is not written",
    yaml: 'listeners:\n  edge: { bind: "0.0.0.0:9901", routes: [{ upstream: web }] }\n' +
      "upstreams: { web: { targets: [10.0.0.5:443] } }\n",
    lines: [
      'c.yaml:2:17: error: listeners.edge.bind: Address "0.0.0.0:9901" is taken (tcp) by the admin ' +
      'address "127.0.0.1:9901"; choose another port here or in "admin.bind", or set "admin: null"',
    ],
  },
]);

Deno.test("config: valid admin addresses are accepted", () => {
  const table = [
    'admin: { bind: "localhost:0" }',
    'admin: { bind: "127.9.9.9:9901" }',
    'admin: { bind: "[::1]:9901" }',
    'admin: { bind: "unix:/run/shunt/admin.sock" }',
    'admin: { bind: "0.0.0.0:9901", token_file: /etc/shunt/token }',
    // UDP is another matter, and so are ports that are not chosen yet.
    'admin: { bind: "127.0.0.1:0" }',
    "admin: {}",
    "admin: null",
  ];
  for (const admin of table) {
    const { config, problems } = load(withTop(admin));
    assertEquals([admin, problems], [admin, []]);
    assert(config !== undefined);
  }
});

Deno.test("config: addresses are local or not, however they are spelled", () => {
  const table = [
    ["127.0.0.1:1", true],
    ["localhost:1", true],
    ["[::1]:1", true],
    ["[0:0:0:0:0:0:0:1]:1", true],
    ["[::ffff:127.0.0.1]:1", true],
    ["unix:/x", true],
    ["[::]:1", false],
    ["0.0.0.0:1", false],
    ["[::ffff:192.0.2.1]:1", false],
    ["[::1%lo]:1", false],
    ["10.0.0.1:1", false],
    ["nonsense", false],
  ] as const;
  for (const [bind, local] of table) assertEquals([bind, isLocalBind(bind)], [bind, local]);
});
