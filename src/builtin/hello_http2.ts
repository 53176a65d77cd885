/**
 * HTTP/2 with prior knowledge (RFC 9113) for `builtin:hello`: the minimum that real clients accept. Reads
 * only the header block of the first request. Ignores priorities and the client's flow-control windows,
 * since one small page per stream does not fill them.
 *
 * @module
 */

import { decodeHeaderBlock } from "../wire/hpack.ts";
import {
  type Dialogue,
  type HelloInfo,
  helloPage,
  type HelloRequest,
  type Replies,
} from "./hello_info.ts";
import { NO_BYTES } from "../wire/bytes.ts";

/** The first bytes that a client sends (RFC 9113 §3.4). */
const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEADER_BYTES = 9;
/** The minimum of SETTINGS_MAX_FRAME_SIZE, which is also its default (§6.5.2). */
const MAX_PAYLOAD_BYTES = 16_384;
/** CONTINUATION frames accepted per header block: 64 KiB of fields; more is a flood (CVE-2024-27316). */
const MAX_CONTINUATIONS = 4;

/** Requests whose bodies may be in progress at once, announced in SETTINGS_MAX_CONCURRENT_STREAMS (3). */
const MAX_STREAMS = 100;
const OUR_SETTINGS = Uint8Array.of(0, 3, 0, 0, 0, MAX_STREAMS);

/** The longest frame that is accepted, with its header. */
export const MAX_FRAME_BYTES: number = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** Frame types (§6). */
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

/** Flags; ACK and END_STREAM share a bit (§6.1, §6.5). */
const ACK = 0x01;
const END_STREAM = 0x01;
const END_HEADERS = 0x04;
const PADDED = 0x08;
const PRIORITY = 0x20;

/** Error codes (§7). */
const PROTOCOL_ERROR = 0x01;
const FRAME_SIZE_ERROR = 0x06;
const ENHANCE_YOUR_CALM = 0x0b;

/** One frame from the client. */
interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/**
 * Reports whether a client speaks HTTP/2 with prior knowledge.
 *
 * @param bytes The client's first bytes
 * @returns `maybe` if the preface is incomplete
 */
export function startsLikePreface(bytes: Uint8Array): "yes" | "maybe" | "no" {
  const count = Math.min(bytes.length, PREFACE.length);
  for (let i = 0; i < count; i++) if (bytes[i] !== PREFACE[i]) return "no";
  return count === PREFACE.length ? "yes" : "maybe";
}

/** One connection's frames, from the preface on. */
export class Http2Dialogue implements Dialogue {
  readonly #info: HelloInfo;
  #preface = true;
  /** Whether the client's SETTINGS have come; they must be its first frame. */
  #settled = false;
  #lastStream = 0;
  /** Requests that have not ended yet, with the content of their header block. */
  readonly #open = new Map<number, HelloRequest | undefined>();
  /** The stream whose header block is incomplete, 0 for none. */
  #openBlock = 0;
  #endsAfterBlock = false;
  #continuations = 0;

  /**
   * @param info What shunt saw of the client
   * @param out Gets the server's preface
   */
  constructor(info: HelloInfo, out: Replies) {
    this.#info = info;
    out.add(frame(SETTINGS, 0, 0, OUR_SETTINGS));
  }

