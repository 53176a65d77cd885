/**
 * Tells the kernel which of the sockets that share an address get new connections and datagrams, by a small
 * classic BPF program, as socket(7) describes for SO_ATTACH_REUSEPORT_CBPF. Knows nothing about the sockets'
 * owners.
 *
 * @module
 */

import type { SocketShare } from "../mod.ts";
import * as abi from "./abi.ts";
import { libcError } from "./errors.ts";
import { type Block, ownBlock } from "./memory.ts";
import { openLibc } from "./symbols.ts";

/** Loads 32 bits from an absolute offset. */
const LOAD = 0x20;
const MODULO = 0x94;
const ADD = 0x04;
/** Returns the computed value. */
const RETURN = 0x16;
/** Offsets of values that the kernel knows besides the packet (linux/filter.h). */
const RANDOM = 0xffff_f000 + 56;
const FLOW_HASH = 0xffff_f000 + 32;

const INSTRUCTION_BYTES = 8;
const INSTRUCTIONS = 4;
/** `struct sock_fprog`: a length, padding, and the address of the instructions. */
const PROGRAM_BYTES = 16;

let block: Block | undefined;

/**
 * Directs everything new to a part of the sockets that share an address.
 *
 * @param fd One of the sockets
 * @param share Which of them, in the order of binding; `undefined` for all of them again
 * @param datagrams Whether datagrams of one sender must reach the same socket
 * @throws {LibcError} if the kernel refuses
 */
export function steerLibc(fd: number, share: SocketShare | undefined, datagrams: boolean): void {
  const { libc, errno } = openLibc();
  if (share === undefined) {
    const none = new Uint8Array(4);
    libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_DETACH_REUSEPORT_BPF, none, 4);
    return;
  }
  block ??= ownBlock(INSTRUCTIONS * INSTRUCTION_BYTES);
  const code = new DataView(block.bytes.buffer);
  const instruct = (index: number, operation: number, value: number) => {
    code.setUint16(index * INSTRUCTION_BYTES, operation, true);
    code.setUint32(index * INSTRUCTION_BYTES + 4, value, true);
  };
  instruct(0, LOAD, datagrams ? FLOW_HASH : RANDOM);
  instruct(1, MODULO, share.count);
  instruct(2, ADD, share.first);
  instruct(3, RETURN, 0);
  const program = new Uint8Array(PROGRAM_BYTES);
  const view = new DataView(program.buffer);
  view.setUint16(0, INSTRUCTIONS, true);
  view.setBigUint64(8, block.address, true);
  const done = libc.setsockopt(
    fd,
    abi.SOL_SOCKET,
    abi.SO_ATTACH_REUSEPORT_CBPF,
    program,
    PROGRAM_BYTES,
  );
  if (done < 0) throw libcError("setsockopt", errno[0]!);
}
