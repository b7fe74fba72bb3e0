/**
 * Looks at a LevelDB directory before it is opened: is every file there that must be, whole and
 * undamaged? LevelDB opens many a damaged directory without a word, and deletes files that a cut
 * MANIFEST no longer names; so this comes first.
 * Also turns the errors of LevelDB and of the file system into StoreErrors that name a path.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import { type ManifestState, read_manifest, scan_log } from "./level_log.ts";

/** The last eight bytes of every table file. */
const TABLE_MAGIC = Buffer.from("57fb808b247547db", "hex");

export function damaged(path: string, what: string): StoreError {
  return new StoreError(`${path}: ${what}`, { code: "corrupt", path, what });
}

/** True when files of a database lie in `dir`. */
export function has_level_files(dir: string): boolean {
  if (!existsSync(dir)) return false;
  return readdirSync(dir).some((f) => f === "CURRENT" || /^MANIFEST-|\.(ldb|log)$/.test(f));
}

/**
 * Throws StoreError for the first file that is missing or damaged. `dir` holds a database. Returns
 * the path of its newest log.
 */
export function check_level_files(dir: string): string {
  const current = join(dir, "CURRENT");
  const name = read(current).toString("latin1");
  if (!/^MANIFEST-\d+\n$/.test(name)) throw damaged(current, "does not name a MANIFEST file");
  const manifest = join(dir, name.trim());
  const state = check_manifest(manifest);
  for (const [number, size] of state.tables) check_table(dir, number, size);
  return check_logs(dir, manifest, state.log_number);
}

function check_manifest(path: string): ManifestState {
  const scan = scan_log(read(path), "records");
  if (scan.damaged_at !== undefined) throw damaged(path, `damaged at byte ${scan.damaged_at}`);
  const state = read_manifest(scan.records);
  if (!state || scan.records.length === 0) throw damaged(path, "damaged: not a list of edits");
  return state;
}

function check_table(dir: string, number: number, size: number): void {
  const base = String(number).padStart(6, "0");
  const path = [`${base}.ldb`, `${base}.sst`].map((f) => join(dir, f)).find((p) => existsSync(p));
  if (!path) throw damaged(join(dir, `${base}.ldb`), "file is missing");
  const found = statSync(path).size;
  if (found !== size) throw damaged(path, `file has ${found} bytes and should have ${size}`);
  if (!ends_as_table(path, size)) throw damaged(path, "damaged: not a table file");
}
function ends_as_table(path: string, size: number): boolean {
  const fd = openSync(path, "r");
  try {
    const end = Buffer.alloc(TABLE_MAGIC.length);
    readSync(fd, end, 0, end.length, Math.max(0, size - end.length));
    return end.equals(TABLE_MAGIC);
  } finally {
    closeSync(fd);
  }
}

function check_logs(dir: string, manifest: string, log_number: number | undefined): string {
  if (log_number === undefined) throw damaged(manifest, "damaged: names no log");
  const logs = readdirSync(dir)
    .map((f) => Number(/^(\d+)\.log$/.exec(f)?.[1] ?? -1))
    .filter((n) => n >= log_number)
    .sort((a, b) => a - b);
  // 0: a database that was created and never opened again; its first log comes with the open.
  if (log_number > 0 && !logs.includes(log_number)) {
    throw damaged(join(dir, log_name(log_number)), "file is missing");
  }
  for (const n of logs) {
    const path = join(dir, log_name(n));
    const { damaged_at } = scan_log(read(path), "nothing");
    if (damaged_at !== undefined) throw damaged(path, `damaged at byte ${damaged_at}`);
  }
  return join(dir, log_name(logs.at(-1) ?? log_number));
}
function log_name(n: number): string {
  return `${String(n).padStart(6, "0")}.log`;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (err) {
    if (error_code(err) === "ENOENT") throw damaged(path, "file is missing");
    throw to_store_error(path, err);
  }
}

export function error_code(err: unknown): string {
  return err instanceof Error && "code" in err ? String(err.code) : "";
}

/** The disk's error, whoever reports it: names the file when LevelDB does, else `path`. */
export function to_store_error(path: string, err: unknown): StoreError {
  if (err instanceof StoreError) return err;
  const inner = err instanceof Error && err.cause instanceof Error ? err.cause : err;
  const message = inner instanceof Error ? inner.message : String(inner);
  const code = error_code(inner);
  const file = /(\/[^:]+): /.exec(message)?.[1] ?? path;
  const options = { cause: err };
  if (code === "LEVEL_LOCKED") {
    const text = `${path}: in use by another process`;
    return new StoreError(text, { code: "locked", path }, options);
  }
  if (code === "ENOSPC" || code === "EDQUOT" || /No space left|quota exceeded/i.test(message)) {
    return new StoreError(`${file}: no space left`, { code: "ENOSPC", path: file }, options);
  }
  const what = message.replace(`${file}: `, "");
  const kind = code === "LEVEL_CORRUPTION" ? "corrupt" : "EIO";
  return new StoreError(`${file}: ${what}`, { code: kind, path: file, what }, options);
}
