/**
 * Reports when the configuration file has changed and is whole. Knows files and their events, never what
 * is in the file.
 *
 * If there are events (inotify), a close after writing is one of them ("access"), so a file is being
 * written after a "modify" until an "access". "modify" stands for attributes as well: a program that
 * changes them after its close (vim sets an ACL) looks like the next writer, but the text is what it was
 * at the close. Without events a file is whole once two looks have found the same.
 *
 * Events may be missing or stop: network file systems and folders further up have none. So the file is also
 * looked at now and then, and nothing here waits for an event.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { type FileEventKind, Inotify } from "../io/libc/inotify.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import { readTextFile } from "../text_file.ts";
import { within } from "../within.ts";
import { findTrail, inodesOf, markOf, orMissing, type Trail } from "./trail.ts";

/** Milliseconds between two reads of events, at most. */
const READ_MS = 100;
const QUIET_MS = 250;
/** Milliseconds between two looks that nothing but the clock asks for. */
const POLL_MS = 1000;
/** Looks at whether the file is another one or has changed, for one that reads it. */
const LOOKS = 30;
/** Stands for a writer that no watch has seen. */
const UNSEEN = "";
/** Quiet times until {@linkcode WatchOptions.onWaiting} is called, or no writer is believed in. */
const WAITING_QUIETS = 8;
/** Milliseconds until a watch that could not be opened is tried again: descriptors may be short. */
const RETRY_MS = 5000;
/** How often the path is followed again while it changes. After that, the timer does it. */
const MAX_ROUNDS = 10;
/** Milliseconds that work under way has when the watch ends: reading may take longer. */
const END_MS = 1000;

/** Options of a {@linkcode FileWatch}. */
export interface WatchOptions {
  /**
   * Called with the new text, once per change, and only after the call before has settled.
   *
   * @param text The whole file, never empty
   */
  readonly onChange: (text: string) => void | Promise<void>;
  /** Called once if a changed file is still open for writing, or empty. */
  readonly onWaiting?: () => void;
  /** Called once if a change was found by looking, without an event. */
  readonly onMissed?: () => void;
  /** Called with errors, also those of {@linkcode onChange}. Watching goes on. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** The text that is in use; by default that of the file at the start. */
  readonly text?: string;
  /** Whether events are used if there are some; by default they are. */
  readonly events?: boolean;
  /** Milliseconds without an event before the file is looked at; 250 by default. */
  readonly quietMs?: number;
  /** Milliseconds between looks without an event; 1000 by default. */
  readonly pollMs?: number;
}

interface Watched {
  readonly path: string;
  readonly end: () => void;
}

/**
 * Watches a file through symbolic links, replacement and removal, its folder's included. Disposing of it ends
 * it.
 */
export class FileWatch implements AsyncDisposable {
  /** Settles once every later change is noticed; never rejects. */
  readonly started: Promise<void>;
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #quietMs: number;
  readonly #pollMs: number;
  #source: Inotify | undefined;
  #reading: ReturnType<typeof setInterval> | undefined;
  /** By path and inode: what a path names may be replaced, the folder that stays is not left meanwhile. */
  readonly #watched = new Map<string, Watched>();
  /** The keys of those that have seen a write and no close since, or have missed some. */
  readonly #open = new Set<string>();
  #trail: Trail = { file: undefined, folders: new Set(), names: new Set() };
  /** Whether the path may lead elsewhere by now. */
  #moved = true;
  #text: string | undefined;
  /** What the file said when it was closed last. */
  #closedText: string | undefined;
  /** How many files have had the name. */
  #files = 0;
  #events = 0;
  #lastEvent = 0;
  /** Events when the file was last looked at. */
  #eventsSeen = 0;
  /** What the file was like when it was last read, and how often it has been found so since. */
  #mark = "";
  #looks = 0;
  /** What a look has found while no event says that it is whole. */
  #found: string | undefined;
  #toldMissed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #checking: Promise<void>;
  #snapshots = Promise.resolve();
  #snapshotWaits = false;
  #snapshotOf = 0;
  #telling = false;
  #toldWaiting = false;
  #lastProblem = "";
  #closed = false;

