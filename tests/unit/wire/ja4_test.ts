import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { parseClientHello } from "../../../src/wire/client_hello.ts";
import { type Carrier, isJa4, isJa4Start, ja4 } from "../../../src/wire/ja4.ts";
import { buildClientHello, type Extension, prefixed } from "../_hello.ts";
import { capture } from "../detect/_vectors.ts";

const FORM = /^[tq](?:1[0-3]|s[23]|00)[di][0-9]{4}[0-9A-Za-z]{2}(?:_[0-9a-f]{12}){2}$/;

/** The offers of a test hello; `extensions` besides server name and ALPN, all but two without data. */
interface Offer {
  readonly sni?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
  readonly suites: readonly number[];
  readonly extensions?: readonly number[];
  readonly versions?: readonly number[];
  readonly signatures?: readonly number[];
}

function words(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));
}

/** Values as JA4's documents write them. */
function codes(text: string): number[] {
  return text.split(",").map((code) => parseInt(code, 16));
}

function message({ sni, alpn, suites, extensions = [], ...lists }: Offer): Uint8Array {
  const after = extensions.map((type): Extension => {
    if (type === 43) return [type, prefixed(1, words(lists.versions ?? []))];
    if (type === 13) return [type, prefixed(2, words(lists.signatures ?? []))];
    return [type, new Uint8Array(0)];
  });
  return buildClientHello({
    suites,
    after,
    ...(sni !== undefined && { sni }),
    ...(alpn !== undefined && { alpn }),
  });
}

function print(bytes: Uint8Array, carrier: Carrier = "t"): string | undefined {
  const hello = parseClientHello(bytes);
  assert(hello.kind === "hello");
  return ja4(bytes.subarray(0, hello.bytes), hello, carrier);
}

function printed(offer: Offer, carrier: Carrier = "t"): string | undefined {
  return print(message(offer), carrier);
}

const BROWSER = {
  sni: "www.example.com",
  alpn: ["h2", "http/1.1"],
  versions: [0x5a5a, 0x0304, 0x0303],
  suites: codes(
    "1a1a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
  ),
  signatures: codes("0403,0804,0401,0503,0805,0501,0806,0601"),
};

Deno.test("wire ja4: agrees with fingerprints that others published", () => {
  const vectors: readonly (readonly [Offer, Carrier, string])[] = [
    // The example of FoxIO's JA4 technical details, which lists every value; GREASE is added here.
    [
      {
        ...BROWSER,
        extensions: codes(
          "2a2a,001b,0033,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
        ),
      },
      "t",
      "t13d1516h2_8daaf6152771_e5627efa2ab1",
    ],
    // Chromium with ECH, in FoxIO's list of applications.
    [
      {
        ...BROWSER,
        extensions: codes("ff01,fe0d,4469,0033,002d,002b,0023,001b,0017,0012,000d,000b,000a,0005"),
      },
      "t",
      "t13d1516h2_8daaf6152771_02713d6af862",
    ],
    // Chrome 143, as a public page for testing fingerprints printed it with its lists.
    [
      {
        ...BROWSER,
        extensions: codes("002d,0033,fe0d,0017,44cd,000b,000a,002b,ff01,0023,0012,0005,000d,001b"),
      },
      "t",
      "t13d1516h2_8daaf6152771_d8a2da3f94cd",
    ],
    // Chromium over QUIC, in FoxIO's list of applications.
    [
      {
        sni: "www.example.com",
        alpn: ["h3"],
        versions: [0x0304],
        suites: codes("1301,1302,1303"),
        extensions: codes("000a,000d,001b,0029,002b,002d,0033,0039,4469,fe0d"),
        signatures: codes("0403,0804,0401,0503,0805,0501,0806,0601,0201"),
      },
      "q",
      "q13d0312h3_55b375c5d22e_06cda9e17597",
    ],
  ];
  for (const [offer, carrier, expected] of vectors) {
    assertEquals(printed(offer, carrier), expected);
    assertEquals(printed(offer, carrier), expected, "remembered");
  }
});

Deno.test("wire ja4: takes hellos of real clients", () => {
  // Expected values: a Python script of its own over the captures, written from the same document.
  const clients = {
    tls_openssl_client: "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4",
    tls_openssl_tls12_no_sni: "t12i280600_d943125447b4_e7e480e5a997",
    tls_curl_client: "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
    tls_deno_client: "t13d1011h2_61a7ad8aa9b6_f9531d972513",
  };
  for (const [name, expected] of Object.entries(clients)) {
    assertEquals(print(capture(name).subarray(5)), expected, name);
  }
});

