/**
 * Pools of read buffers. Knows how memory becomes resident; never what is in it.
 * A buffer may be given back only after the read that used it has settled.
 *
 * @module
 */

/** Size class of a buffer: 0 = 8 KiB, 1 = 64 KiB, 2 = 256 KiB, 3 = 1 MiB. */
export type BufferClass = 0 | 1 | 2 | 3;

/** A class whose buffers count against `limits.relay_memory`. */
export type LargeClass = Exclude<BufferClass, 0>;

/** Bytes of a buffer of each class. */
export const BUFFER_BYTES = [8_192, 65_536, 262_144, 1_048_576] as const;

/** The longest datagram, and its length. */
const DATAGRAM_BYTES = 65_536;

const SLAB_BYTES = 33_554_432;

/**
 * Buffers out of lazily mapped slabs of 32 MiB: only touched pages count, while an array of its own is
 * zero-filled and resident at once. What was touched stays resident, so many may only be small.
 */
class SlabPool {
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  #slab = new ArrayBuffer(0);
  #carved = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Uint8Array {
    const pooled = this.#free.pop();
    if (pooled !== undefined) return pooled;
    if (this.#carved === this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#carved = 0;
    }
    const buffer = new Uint8Array(this.#slab, this.#carved, this.#bytes);
    this.#carved += this.#bytes;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }
}

const small = new SlabPool(BUFFER_BYTES[0]);
const datagrams = new SlabPool(DATAGRAM_BYTES);
const large: Readonly<Record<LargeClass, Uint8Array[]>> = { 1: [], 2: [], 3: [] };

/** Bytes of large buffers, in use or pooled, that this thread may have. */
let largeLimit = 134_217_728;
/** Bytes of large buffers that there are. */
let largeBytes = 0;

/**
 * Sets what this thread's large buffers may take: `limits.relay_memory`.
 *
 * @param bytes The limit
 */
export function limitLargeBuffers(bytes: number): void {
  largeLimit = bytes;
}

/**
 * Takes a buffer of 8 KiB. With 64 KiB, 10,000 sessions that had each been busy once kept 1.3 GB.
 *
 * @returns A buffer with whatever its last user left in it
 */
export function takeSmallBuffer(): Uint8Array {
  return small.take();
}

/** Bytes of grown buffers that are kept for reuse: enough for some 60 clients at once. */
const GROWN_KEPT = 4_194_304;
/** Those that are free, by their length. */
const grown = new Map<number, Uint8Array[]>();
let grownBytes = 0;

/**
 * Takes a buffer that is larger than the small ones, for first bytes of which there are many. Made anew
 * for each client they were garbage of 112 KiB a session, which took 100 MiB until it was collected.
 *
 * @param bytes Its length
 * @returns A buffer with whatever its last user left in it
 */
export function takeGrownBuffer(bytes: number): Uint8Array {
  const pooled = grown.get(bytes)?.pop();
  if (pooled === undefined) return new Uint8Array(bytes);
  grownBytes -= bytes;
  return pooled;
}

/**
 * Gives such a buffer back; it is forgotten if enough are free.
 *
 * @param buffer The buffer
 */
export function giveGrownBuffer(buffer: Uint8Array): void {
  const { length } = buffer;
  if (grownBytes + length > GROWN_KEPT) return;
  grownBytes += length;
  const free = grown.get(length);
  if (free === undefined) grown.set(length, [buffer]);
  else free.push(buffer);
}

/**
 * Takes a buffer for a datagram of any length.
 *
 * @returns A buffer with whatever its last user left in it
 */
export function takeDatagramBuffer(): Uint8Array {
  return datagrams.take();
}

/**
 * Gives a datagram's buffer back.
 *
 * @param buffer The buffer
 */
export function giveDatagramBuffer(buffer: Uint8Array): void {
  datagrams.give(buffer);
}

/**
 * Takes a large buffer out of its pool.
 *
 * @param size The size class
 * @returns A buffer with whatever its last user left in it, or `undefined` at the limit
 */
export function takeLargeBuffer(size: LargeClass): Uint8Array | undefined {
  const pooled = large[size].pop();
  if (pooled !== undefined) return pooled;
  const bytes = BUFFER_BYTES[size];
  // What lies idle in the other pools is not there for this one.
  for (const other of [3, 2, 1] as const) {
    while (largeBytes + bytes > largeLimit && large[other].pop() !== undefined) {
      largeBytes -= BUFFER_BYTES[other];
    }
  }
  if (largeBytes + bytes > largeLimit) return undefined;
  largeBytes += bytes;
  return new Uint8Array(bytes);
}

/**
 * Gives a buffer back.
 *
 * @param size The size class it was taken from
 * @param buffer The buffer
 */
export function giveBuffer(size: BufferClass, buffer: Uint8Array): void {
  if (size === 0) small.give(buffer);
  else large[size].push(buffer);
}
