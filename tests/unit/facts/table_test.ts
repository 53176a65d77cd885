/** The table of facts: every entry's patterns, and every place that shows a fact. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { LiveSchema } from "../../../src/admin/answers.ts";
import { livePage } from "../../../src/admin/live.ts";
import type { Control } from "../../../src/admin/control.ts";
import { helloPage } from "../../../src/builtin/hello_info.ts";
import { formatFinding } from "../../../src/cli/detect.ts";
import { explainVerb } from "../../../src/cli/explain.ts";
import { configJsonSchema } from "../../../src/config/json_schema.ts";
import { keysOf } from "../../../src/config/route_index.ts";
import { type Detected, PROTOCOLS } from "../../../src/detect/mod.ts";
import type { FactValue, Kind } from "../../../src/facts/kind.ts";
import {
  ALL_NAMES,
  CONDITIONS,
  type Fact,
  FACT_NAMES,
  type FactName,
  FACTS,
  type Facts,
  SHOWN_NAMES,
} from "../../../src/facts/mod.ts";
import { networks } from "../../../src/facts/networks.ts";
import { ACCESS_TEXTS } from "../../../src/observe/access/fields.ts";
import { accessValues } from "../../../src/observe/access/record.ts";
import { TEMPLATE_FIELDS } from "../../../src/observe/access/template.ts";
import { makeSpans } from "../../../src/observe/tracing/tracing.ts";
import { Router } from "../../../src/resolve/router.ts";
import { parseOptions } from "../../../src/service/options.ts";
import { isFault } from "../../../src/wording.ts";
import { inFolder } from "../_folder.ts";
import { recordOf } from "../observe/_records.ts";

/** Patterns that are legal, texts that are not, and values that clients may have. */
interface Samples {
  readonly patterns: readonly string[];
  readonly faults: readonly string[];
  readonly values: readonly string[];
}

const JA4 = "t13d1516h2_8daaf6152771_02713d6af862";
const NAMES: Samples = {
  patterns: ["*", "*.b", "*.a.b", "a.b", "x.a.b", "*.x.a.b", "y.x.a.b", "c", "*.c"],
  faults: ["", "a b", "*.*", "a.*", "a..b", "https://a.b"],
  values: ["b", "a.b", "x.a.b", "y.x.a.b", "z.y.x.a.b", "c", "d.c", "ab"],
};
const SAMPLES: Readonly<Record<FactName | "source", Samples>> = {
  sni: { ...NAMES, faults: [...NAMES.faults, "192.0.2.7", "::1"] },
  alpn: {
    patterns: ["h2", "http/1.1", "x", "é"],
    faults: ["", "x".repeat(256)],
    values: ["h2", "http/1.1", "x", "H2"],
  },
  ja4: {
    patterns: ["*", "t*", "q*", "t13*", "t13d*", "t13d1516h2_*", JA4, JA4.replace("t", "q")],
    faults: ["", "t13d", "x*", JA4.toUpperCase(), `${JA4}*`, "d13*"],
    values: [JA4, JA4.replace("t", "q"), JA4.replace("d", "i"), JA4.replace("13", "12")],
  },
  tls_version: {
    patterns: ["1.0", "1.1", "1.2", "1.3"],
    faults: ["", "1.4", "1.30", "0.9", "TLSv1.3", "1.*"],
    values: ["1.0", "1.2", "1.3"],
  },
  host: {
    ...NAMES,
    patterns: [...NAMES.patterns, "192.0.2.7", "::1"],
    values: [...NAMES.values, "192.0.2.7", "::1"],
  },
  source: {
    patterns: [
      ...["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/8", "10.0.0.0/9", "10.1.2.3", "::/0", "::1"],
      ...["2001:db8::/32", "2001:db8::1", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::/90"],
    ],
    faults: ["", "10.0.0.0/33", "a.b", "10.0.0.1:80", "::/129", "fe80::1%eth0"],
    values: [
      ...["10.1.2.3", "10.200.0.1", "192.0.2.7", "::1", "2001:db8::1", "2001:db9::1"],
      ...["::ffff:10.1.2.3", "::ffff:192.0.2.7"],
    ],
  },
};

type Condition = keyof typeof SAMPLES;
const ASKED = Object.keys(SAMPLES) as Condition[];

function kindOf(condition: Condition): Omit<Kind, "read"> {
  return condition === "source" ? networks : CONDITIONS[condition].kind;
}

function valueOf(fact: keyof Facts, text: string): FactValue {
  return FACTS[fact].type === "texts" ? [text] : text;
}

Deno.test("facts: every condition has samples here", () => {
  assertEquals([...ASKED].sort(), [...FACT_NAMES, "source"].sort());
});

for (const condition of ASKED) {
  const { patterns, faults, values } = SAMPLES[condition];
  const { parse, key = (pattern: string) => pattern, coverers, compile } = kindOf(condition);

  Deno.test(`facts: ${condition} takes its patterns as they are, and says what is wrong with others`, () => {
    for (const pattern of patterns) assertEquals(parse(pattern), pattern);
    for (const text of faults) {
      const fault = parse(text);
      assert(isFault(fault), text);
      assert(/^[A-Z].*[^.]$/.test(fault.fault), fault.fault);
    }
  });

  Deno.test(`facts: a pattern of ${condition} that covers another takes all that the other takes`, () => {
    let covering = 0;
    for (const wide of patterns) {
      for (const narrow of patterns) {
        if (!coverers(key(narrow)).includes(key(wide))) continue;
        if (wide !== narrow) covering++;
        const [all, some] = [compile([wide]), compile([narrow])];
        const missed = values.filter((value) => some.has(value) && !all.has(value));
        assertEquals(missed, [], `"${wide}" covers "${narrow}"`);
      }
    }
    // Whole words cover nothing else.
    const words = patterns.every((pattern) => coverers(key(pattern)).length === 1);
    assertEquals(covering > 0, !words);
  });

  Deno.test(`facts: a set of ${condition} takes what any of its patterns takes`, () => {
    const some = fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1 });
    fc.assert(fc.property(some, fc.constantFrom(...values), (chosen, value) => {
      const expected = chosen.some((pattern) => compile([pattern]).has(value));
      assertEquals(compile(chosen).has(value), expected);
    }));
  });
}

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const network = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([host, bits]) =>
  `${host}/${bits}`
);

