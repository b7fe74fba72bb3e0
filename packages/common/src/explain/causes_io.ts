/** What stops client I/O although the PG could serve: flags, full OSDs, full pools. */
import { type CauseRule, cause } from "./cause.ts";
import type { explained_cause } from "./explanation.ts";
import { full_osds } from "./fullness.ts";
import type { PGCase } from "./PGCase.ts";
import { are, listed, unique } from "./words.ts";

export const io_causes: CauseRule = (c) => {
  const out: explained_cause[] = [];
  const pause = pause_cause(c.map);
  if (pause) out.push(pause);
  const full = full_osds(c, unique([...c.acting_osds, ...c.up_osds])).filter(
    (f) => f.level === "full",
  );
  if (full.length > 0) {
    out.push(
      cause("io.osd_full", "unavailable", {
        say: [
          `${listed(full.map((f) => f.words))}: writes to the PG wait or fail with ENOSPC; reads and ` +
            "deletions go on.",
        ],
        facts: full.flatMap((f) => f.facts),
        osds: full.map((f) => f.osd),
        unblocks: [
          "Make room: add OSDs, or let others take more (reweight, balancer).",
          "Raising full_ratio by a little lets data be moved away; an OSD that runs quite full " +
            "can no longer start.",
        ],
      }),
    );
  }
  const pool = c.pool ? pool_full(c) : undefined;
  if (pool) out.push(pool);
  return out;
};

export function pause_cause(map: PGCase["map"]): explained_cause | undefined {
  const set = ["pauserd", "pausewr"].filter((f) => map?.flags.has(f));
  if (!map || set.length === 0) return undefined;
  const what = set.length === 2 ? "reads and writes" : set[0] === "pauserd" ? "reads" : "writes";
  return cause("io.pause", "unavailable", {
    say: [
      `Clients hold back all ${what} of the cluster: ${listed(set)} ${are(set)} set. The PGs could serve.`,
    ],
    facts: [map.doc.at("flags").fact(`${listed(set)} set`)],
    unblocks: ["'osd unpause' lets them go on."],
  });
}

function pool_full(c: PGCase): explained_cause | undefined {
  const { pool } = c;
  if (!pool || !(pool.flags.has("full") || pool.flags.has("full_quota"))) return undefined;
  const quota = pool.flags.has("full_quota");
  const limits = ["quota_max_bytes", "quota_max_objects"].map((n) => pool.doc.at(n));
  return cause("io.pool_full", "unavailable", {
    say: [
      quota
        ? `The pool ${pool.name} has reached its quota: writes wait or fail; deletions go on.`
        : `The pool ${pool.name} is full, because an OSD that it uses is: writes wait or fail.`,
    ],
    facts: [
      pool.doc.at("flags_names").fact(quota ? "full_quota" : "full"),
      ...limits.filter((d) => quota && d.count() > 0).map((d) => d.fact("the quota")),
    ],
    osds: [],
    unblocks: [
      quota
        ? "Raise the quota ('osd pool set-quota'), or have the pool's users free space."
        : "Make room on the full OSDs: add OSDs, or let others take more.",
    ],
  });
}
