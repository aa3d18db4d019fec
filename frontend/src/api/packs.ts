/** The files of an export: answers that were recorded, in scripts that are loaded when they are first needed. */

import { ApiError, type ErrorKind, type RunInfo } from "./types";

/** What an export says of itself, in manifest.js; `tensorboard_activis/export/collecting.py` writes it. */
export interface Manifest {
  version: string;
  name: string;
  run: RunInfo;
  /** Names of the layers that are exported; packs have their indices. */
  layers: string[];
  /** The files of packs, by their names. */
  packs: Record<string, string>;
  /** The files of pictures and sounds, by step and index of the instance; "" for none. */
  contents: Record<string, string[]>;
  left_out: string[];
}

type Header = Record<string, [start: number, length: number, failed: number]>;

export interface Pack {
  /** The answer under a key. Throws ApiError: the one that was recorded, or that there is none. */
  get(key: string): ArrayBuffer;
  has(key: string): boolean;
}

export type Packs = (name: string) => Promise<Pack>;

/** The most packs that are held in memory. */
const MOST = 200;

/** What is said of everything that an export does not answer. */
export const notHere = (): ApiError =>
  new ApiError(
    "thinned",
    "It is not in this export. To see it, open the log that it was made of: tensorboard-activis serve LOGDIR",
  );

export function readPack(bytes: Uint8Array): Pack {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Header;
  const find = (key: string): Header[string] | undefined => (Object.hasOwn(header, key) ? header[key] : undefined);
  return {
    has: (key) => find(key) !== undefined,
    get(key) {
      const [start, size, failed] = find(key) ?? [0, -1, 0];
      if (size < 0) throw notHere();
      const from = bytes.byteOffset + 4 + length + start;
      const answer = bytes.buffer.slice(from, from + size) as ArrayBuffer;
      if (!failed) return answer;
      const { error } = JSON.parse(new TextDecoder().decode(answer)) as { error: { kind: ErrorKind; message: string } };
      throw new ApiError(error.kind, error.message);
    },
  };
}

/** Base64 of what zlib has compressed. */
async function unpacked(text: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Loads packs by scripts: a page that was opened from a disk can load nothing else. */
export function openPacks({ packs }: Manifest): Packs {
  const texts = new Map<string, string>();
  Object.assign(window, { activisPack: (name: string, text: string) => texts.set(name, text) });
  const known = new Map<string, Promise<Pack>>();
  const load = async (file: string): Promise<Pack> => {
    const script = document.createElement("script");
    script.src = file;
    const there = new Promise<void>((resolve, reject) => {
      script.onload = () => resolve();
      script.onerror = () => reject(new ApiError("unreadable", `The file ${file} of this export is missing.`));
    });
    document.head.append(script);
    await there.finally(() => script.remove());
    const name = file.replace(/^.*\/|\.js$/g, "");
    const text = texts.get(name);
    texts.delete(name);
    if (text === undefined) throw new ApiError("unreadable", `The file ${file} of this export is damaged.`);
    return readPack(await unpacked(text));
  };
  return (name) => {
    const file = Object.hasOwn(packs, name) ? packs[name] : undefined;
    if (file === undefined) return Promise.reject(notHere());
    const found = known.get(file) ?? load(file);
    known.delete(file);
    known.set(file, found);
    found.catch(() => known.delete(file));
    for (const oldest of known.keys()) {
      if (known.size <= MOST) break;
      known.delete(oldest);
    }
    return found;
  };
}