Deno.test("facts: a network that covers another has all of its addresses", () => {
  fc.assert(
    fc.property(network, network, fc.array(address), (wide, narrow, others) => {
      const [outer, inner] = [wide, narrow].map((text) => keysOf({ source: [text] }));
      const covers = networks.coverers(inner!.get("source")![0]!)
        .includes(outer!.get("source")![0]!);
      const [all, some] = [networks.compile([wide]), networks.compile([narrow])];
      const inside = [...others, narrow.split("/")[0]!].filter((host) => some.has(host));
      if (covers) assert(inside.every((host) => all.has(host)));
      else {
        const [base = ""] = wide.split("/");
        assert(Number(wide.split("/")[1]) > Number(narrow.split("/")[1]) || !some.has(base));
      }
    }),
    { numRuns: 2000 },
  );
});

/** A value of each fact. */
const TOLD: Readonly<Record<string, FactValue>> = Object.fromEntries(
  ALL_NAMES.map((name, i): [string, FactValue] => {
    if (FACTS[name].type === "number") return [name, 1000 + i];
    const asked = FACT_NAMES.find((fact) => fact === name);
    return [name, valueOf(name, asked === undefined ? `value-${i}` : SAMPLES[asked].values[0]!)];
  }),
);
const RECORD = recordOf({
  id: "01J0000000000000000000000A",
  detected: { protocol: "tls", facts: TOLD as Facts },
});

Deno.test("facts: access lines, templates and the reference have every fact that is shown", () => {
  const values: Readonly<Record<string, unknown>> = accessValues(RECORD);
  for (const name of SHOWN_NAMES) {
    assertEquals(values[name], TOLD[name]);
    assert(TEMPLATE_FIELDS.includes(name));
    assertEquals(ACCESS_TEXTS[name], FACTS[name].shown);
  }
});

Deno.test("facts: spans have every fact that is shown", () => {
  const spans: Readonly<Record<string, unknown>>[] = [];
  const span = {
    setStatus: () => {},
    end: () => {},
    spanContext: () => ({ traceFlags: 0 }),
  };
  const tracer = {
    startSpan(
      _: string,
      { attributes }: { readonly attributes: Readonly<Record<string, unknown>> },
    ) {
      spans.push(attributes);
      return span;
    },
  };
  makeSpans(RECORD, tracer as unknown as Parameters<typeof makeSpans>[1]);
  for (const name of SHOWN_NAMES) {
    const { attribute = `shunt.${name}` }: Fact = FACTS[name];
    assertEquals(spans[0]?.[attribute], TOLD[name], name);
  }
});