  take(bytes: Uint8Array, out: Replies): number {
    let at = 0;
    if (this.#preface) {
      this.#preface = false;
      at = PREFACE.length;
    }
    while (!out.close && bytes.length - at >= HEADER_BYTES) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at);
      const length = view.getUint32(0) >>> 8;
      if (length > MAX_PAYLOAD_BYTES) {
        this.#goAway(FRAME_SIZE_ERROR, out);
        break;
      }
      const begin = at + HEADER_BYTES;
      if (bytes.length - begin < length) break;
      this.#handle({
        type: view.getUint8(3),
        flags: view.getUint8(4),
        stream: view.getUint32(5) & 0x7fffffff,
        payload: bytes.subarray(begin, begin + length),
      }, out);
      at = begin + length;
      if (out.full && !out.close) this.#goAway(ENHANCE_YOUR_CALM, out);
    }
    return at;
  }

  overflow(out: Replies): void {
    this.#goAway(FRAME_SIZE_ERROR, out);
  }

  #handle(frame: Frame, out: Replies): void {
    // A header block is one unit, however many frames it has (§6.10).
    const continues = frame.type === CONTINUATION;
    const inOrder = continues === (this.#openBlock !== 0) &&
      (!continues || frame.stream === this.#openBlock);
    if (!inOrder || (!this.#settled && frame.type !== SETTINGS)) {
      return this.#goAway(PROTOCOL_ERROR, out);
    }
    switch (frame.type) {
      case SETTINGS:
        return this.#settings(frame, out);
      case PING:
        return this.#ping(frame, out);
      case HEADERS:
        return this.#headers(frame, out);
      case CONTINUATION:
        return this.#continuation(frame, out);
      case DATA:
        return this.#data(frame, out);
      case RST_STREAM:
        this.#open.delete(frame.stream);
        return;
      case GOAWAY:
        out.close = true;
        return;
      case PUSH_PROMISE:
        return this.#goAway(PROTOCOL_ERROR, out);
      default:
        // PRIORITY and WINDOW_UPDATE change nothing here; unknown types are ignored (§4.1).
        return;
    }
  }

  #settings({ flags, stream, payload }: Frame, out: Replies): void {
    if (stream !== 0) return this.#goAway(PROTOCOL_ERROR, out);
    const acknowledges = (flags & ACK) !== 0;
    if (acknowledges ? payload.length > 0 : payload.length % 6 !== 0) {
      return this.#goAway(FRAME_SIZE_ERROR, out);
    }
    if (acknowledges) return;
    this.#settled = true;
    out.add(frame(SETTINGS, ACK, 0, NO_BYTES));
  }

  #ping({ flags, stream, payload }: Frame, out: Replies): void {
    if (stream !== 0) return this.#goAway(PROTOCOL_ERROR, out);
    if (payload.length !== 8) return this.#goAway(FRAME_SIZE_ERROR, out);
    if ((flags & ACK) === 0) out.add(frame(PING, ACK, 0, payload));
  }

  #headers({ flags, stream, payload }: Frame, out: Replies): void {
    // Clients open streams with odd numbers (§5.1.1).
    if (stream % 2 === 0) return this.#goAway(PROTOCOL_ERROR, out);
    const whole = (flags & END_HEADERS) !== 0;
    // Otherwise these are trailers, or the stream is over.
    if (stream > this.#lastStream) {
      if (this.#open.size >= MAX_STREAMS) return this.#goAway(ENHANCE_YOUR_CALM, out);
      // Later blocks may refer to entries that earlier ones added to the dynamic table (RFC 7541 §2.3.2).
      const first = this.#lastStream === 0;
      this.#lastStream = stream;
      this.#open.set(stream, first && whole ? readRequest(flags, payload) : undefined);
    }
    const ends = (flags & END_STREAM) !== 0;
    if (!whole) {
      this.#openBlock = stream;
      this.#endsAfterBlock = ends;
      this.#continuations = 0;
    } else if (ends) this.#respond(stream, out);
  }

  #continuation({ flags, stream }: Frame, out: Replies): void {
    if (++this.#continuations > MAX_CONTINUATIONS) return this.#goAway(ENHANCE_YOUR_CALM, out);
    if ((flags & END_HEADERS) === 0) return;
    this.#openBlock = 0;
    if (this.#endsAfterBlock) this.#respond(stream, out);
  }

  /** Discards bodies, and returns their window so that the client can finish (§6.9). */
  #data({ flags, stream, payload }: Frame, out: Replies): void {
    if (stream === 0 || stream > this.#lastStream) return this.#goAway(PROTOCOL_ERROR, out);
    const ends = (flags & END_STREAM) !== 0;
    if (payload.length > 0) {
      const increment = uint32(payload.length);
      out.add(frame(WINDOW_UPDATE, 0, 0, increment));
      if (!ends) out.add(frame(WINDOW_UPDATE, 0, stream, increment));
    }
    if (ends) this.#respond(stream, out);
  }

  /** Called at the request's end: curl 7.88 never finishes a request that was answered earlier. */
  #respond(stream: number, out: Replies): void {
    const request = this.#open.get(stream);
    if (!this.#open.delete(stream)) return;
    const page = helloPage(this.#info, request);
    const bodiless = request?.method === "HEAD";
    const flags = END_HEADERS | (bodiless ? END_STREAM : 0);
    out.add(frame(HEADERS, flags, stream, responseBlock(page.length)));
    if (bodiless) return;
    for (let at = 0; at < page.length; at += MAX_PAYLOAD_BYTES) {
      const part = page.subarray(at, at + MAX_PAYLOAD_BYTES);
      out.add(frame(DATA, at + part.length === page.length ? END_STREAM : 0, stream, part));
    }
  }

  #goAway(code: number, out: Replies): void {
    const payload = new Uint8Array(8);
    const view = new DataView(payload.buffer);
    view.setUint32(0, this.#lastStream);
    view.setUint32(4, code);
    out.add(frame(GOAWAY, 0, 0, payload));
    out.close = true;
  }
}

/** Returns method and path of a request; `undefined` if the block lacks one of them. */
function readRequest(flags: number, payload: Uint8Array): HelloRequest | undefined {
  const padding = (flags & PADDED) !== 0 ? payload[0] ?? 0 : 0;
  const start = ((flags & PADDED) !== 0 ? 1 : 0) + ((flags & PRIORITY) !== 0 ? 5 : 0);
  const end = payload.length - padding;
  if (end < start) return undefined;
  let method: string | undefined;
  let path: string | undefined;
  decodeHeaderBlock(payload.subarray(start, end), (name, value) => {
    if (name === ":method") method = value;
    else if (name === ":path") path = value;
  });
  return method === undefined || path === undefined ? undefined : { method, path };
}

/**
 * Encodes the response's fields without using the dynamic table: `:status: 200` is entry 8 of the static
 * table, the names `content-type` and `content-length` are entries 31 and 28 (RFC 7541 §6, appendix A).
 */
function responseBlock(contentLength: number): Uint8Array {
  const type = new TextEncoder().encode("application/json");
  const length = new TextEncoder().encode(String(contentLength));
  return Uint8Array.of(
    ...[0x88, 0x0f, 31 - 15, type.length],
    ...type,
    ...[0x0f, 28 - 15, length.length],
    ...length,
  );
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (payload.length << 8) | type);
  view.setUint8(4, flags);
  view.setUint32(5, stream);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
