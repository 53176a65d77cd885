import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import {
  compileTemplate,
  parseTemplate,
  TEMPLATE_FIELDS,
} from "../../../../src/observe/access/template.ts";
import { recordOf } from "../_records.ts";

function named(sni: string) {
  return recordOf({ detected: { protocol: "tls", facts: { sni } } });
}

const TABLE: readonly [template: string, sni: string, line: string][] = [
  ["{source} {protocol} {sni} {target}", "a.example", "192.0.2.1:1 tls a.example 10.0.0.5:443"],
  ["{bytes_up}/{bytes_down} {duration_ms}ms", "a", "517/2331 12.5ms"],
  ["no field at all", "a", "no field at all"],
  ["{sni}\t{host}", "a", "a\t-"],
  ["{{{sni}}}", "a", "{a}"],
  ["{sni} {reason}", "x done\nforged", '"x done\\nforged" done'],
  ["{sni}", "-", '"-"'],
  ["{sni}", "", '""'],
  ['{{"sni":"{sni}"}}', 'x","reason":"', '{"sni":"x\\",\\"reason\\":\\""}'],
  ['"{sni}" {sni}', "a\u202eb", '"a\\u202eb" "a\\u202eb"'],
];

for (const [template, sni, line] of TABLE) {
  Deno.test(`access template: ${JSON.stringify(template)} with ${JSON.stringify(sni)}`, () => {
    assertEquals(compileTemplate(template)(named(sni)), `${line}\n`);
  });
}

Deno.test("access template: {alpn} is one value, {time} the time of day", () => {
  assertEquals(compileTemplate("{alpn}")(recordOf()), '"h2,http/1.1"\n');
  assertMatch(compileTemplate("{time}")(recordOf()), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/);
});

Deno.test("access template: every field may be used", () => {
  const template = TEMPLATE_FIELDS.map((field) => `{${field}}`).join(" ");
  const line = compileTemplate(template)(recordOf());
  assertEquals(line.split(" ").length, TEMPLATE_FIELDS.length);
});

const FAULTS: readonly [template: string, fault: string][] = [
  ["{sni", '"{" is alone; write "{{" for a "{"'],
  ["sni}", '"}" is alone; write "}}" for a "}"'],
  ["{sn{i}", '"{" is alone; write "{{" for a "{"'],
  ["{sni}\n{host}", "it has a control character"],
];

for (const [template, fault] of FAULTS) {
  Deno.test(`access template: ${JSON.stringify(template)} is refused`, () => {
    assertEquals(parseTemplate(template), fault);
  });
}

Deno.test("access template: whatever a client sends, a line is one line, and JSON stays JSON", () => {
  const plain = compileTemplate("{sni} {host} {alpn} {reason}");
  const json = compileTemplate(
    '{{"names":"{sni} or {host}{sni}","say":"\\"{alpn}\\"","reason":"{reason}: {error}"}}',
  );
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, text, fc.array(text, { maxLength: 3 }), (sni, host, alpn) => {
    const record = recordOf({ detected: { protocol: "tls", facts: { sni, host, alpn } } });
    const line = plain(record);
    assertEquals(line.indexOf("\n"), line.length - 1);
    // deno-lint-ignore no-control-regex -- what terminals obey
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]/.test(line), line);
    // Four words, and no quote that a client opened.
    assertMatch(line, /^(("([^"\\]|\\.)*"|[^" ]+) ){3}done\n$/);
    assertEquals(JSON.parse(json(record)).reason, "done: -");
  }));
});