Deno.test("facts: the admin API has every fact that is shown but the hello's size, and no other key", async () => {
  const alpn = Array.from({ length: 9 }, (_, i) => `name-${i}`);
  const detected: Detected = {
    protocol: "tls",
    facts: { ...TOLD, alpn } as Facts,
    end: "deadline",
  };
  const control = {
    proxy: {
      live: () => Promise.resolve([{ ...RECORD, detected }]),
      active: () => ({ sessions: 1, flows: 0 }),
    },
  } as unknown as Control;
  const { items } = await livePage(control, "sessions", { limit: 1 });
  const shown: Readonly<Record<string, unknown>> = LiveSchema.strict()
    .parse(JSON.parse(JSON.stringify(items[0])));
  const expected: Readonly<Record<string, unknown>> = { ...TOLD, alpn, hello_bytes: undefined };
  for (const name of SHOWN_NAMES) assertEquals(shown[name], expected[name]);
});

Deno.test("facts: detect and builtin:hello have every fact", () => {
  const line = formatFinding({ detected: RECORD.detected!, complete: true, layers: [] });
  const page = new TextDecoder().decode(helloPage({
    ...{ id: "", transport: "tcp", protocol: "tls", source: "", listener: "", route: "" },
    upstream: "",
    ...TOLD,
  }));
  for (const name of ALL_NAMES) {
    const { free }: Fact = FACTS[name];
    const value = free ? JSON.stringify(String(TOLD[name])) : TOLD[name];
    assertStringIncludes(` ${line} `, ` ${name}=${value} `);
    assertEquals(JSON.parse(page)[name], TOLD[name]);
  }
});

Deno.test("facts: the JSON Schema has every fact that a route can ask for", () => {
  const schema = JSON.stringify(configJsonSchema(PROTOCOLS));
  for (const fact of FACT_NAMES) {
    assertStringIncludes(schema, JSON.stringify(CONDITIONS[fact].description));
    assertStringIncludes(schema, JSON.stringify(CONDITIONS[fact].kind.title));
  }
});

for (const fact of FACT_NAMES) {
  const [value = ""] = SAMPLES[fact].values;
  const patterns = SAMPLES[fact].patterns.filter((pattern) =>
    CONDITIONS[fact].kind.compile([pattern]).has(value)
  );
  const protocol = PROTOCOLS.find(({ facts }) => facts.includes(fact))!;

  Deno.test(`facts: a route asks for ${fact}, and only what has it comes there`, () => {
    assert(patterns.length > 0);
    const [transport] = protocol.transports;
    const seen = { transport: transport!, protocol: protocol.name, source: "192.0.2.1" };
    for (const pattern of patterns) {
      const routes = [{ match: { [fact]: [pattern] }, upstream: "web" }];
      const router = new Router({ routes }, { protocols: PROTOCOLS });
      assertEquals(router.match({ ...seen, [fact]: valueOf(fact, value) })?.index, 0);
      assertEquals(router.match(seen), undefined);
      assert(router.hinges(seen, [fact]));
      assert(router.wants.of(protocol.name).has(fact));
      assertEquals(router.needs(transport!, "192.0.2.1"), "bytes");
    }
  });

  Deno.test(`facts: explain takes ${fact} from the command line`, () =>
    inFolder(async (folder) => {
      const option = `--${fact.replaceAll("_", "-")}`;
      assertStringIncludes(explainVerb.help, option);
      const file = `${folder}/c.yaml`;
      const edge = {
        bind: "127.0.0.1:1",
        routes: [{ match: { [fact]: patterns }, upstream: "web" }],
      };
      const config = { listeners: { edge }, upstreams: { web: { targets: ["10.0.0.5:1"] } } };
      await Deno.writeTextFile(file, JSON.stringify(config));
      const lines: string[] = [];
      const args = ["-c", file, "--protocol", protocol.name, option, value];
      const terminal = { out: (line: string) => lines.push(line), err: () => {} };
      assertEquals(await explainVerb.run(parseOptions(args, explainVerb.options), terminal), 0);
      assertStringIncludes(lines.join("\n"), "routes[0] -> web: matches");
    }));
}
