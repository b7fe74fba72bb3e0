/** Damage on the disks, and scrub. */
import { type hobject_t, InvariantError, parse_hobject } from "@tako/common";
import { type coll_t, type MemStore, Transaction } from "@tako/osd";
import type { Command, Commands } from "./Command.ts";
import { PGID, type Scene } from "./Scene.ts";

/** Runs it to its end. */
function scrub(what: "scrub" | "deep-scrub" | "repair"): Command {
  return async (s) => {
    const stamp = () => s.primary()?.peering.info.history.last_scrub_stamp ?? 0;
    const before = stamp();
    // A status line with the id of an OSD, which the scenario does not know.
    await s.mon_command({ prefix: `pg ${what}`, pgid: PGID });
    await s.world.until(() => stamp() > before, what);
  };
}

/** An object on a disk, whether its OSD runs or not. */
function on_disk(
  s: Scene,
  [name = "", oid = ""]: readonly string[],
  fn: (store: MemStore, c: coll_t, o: hobject_t) => void,
): void {
  const id = s.cast.id(name);
  const store = s.world.store(id);
  const dead = s.world.osd(id) === undefined;
  if (dead) store.mount_now();
  const c = store.list_collections().find((x) => /^1\.0(s\d+)?_head$/.test(x)) ?? "";
  const { objects } = store.collection_list(c, "MIN", "MAX", 1 << 20);
  const o = objects.find((x) => parse_hobject(x)?.oid === oid);
  if (!o) throw new InvariantError(`${name} has no ${oid}`);
  fn(store, c, o);
  if (dead) store.umount_now();
}
function behind_the_back(
  s: Scene,
  words: readonly string[],
  fn: (t: Transaction, c: coll_t, o: hobject_t) => void,
): void {
  on_disk(s, words, (store, c, o) => {
    const t = new Transaction();
    fn(t, c, o);
    store.queue_transaction(t);
  });
}

/** `x: errors; A read_error; C missing` */
function inconsistent_line(s: Scene, v: unknown): string {
  const of = (o: unknown, key: string): unknown => Reflect.get(Object(o), key);
  const list = (o: unknown): unknown[] => (Array.isArray(o) ? o : []);
  const shards = list(of(v, "shards")).flatMap((x) => {
    const errors = list(of(x, "errors"));
    return errors.length > 0 ? [`${s.cast.letter(Number(of(x, "osd")))} ${errors.join(" ")}`] : [];
  });
  const errors = list(of(v, "errors")).join(" ");
  const parts = errors === "" ? shards : [errors, ...shards];
  return `${String(of(of(v, "object"), "name"))}: ${parts.join("; ")}`;
}

export const SCRUB_COMMANDS: Commands = {
  scrub: scrub("scrub"),
  "deep-scrub": scrub("deep-scrub"),
  repair: scrub("repair"),
  /** `scrub-now deep-scrub`: nobody waits for it. */
  "scrub-now": async (s, a) => {
    await s.mon_command({ prefix: `pg ${a[0]}`, pgid: PGID });
  },
  /** `flip B x 13`: that bit of x (from the seed when it is not said) turns over on B's disk. */
  flip: (s, a) =>
    on_disk(s, a, (store, c, o) => {
      const bit = a[2] === undefined ? s.world.rng.int(1 << 20) : Number(a[2]);
      if (!store.flip_bit(c, o, bit)) throw new InvariantError(`nothing of ${a[1]} is on the disk`);
    }),
  /** `lose B x`: B's copy is gone. */
  lose: (s, a) => behind_the_back(s, a, (t, c, o) => t.remove(c, o)),
  /** `cut B x 3`: B's copy is shorter than it should be. */
  "cut-off": (s, a) => behind_the_back(s, a, (t, c, o) => t.truncate(c, o, Number(a[2]))),
  /** `rados list-inconsistent-obj`, a line an object. */
  inconsistent: async (s) => {
    const done = s.admin.pg_command(PGID, { prefix: "list-inconsistent-obj" });
    const { outb } = await s.world.done(done, "list-inconsistent-obj");
    const found: unknown = Reflect.get(Object(outb), "inconsistents");
    for (const o of Array.isArray(found) ? found : []) s.say(inconsistent_line(s, o));
    if (Array.isArray(found) && found.length === 0) s.say("nothing");
  },
};