Deno.test("wire ja4: writes versions, by the extension if there is one", () => {
  const cases: readonly (readonly [readonly number[], string])[] = [
    [[0x0303, 0x0304], "13"],
    [[0xfafa, 0x0302], "11"],
    [[0x0301], "10"],
    [[0x0300], "s3"],
    [[0x0002], "s2"],
    [[0x7f1c, 0x0303], "00"],
    [[0xfafa], "00"],
    [[], "00"],
  ];
  for (const [versions, code] of cases) {
    const text = printed({ suites: [0x1301], extensions: [43], versions });
    assertEquals(text?.slice(1, 3), code, `${versions}`);
  }
  assertEquals(printed({ suites: [0x1301] })?.slice(1, 3), "12", "without the extension");
});

Deno.test("wire ja4: writes the ends of the first ALPN name, in hex if it is not readable", () => {
  // The cases of FoxIO's JA4 technical details, then some more.
  const cases: readonly (readonly [readonly string[] | undefined, string])[] = [
    [["\xab"], "ab"],
    [["\xab\xcd"], "ad"],
    [["\x30\xab"], "3b"],
    [["\x30\x31\xab\xcd"], "3d"],
    [["\x30\xab\xcd\x31"], "01"],
    [["http/1.1", "h2"], "h1"],
    [["h"], "hh"],
    [["Z9"], "Z9"],
    [["-a"], "21"],
    [undefined, "00"],
  ];
  for (const [alpn, ends] of cases) {
    assertEquals(printed({ alpn, suites: [0x1301] })?.slice(8, 10), ends, `${alpn}`);
  }
});

Deno.test("wire ja4: writes zeros for what a hello does not have", () => {
  assertEquals(printed({ suites: [0x0a0a] }), "t12i000000_000000000000_000000000000");
  const text = printed({ suites: [0x0a0a], sni: "a", alpn: ["h2"], extensions: [0x1a1a] });
  assertEquals(text, "t12d0002h2_000000000000_000000000000");
  assertEquals(
    print(buildClientHello({ suites: [0x0a0a], bare: true })),
    "t12i000000_000000000000_000000000000",
  );
});

Deno.test("wire ja4: counts a server name extension without a name", () => {
  const bytes = buildClientHello({ suites: [0x1301], after: [[0, new Uint8Array(0)]] });
  assertEquals(print(bytes)?.slice(0, 8), "t12d0101");
});

Deno.test("wire ja4: counts to 99, and gives no fingerprint to lists that no honest client sends", () => {
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => 0x2000 + i);
  assertEquals(printed({ suites: upTo(99), extensions: upTo(100) })?.slice(4, 8), "9999");
  assert(printed({ suites: upTo(512), extensions: upTo(512) }) !== undefined);
  assertEquals(printed({ suites: upTo(513) }), undefined);
  assertEquals(printed({ suites: [0x1301], extensions: upTo(513) }), undefined);
  const signatures = { suites: [0x1301], extensions: [13] };
  assert(printed({ ...signatures, signatures: upTo(512) }) !== undefined);
  assertEquals(printed({ ...signatures, signatures: upTo(513) }), undefined);
});

Deno.test("wire ja4: reads no signature algorithm past its extension", () => {
  const damaged = [[0, 9, 4, 3], [0, 2, 4, 3, 8, 4], [0, 3, 4, 3, 8], [0, 2], [0], []];
  const texts = damaged.map((data) =>
    print(
      buildClientHello({
        suites: [0x1301],
        after: [[13, Uint8Array.from(data)], [77, words([1])]],
      }),
    )
  );
  const [one, same, odd, ...none] = texts;
  assertEquals([same, odd], [one, one]);
  assertEquals(new Set(none).size, 1);
  assert(none[0] !== one);
});

const value = fc.oneof(
  fc.constantFrom(0x0a0a, 0xfafa, 0, 13, 16, 43, 0x1301, 0xfffe),
  fc.integer({ min: 0, max: 0xffff }),
);
const anyOffer = fc.record({
  sni: fc.option(fc.constantFrom("a.example", "b.example"), { nil: undefined }),
  alpn: fc.option(
    fc.array(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 2 }),
    {
      nil: undefined,
    },
  ),
  suites: fc.array(value, { minLength: 1, maxLength: 120 }),
  extensions: fc.uniqueArray(value.filter((type) => type !== 0 && type !== 16), { maxLength: 60 }),
  versions: fc.array(value, { maxLength: 4 }),
  signatures: fc.array(value, { maxLength: 12 }),
});