  /**
   * @param path The file; it may be missing
   * @param options What to call
   */
  constructor(path: string, options: WatchOptions) {
    this.#path = resolve(path);
    this.#options = options;
    this.#quietMs = options.quietMs ?? QUIET_MS;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#text = options.text;
    try {
      if (options.events !== false && missingForLibc() === undefined) {
        const source = this.#source = new Inotify();
        this.#reading = setInterval(() => source.read(), Math.min(this.#quietMs, READ_MS));
      }
    } catch (error) {
      options.onError(error);
    }
    this.started = this.#checking = this.#start();
  }

  async #start(): Promise<void> {
    try {
      this.#text ??= await this.#read();
    } catch (error) {
      this.#reportProblem(error);
    }
    await this.#follow();
    // What is written from now on is not to be taken for what was there.
    await this.#snapshots;
    this.#checkIn(this.#quietMs);
  }

  /**
   * Reads the file once no process is writing it. It is then not reported as a change.
   *
   * @returns The whole file, or `undefined` if there is none
   * @throws {Error} when it is still being written after some time, or cannot be read
   */
  async read(): Promise<string | undefined> {
    for (let left = WAITING_QUIETS;; left--) {
      await this.#snapshots;
      const text = await this.#read();
      if (text === undefined) return undefined;
      if (this.#closed) throw new Error(`"${this.#path}" is no longer watched`);
      const fresh = text !== this.#text && left === WAITING_QUIETS;
      const open = this.#source !== undefined && text !== this.#closedText &&
        (this.#open.size > 0 || fresh);
      if (text !== "" && !open) {
        if (!this.#telling) this.#text = text;
        return text;
      }
      // It may be another file by now, of which nothing was told.
      this.#queue(() => this.#follow());
      await this.#checking;
      if (left === 0) throw new Error(`"${this.#path}" is being written; try again`);
      await new Promise((resolve) => setTimeout(resolve, this.#quietMs));
    }
  }

  #checkIn(ms: number, { polled = false, look = false } = {}): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#queue(async () => {
        if (!look || await this.#looksOther()) await this.#check(polled || look);
        else this.#lookAgain();
      });
    }, ms);
  }

  #lookAgain(): void {
    this.#checkIn(this.#pollMs, { look: true });
  }

  /** Looks at the file without reading it; now and then it has to be read all the same. */
  async #looksOther(): Promise<boolean> {
    const mark = await markOf(this.#path);
    const same = mark === this.#mark && !this.#moved && !this.#toldWaiting && ++this.#looks < LOOKS;
    if (!same) this.#looks = 0;
    this.#mark = mark;
    return !same;
  }

  #queue(work: () => Promise<void>): void {
    this.#checking = this.#checking.then(work).catch((error) => {
      this.#reportProblem(error);
      this.#lookAgain();
    });
  }

  async #check(polled: boolean): Promise<void> {
    const events = this.#events;
    if (this.#moved || polled) await this.#follow();
    await this.#snapshots;
    const text = await this.#read();
    // What happened meanwhile has set the timer again, and so will the end of a call under way.
    if (this.#closed || this.#telling || events !== this.#events) return;
    // What failed to be watched has set it to an earlier time.
    if (!this.#moved) this.#lookAgain();
    if (text === undefined || text === this.#text) {
      this.#toldWaiting = false;
      return;
    }
    if (this.#source === undefined && text !== this.#found) {
      this.#found = text;
      return this.#checkIn(this.#pollMs);
    }
    if (polled && events === this.#eventsSeen) {
      // The event may wait to be read.
      this.#source?.read();
      if (events !== this.#events) return;
      if (this.#source !== undefined && !this.#toldMissed) {
        this.#toldMissed = true;
        this.#options.onMissed?.();
      }
    }
    // A write may be younger than the last event that has arrived.
    if (this.#open.size === 0 && text !== this.#closedText) this.#doubt(UNSEEN);
    // Every rewrite in place begins with an empty file, and none of those is a configuration.
    if (text === "" || (this.#source !== undefined && this.#open.size > 0)) {
      const left = this.#lastEvent + WAITING_QUIETS * this.#quietMs - performance.now();
      // What happened in a folder before it was watched was not told, so the path is followed again too.
      if (left > 0) return this.#checkIn(left, { polled: true });
      if (text === "" || text !== this.#closedText) {
        if (this.#toldWaiting) return;
        this.#toldWaiting = true;
        return this.#options.onWaiting?.();
      }
    }
    this.#open.clear();
    this.#found = undefined;
    this.#eventsSeen = this.#events;
    this.#text = text;
    this.#toldWaiting = false;
    this.#report(text);
  }

  /** Events were missed: believes in a writer until the file has long been what it is now. */
  #doubt(key: string): void {
    this.#open.add(key);
    this.#lastEvent = performance.now();
    this.#remember();
  }

  async #report(text: string): Promise<void> {
    this.#telling = true;
    try {
      await this.#options.onChange(text);
    } catch (error) {
      if (!this.#closed) this.#options.onError(error);
    }
    this.#telling = false;
    this.#lastProblem = "";
    this.#checkIn(this.#quietMs);
  }

  /** Reports a problem once, however often it comes in a row. */
  #reportProblem(error: unknown): void {
    const problem = String(error);
    if (this.#closed || problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#options.onError(error);
  }

  #onEvent(key: string, kind: FileEventKind, path: string): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    const missed = kind === "missed";
    if (!missed && !this.#trail.names.has(path)) return;
    this.#events++;
    this.#lastEvent = performance.now();
    const atFile = path === this.#trail.file;
    if (kind === "modify" && atFile) {
      this.#open.add(key);
    } else if (kind === "access" && atFile) {
      this.#open.delete(key);
      this.#open.delete(UNSEEN);
      this.#remember();
    } else {
      if (missed) {
        this.#doubt(key);
      } else if (kind === "remove" && path === watched.path) {
        // The watch died with what it was set on; a file of that name may long be another.
        this.#unwatch(key, watched);
      } else if (atFile) {
        this.#open.delete(key);
        this.#open.delete(UNSEEN);
        this.#closedText = undefined;
        this.#files++;
        // The file that was replaced may report its lost link as its successor's "modify".
        if (kind === "rename") this.#remember();
      }
      // At once: what happens in a new folder is seen only once that is watched.
      if (!this.#moved) this.#queue(() => this.#follow());
      this.#moved = true;
    }
    this.#checkIn(this.#quietMs);
  }

  /** Notes what the file says now that it was closed. */
  #remember(): void {
    this.#snapshotOf = this.#files;
    if (this.#snapshotWaits) return;
    this.#snapshotWaits = true;
    this.#snapshots = this.#snapshots.then(async () => {
      this.#snapshotWaits = false;
      const file = this.#snapshotOf;
      const text = await this.#read();
      // Another file's text is not what this one was closed with.
      if (file === this.#files) this.#closedText = text;
    }).catch((error) => this.#reportProblem(error));
  }

  #read(): Promise<string | undefined> {
    return orMissing(readTextFile(this.#path));
  }

  /** Watches what the path leads through now, and no longer what it led through before. */
  async #follow(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#moved = false;
      // What was opened may have come too late for what happened in between.
      if (!await this.#followOnce()) return;
    }
    this.#moved = true;
    this.#checkIn(this.#quietMs);
  }

  /** Answers whether there is a new watch. */
  async #followOnce(): Promise<boolean> {
    const trail = await findTrail(this.#path);
    const keys = await inodesOf(trail);
    if (this.#closed) return false;
    if (trail.file !== this.#trail.file) {
      this.#open.clear();
      this.#closedText = undefined;
      this.#files++;
    }
    this.#trail = trail;
    for (const [key, watched] of this.#watched) {
      if (!keys.has(key)) this.#unwatch(key, watched);
    }
    let opened = false;
    for (const [key, path] of keys) {
      if (!this.#watched.has(key) && this.#watch(key, path)) opened = true;
    }
    return opened;
  }

  #watch(key: string, path: string): boolean {
    if (this.#source === undefined) return false;
    const { file } = this.#trail;
    try {
      const end = this.#source.watch(path, (kind, at) => this.#onEvent(key, kind, at));
      this.#watched.set(key, { path, end });
      // A writer that had already begun was not seen.
      if (file !== undefined && path === dirname(file)) this.#doubt(key);
      return true;
    } catch (error) {
      // It is gone again, which its folder announces.
      if (error instanceof Deno.errors.NotFound) return false;
      this.#reportProblem(error);
      this.#moved = true;
      this.#checkIn(RETRY_MS);
      return false;
    }
  }

  #unwatch(key: string, { end }: Watched): void {
    this.#watched.delete(key);
    this.#open.delete(key);
    end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#reading);
    this.#watched.clear();
    this.#source?.[Symbol.dispose]();
    this.#source = undefined;
    // The caller's own work is not waited for: it may be what disposes.
    await within(END_MS, Promise.all([this.#checking, this.#snapshots]));
  }
}
