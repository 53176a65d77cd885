/**
 * MQTT 3.1, 3.1.1 and 5 over TCP: the CONNECT packet that every client opens with (MQTT 5 §3.1). Knows
 * its first bytes up to the flags, and nothing about what follows.
 *
 * It accepts what brokers accept: a length in more bytes than it needs, and the bit with which mosquitto's
 * bridges mark the level. A packet that every broker refuses is not MQTT.
 *
 * @module
 */

import { latin1 } from "../wire/reader.ts";
import { type Detector, NO_MATCH, type Verdict } from "./detector.ts";

/** A packet's type, and flags that must be clear (§2.1). */
const CONNECT = 0x10;
/** Most bytes of a packet's length (§1.5.5). */
const MAX_LENGTH_BYTES = 4;
const BRIDGE = 0x80;
/** A name with its length before it, and the level after it. */
const LONGEST = 2 + "MQIsdp".length + 1;

interface Kind {
  readonly name: string;
  readonly level: number;
  readonly version: string;
  /** The least that follows a packet's length: name, level, flags, keep-alive, properties, client ID. */
  readonly least: number;
}

const KINDS: readonly Kind[] = [
  { name: "\0\x06MQIsdp", level: 3, version: "3.1", least: 14 },
  { name: "\0\x04MQTT", level: 4, version: "3.1.1", least: 12 },
  { name: "\0\x04MQTT", level: 5, version: "5", least: 13 },
];

/** Recognises MQTT by a CONNECT packet's name, level and flags, and reports the version. */
export const mqtt: Detector = { name: "mqtt", tcp: detectMqtt };

function detectMqtt(bytes: Uint8Array): Verdict {
  if (bytes[0] !== CONNECT) return NO_MATCH;
  let [at, length, more] = [1, 0, true];
  for (; more; at++) {
    if (at > MAX_LENGTH_BYTES) return NO_MATCH;
    if (at >= bytes.length) return needMore(bytes);
    length += (bytes[at]! & 0x7f) * 128 ** (at - 1);
    more = bytes[at]! > 0x7f;
  }
  const text = latin1(bytes, at, at + LONGEST);
  for (const kind of KINDS) {
    const { name } = kind;
    if (length < kind.least || !name.startsWith(text.slice(0, name.length))) continue;
    if (text.length <= name.length) return needMore(bytes);
    if ((text.charCodeAt(name.length) & ~BRIDGE) !== kind.level) continue;
    const flags = bytes[at + name.length + 1];
    if (flags === undefined) return needMore(bytes);
    return mayBe(flags, kind) ? { kind: "match", facts: { version: kind.version } } : NO_MATCH;
  }
  return NO_MATCH;
}

/** Reports whether a broker may take these flags (§3.1.2.3, MQTT 3.1.1 §3.1.2.3). */
function mayBe(flags: number, { level }: Kind): boolean {
  const reserved = (flags & 0x01) !== 0;
  const passwordAlone = (flags & 0xc0) === 0x40;
  if ((level >= 4 && reserved) || (level <= 4 && passwordAlone)) return false;
  return (flags & 0x18) !== 0x18; // the will's QoS is 0 to 2
}

function needMore({ length }: Uint8Array): Verdict {
  return { kind: "need_more", bytes: length + 1 };
}
