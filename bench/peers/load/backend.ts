/**
 * The backend of every participant: answers requests, streams bulk, answers ClientHellos and echoes
 * datagrams, in one process with one epoll. Ends when its standard input does.
 *
 * @module
 */

import { Batch } from "./datagrams.ts";
import { accept, bindUdp, DISCARD, libc, listenTcp, SEND } from "./libc.ts";
import {
  BULK_PATTERN,
  keeps,
  KEPT_REQUEST,
  REQUEST_NUMBER_AT,
  RESPONSE,
  RESPONSE_NUMBER_AT,
  TLS_ANSWERS,
  UDP_REQUEST,
  UDP_RESPONSE,
} from "./messages.ts";
import { Inbox } from "./inbox.ts";
import { BROKEN, IN, OUT, Poll } from "./poll.ts";

/** The ports of one backend. */
export interface BackendPorts {
  /** TCP: requests and their responses. */
  readonly requests: number;
  /** TCP: a stream without end. */
  readonly bulk: number;
  /** TCP: ClientHellos, first backend and second. */
  readonly tls: readonly [number, number];
  /** UDP: echo. */
  readonly udp: number;
}

/** Called when a descriptor is ready. */
type Ready = (fd: number, events: number) => void;

/** So that 64 streams take turns. */
const BULK_CHUNK = 256 * 1024;
/** A record of a ClientHello with its header. */
const RECORD_HEADER = 5;

const poll = new Poll();
const handlers: (Ready | undefined)[] = [];
const input = new Uint8Array(1 << 16);
const inbox = new Inbox();

function close(fd: number): void {
  handlers[fd] = undefined;
  inbox.forget(fd);
  libc.close(fd);
}

function listen(port: number, ready: Ready): void {
  const listener = listenTcp(port);
  poll.add(listener, IN);
  handlers[listener] = () => {
    for (let fd = accept(listener); fd >= 0; fd = accept(listener)) {
      handlers[fd] = ready;
      poll.add(fd, IN);
    }
  };
}

/** Reads bytes that were not taken yet; undefined if the connection is gone, which closes it. */
function read(fd: number): Uint8Array<ArrayBuffer> | undefined {
  const bytes = inbox.read(fd);
  if (bytes === undefined) close(fd);
  return bytes;
}

function answerRequests(fd: number): void {
  const bytes = read(fd);
  if (bytes === undefined) return;
  let at = 0;
  for (; at + KEPT_REQUEST.length <= bytes.length; at += KEPT_REQUEST.length) {
    for (let i = 0; i < 8; i++) {
      RESPONSE[RESPONSE_NUMBER_AT + i] = bytes[at + REQUEST_NUMBER_AT + i] ?? 0;
    }
    if (libc.send(fd, RESPONSE, RESPONSE.length, SEND) < RESPONSE.length) return close(fd);
    if (!keeps(bytes, at)) return close(fd);
  }
  inbox.keep(fd, bytes, at);
}

function answerHello(answer: Uint8Array<ArrayBuffer>): Ready {
  return (fd) => {
    const bytes = read(fd);
    if (bytes === undefined) return;
    const length = RECORD_HEADER + (((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0));
    if (bytes.length < RECORD_HEADER || bytes.length < length) return inbox.keep(fd, bytes, 0);
    libc.send(fd, answer, answer.length, SEND);
    close(fd);
  };
}

function beginBulk(fd: number): void {
  if (read(fd) === undefined) return;
  let at = 0;
  handlers[fd] = (_, events) => {
    if ((events & IN) !== 0 && libc.recv(fd, input, input.length, DISCARD) === 0) return close(fd);
    if ((events & BROKEN) !== 0) return close(fd);
    if ((events & OUT) === 0) return;
    const size = Math.min(BULK_CHUNK, BULK_PATTERN.length - at);
    const n = libc.send(fd, BULK_PATTERN.subarray(at, at + size), size, SEND);
    if (n < 0) return;
    at = (at + n) % BULK_PATTERN.length;
  };
  poll.modify(fd, IN | OUT);
}

function echoDatagrams(port: number): void {
  const socket = bindUdp(port);
  const slot = 2048;
  const batch = new Batch(64, slot, true);
  poll.add(socket, IN);
  handlers[socket] = () => {
    const n = batch.receive(socket);
    for (let i = 0; i < n; i++) {
      batch.setLength(i, batch.length(i));
      const word = i * (slot / 4);
      if (batch.words[word] === UDP_REQUEST) batch.words[word] = UDP_RESPONSE;
    }
    if (n > 0) batch.send(socket, n);
  };
}

function main(): void {
  const ports: BackendPorts = JSON.parse(Deno.args[0] ?? "");
  listen(ports.requests, answerRequests);
  listen(ports.bulk, beginBulk);
  for (const i of [0, 1] as const) listen(ports.tls[i], answerHello(TLS_ANSWERS[i]!));
  echoDatagrams(ports.udp);
  let running = true;
  handlers[0] = () => running = libc.read(0, input, input.length) > 0;
  poll.add(0, IN);
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  while (running) {
    const n = poll.wait(-1);
    for (let i = 0; i < n; i++) handlers[poll.fd(i)]?.(poll.fd(i), poll.events(i));
  }
}

if (import.meta.main) main();
