/**
 * No client gets past a route by name with a hello whose name cannot be read: cut, too long, or invalid. If
 * no route asks for names, everything goes on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { AccessRecord } from "../../src/observe/access/record.ts";
import { buildClientHello, concat, recordize } from "../unit/_hello.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  serveTcp,
  startShunt,
  type TcpServer,
  type TestShunt,
  until,
  writeAll,
} from "./_shunt.ts";

const REFUSED = "refused.example";
const BY_NAME = `
      - match: { protocol: tls, sni: ${REFUSED} }
        upstream: refused
      - match: { protocol: http, host: ${REFUSED} }
        upstream: refused
      - upstream: all`;

function listener(routes: string, port: number, detect = ""): string {
  return `
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    detect: { timeout: 100ms, max_bytes: 1KiB${detect} }
    routes:${routes}
upstreams:
  refused: { targets: ["builtin:reset"] }
  all: { targets: ["127.0.0.1:${port}"] }
`;
}

/** A client's first bytes: at once, and after detection has ended. */
interface Opening {
  readonly name: string;
  readonly now: Uint8Array;
  readonly later?: Uint8Array;
  readonly end: string;
}

const HELLO = recordize(buildClientHello({ sni: REFUSED, alpn: ["h2"] }));
const PADDED = recordize(buildClientHello({ sni: REFUSED, size: 3000 }));
const LATE = recordize(buildClientHello({ before: [[21, new Uint8Array(3000)]], sni: REFUSED }));
const HEAD = bytes(`GET / HTTP/1.1\r\nHost: ${REFUSED}\r\n\r\n`);

function pause(name: string, all: Uint8Array, at: number): Opening {
  return { name, now: all.subarray(0, at), later: all.subarray(at), end: "deadline" };
}

/** The list of protocols is longer than its extension. */
const LONG_LIST = HELLO.with(HELLO.length - 4, 9);

const OPENINGS: readonly Opening[] = [
  ...[1, 2, 5, 6, 9, 60, HELLO.length - 1].map((at) =>
    pause(`a pause after ${at} bytes of a hello`, HELLO, at)
  ),
  ...[1, 5].map((at) => pause(`a pause after ${at} bytes of a head`, HEAD, at)),
  { name: "a padded hello", now: PADDED, end: "max_bytes" },
  { name: "a hello whose name comes late", now: LATE, end: "max_bytes" },
  ...[`*.${REFUSED}`, `.${REFUSED}`, "a..example", `a/b.${REFUSED}`, `${REFUSED}:443`].map(
    (sni) => ({
      name: `the name ${sni}`,
      now: recordize(buildClientHello({ sni })),
      end: "bad_name",
    }),
  ),
  { name: "a list that contradicts itself", now: LONG_LIST, end: "malformed" },
];

/** If no route asks for a host, shunt does not wait for it. */
const HALF_HEAD = pause("a pause before the end of a head", HEAD, HEAD.length - 1);

/** What came of an opening. */
interface Outcome {
  readonly record: AccessRecord;
  /** What a target sent back. */
  readonly echoed: Uint8Array;
}

/** Opens a session with these bytes through shunt, to a target that echoes. */
async function open(
  shunt: TestShunt,
  server: TcpServer,
  { now, later }: Opening,
): Promise<Outcome> {
  const { accepted } = server;
  const client = await connect(shunt.port());
  let echoed: Uint8Array = new Uint8Array(0);
  try {
    await writeAll(client, now);
    const over = () => server.accepted > accepted || shunt.records.length > 0;
    if (later !== undefined) {
      await until(over, "detection to end");
      await writeAll(client, later);
    }
    await client.closeWrite();
    echoed = await readAll(client);
  } catch {
    // Closed by shunt.
  } finally {
    client.close();
  }
  return { echoed, record: await shunt.ended() };
}

async function tryAll(
  yaml: (port: number) => string,
  claim: (opening: Opening, outcome: Outcome) => void,
  more: readonly Opening[] = [],
): Promise<void> {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(yaml(server.port));
  for (const opening of [...OPENINGS, ...more]) claim(opening, await open(shunt, server, opening));
}

/** Claims that a target got all that a client sent. */
function claimServed({ name, now, later, end }: Opening, { record, echoed }: Outcome): void {
  assertEquals(echoed, concat(now, later ?? []), name);
  assertEquals([record.detected?.end, record.upstream], [end, "all"], name);
}

Deno.test("unreadable: no hello or head gets past the route that refuses its name", async () => {
  await tryAll((port) => listener(BY_NAME, port), ({ name, end }, { record, echoed }) => {
    const { reason, detected, upstream } = record;
    assertEquals([reason, detected?.end, upstream], ["unreadable", end, undefined], name);
    assertEquals(echoed.length, 0, name);
  }, [HALF_HEAD]);
});

Deno.test("unreadable: on_unreadable: fallthrough takes the route that asks for no name", async () => {
  await tryAll((port) => listener(BY_NAME, port, ", on_unreadable: fallthrough"), claimServed, [
    HALF_HEAD,
  ]);
});

Deno.test("unreadable: without routes by name all goes on", async () => {
  const routes = `
      - match: { protocol: ssh }
        upstream: refused
      - upstream: all`;
  await tryAll((port) => listener(routes, port), claimServed);
});

Deno.test("unreadable: on_unreadable: close depends on what is certain, not on routes by name", async () => {
  const routes = `
      - match: { protocol: ssh }
        upstream: refused
      - upstream: all`;
  await tryAll((port) => listener(routes, port, ", on_unreadable: close"), (opening, outcome) => {
    // With fewer bytes no protocol is certain.
    if (outcome.record.detected?.protocol === "unknown") claimServed(opening, outcome);
    else assertEquals(outcome.record.reason, "unreadable", opening.name);
  });
});

Deno.test("unreadable: forms that only servers took before are read and routed", async () => {
  await using server = serveTcp(echo);
  await using shunt = await startShunt(listener(BY_NAME, server.port));
  const other = recordize(buildClientHello({ sni: "other.example" }), [40]);
  const [first, rest] = [other.subarray(0, 45), other.subarray(45)];
  const empty = [22, 3, 1, 0, 0];
  const forms = [
    other,
    concat(empty, other),
    concat(first, empty, rest),
    concat([21, 3, 1, 0, 2, 1, 41], other),
    other.with(2, 9),
    recordize(buildClientHello({ sni: "192.0.2.7" })),
    recordize(buildClientHello({})),
  ];
  for (const [i, now] of forms.entries()) {
    const outcome = await open(shunt, server, { name: `${i}`, now, end: "" });
    assertEquals([outcome.record.upstream, outcome.record.detected?.end], ["all", undefined]);
    assertEquals(outcome.echoed, now, `form ${i}`);
  }
  const refused = concat(empty, recordize(buildClientHello({ sni: REFUSED })).with(2, 9));
  const { record } = await open(shunt, server, { name: "", now: refused, end: "" });
  assertEquals([record.upstream, record.detected?.facts.sni], ["refused", REFUSED]);
});
