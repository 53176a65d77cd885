import { assertEquals, assertStringIncludes } from "@std/assert";
import type { LogRecord } from "@logtape/logtape";
import { formatAccess } from "../../../../src/observe/access/record.ts";
import { formatterOf, formatText, setUpLog } from "../../../../src/observe/log/log.ts";
import { recordOf } from "../_records.ts";

function record(properties: Record<string, unknown>): LogRecord {
  return {
    category: ["shunt", "access"],
    level: "info",
    message: ["closed"],
    rawMessage: "closed",
    timestamp: 0,
    properties,
  };
}

const TABLE: readonly [Record<string, unknown>, string][] = [
  [{ id: "01A", sni: undefined }, "closed id=01A\n"],
  [{ sni: "a b" }, 'closed sni="a b"\n'],
  [{ sni: 'x" reason=done\nforged line' }, 'closed sni="x\\" reason=done\\nforged line"\n'],
  [{ alpn: ["h2", "http/1.1"] }, 'closed alpn="h2,http/1.1"\n'],
  [{ alpn: ["\u001b[31m"] }, 'closed alpn="\\u001b[31m"\n'],
  [{ alpn: ["\u009b31m\u007f"] }, 'closed alpn="\\u009b31m\\u007f"\n'],
  [{ host: "" }, 'closed host=""\n'],
  [{ bytes_up: 0 }, "closed bytes_up=0\n"],
];

for (const [properties, expected] of TABLE) {
  Deno.test(`log: text of ${JSON.stringify(properties)} is one safe line`, () => {
    const line = formatText(record(properties));
    assertEquals(line, `1970-01-01T00:00:00.000Z info    access: ${expected}`);
  });
}

const LOG = { access: true, access_rate: 0, template: null, file: null };

/** Logs one access line by a log set up as given, and returns what was written. */
async function written(format: "text" | "json", level: "info" | "error"): Promise<string> {
  let text = "";
  const write = (chunk: Uint8Array) => {
    text += new TextDecoder().decode(chunk);
    return Promise.resolve(chunk.length);
  };
  {
    await using log = await setUpLog({ ...LOG, level, format }, write);
    const record = recordOf({
      detected: {
        protocol: "tls",
        facts: {
          sni: "a.example",
          alpn: ["h2"],
          ja4: "t13d1516h2_8daaf6152771_02713d6af862",
          tls_version: "1.3",
          hello_bytes: 512,
        },
      },
    });
    log.write(formatAccess(record, formatterOf(format)));
  }
  return text;
}

Deno.test("log: an access line has the contract's fields as text", async () => {
  assertStringIncludes(
    await written("text", "info"),
    "closed id=01A transport=tcp listener=edge source=192.0.2.1:1 protocol=tls sni=a.example alpn=h2 " +
      "ja4=t13d1516h2_8daaf6152771_02713d6af862 tls_version=1.3 hello_bytes=512 " +
      "route=routes[0] upstream=web target=10.0.0.5:443 bytes_up=517 bytes_down=2331 detect_ms=0.412 " +
      "connect_ms=1 duration_ms=12.5 reason=done\n",
  );
});

Deno.test("log: an access line is one JSON object", async () => {
  const line = JSON.parse(await written("json", "info"));
  assertEquals(line.reason, "done");
  assertEquals(line.alpn, ["h2"]);
  assertEquals(line.ja4, "t13d1516h2_8daaf6152771_02713d6af862");
  assertEquals([line.tls_version, line.hello_bytes], ["1.3", 512]);
  assertEquals(line.bytes_up, 517);
  assertEquals("host" in line, false);
});

Deno.test("log: access lines are written whatever the level", async () => {
  assertStringIncludes(await written("text", "error"), "reason=done");
});