/** The algorithm of the document on texts, while the code works on bytes, and with another SHA-256. */
async function model({ sni, alpn, suites, extensions, versions, signatures }: Required<Offer>) {
  const honest = (values: readonly number[]) =>
    values.map((one) => one.toString(16).padStart(4, "0"))
      .filter((code) => !/^(.a)\1$/.test(code));
  const sha = async (text: string) => {
    if (text === "") return "000000000000";
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return new Uint8Array(hash).toHex().slice(0, 12);
  };
  const count = (many: number) => `0${Math.min(many, 99)}`.slice(-2);
  const ciphers = honest(suites).sort();
  const types = honest(extensions).sort();
  const offered = honest(extensions.includes(43) ? versions : [0x0303]).sort().at(-1) ?? "";
  const known: Record<string, string> = { "0304": "13", "0303": "12", "0302": "11", "0301": "10" };
  const version = known[offered] ?? { "0300": "s3", "0002": "s2" }[offered] ?? "00";
  const all = types.length + (sni === undefined ? 0 : 1) + (alpn === undefined ? 0 : 1);
  const name = alpn?.[0] ?? "00";
  const hex = Array.from(name, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  const shown = /^[0-9a-z](.*[0-9a-z])?$/is.test(name) ? name : hex;
  const algorithms = extensions.includes(13) ? honest(signatures) : [];
  const rest = [types.join(), ...algorithms.length === 0 ? [] : [algorithms.join()]].join("_");
  return `t${version}${sni === undefined ? "i" : "d"}${count(ciphers.length)}${count(all)}` +
    `${shown[0]}${shown.at(-1)}_${await sha(ciphers.join())}_${await sha(rest)}`;
}

Deno.test("wire ja4: agrees with a plain model of the document", async () => {
  await fc.assert(fc.asyncProperty(anyOffer, async (offer) => {
    const text = printed(offer);
    assertEquals(text, await model(offer));
    assertMatch(text ?? "", FORM);
    assertEquals(printed(offer), text, "remembered");
  }));
});

Deno.test("wire ja4: does not depend on the order of extensions", () => {
  fc.assert(fc.property(anyOffer, fc.infiniteStream(fc.nat()), (offer, dice) => {
    const shuffled = offer.extensions.map((type) => [dice.next().value, type] as const)
      .sort(([a], [b]) => a - b).map(([, type]) => type);
    assertEquals(printed({ ...offer, extensions: shuffled }), printed(offer));
  }));
});

Deno.test("wire ja4: stays right when more clients come than it remembers", () => {
  const offers = Array.from({ length: 700 }, (_, i) => ({ suites: [0x1301, 0x3000 + i] }));
  const before = offers.map((offer) => printed(offer));
  assertEquals(new Set(before).size, 700);
  assertEquals(offers.map((offer) => printed(offer)), before);
});

Deno.test("wire ja4: has 36 characters for anything that parses as a hello, and never throws", () => {
  const hello = buildClientHello({
    sni: "a.example",
    alpn: ["h2"],
    after: [[43, Uint8Array.of(4, 3, 4, 3, 3)], [13, Uint8Array.of(0, 4, 4, 3, 8, 4)]],
  });
  const damage = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 4 });
  let whole = 0;
  fc.assert(
    fc.property(damage, fc.constantFrom<Carrier>("t", "q"), (damage, carrier) => {
      const bytes = hello.slice();
      for (const [at, byte] of damage) bytes[at] = byte;
      const result = parseClientHello(bytes);
      if (result.kind !== "hello") return;
      whole++;
      const text = ja4(bytes.subarray(0, result.bytes), result, carrier);
      assert(text !== undefined);
      assertEquals(text.length, 36);
      assertMatch(text, FORM);
      assert(isJa4(text));
    }),
    { numRuns: 1000 },
  );
  assert(whole > 100, `${whole} of them parsed`);
});

Deno.test("wire ja4: recognises fingerprints and their beginnings", () => {
  const whole = "t13d1516h2_8daaf6152771_02713d6af862";
  for (let length = 0; length <= 36; length++) {
    assert(isJa4Start(whole.slice(0, length)), `${length}`);
  }
  assert(isJa4(whole));
  assert(!isJa4(whole.slice(0, 35)));
  const others = [
    "d13",
    "T13",
    "t14",
    "t13x",
    "t13da",
    "t13d1516-",
    "t13d1516h2-",
    "t13d1516h2_8DAA",
  ];
  for (
    const text of [...others, `${whole}0`, `${whole}\n`, "t13d1516h2_8daaf6152771_02713d6af86*"]
  ) {
    assert(!isJa4Start(text), text);
  }
});
