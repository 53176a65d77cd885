/**
 * Owns all memory whose address the kernel uses beyond one call, and keeps it reachable.
 *
 * A typed array that is passed to a call lives as long as the call. An address that is written into a
 * struct (an iovec, a msghdr) does not keep its array alive, and neither does `UnsafePointer.of`: after
 * half a minute of idleness the collector took such an array, and every later call silently returned
 * EFAULT. So memory with an address comes from here, and nothing is ever removed from `owned`: each thread
 * makes a handful of blocks at its start.
 *
 * @module
 */

const owned: ArrayBuffer[] = [];

/** Memory with an address. */
export interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: bigint;
}

/**
 * Makes a block that lives as long as its thread.
 *
 * @param length Bytes, at least 64: V8 keeps smaller ones inside objects that it moves
 * @returns The block, zero-filled
 */
export function ownBlock(length: number): Block {
  const buffer = new ArrayBuffer(Math.max(64, length));
  owned.push(buffer);
  const bytes = new Uint8Array(buffer);
  return { bytes, address: BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes))) };
}

/**
 * Makes a pointer into a block.
 *
 * @param block The block
 * @param offset Bytes from its start
 * @returns The pointer, never null
 */
export function pointerInto(block: Block, offset: number): Deno.PointerValue {
  return Deno.UnsafePointer.create(block.address + BigInt(offset));
}
